"""Every Python example in README.md and docs/ runs, top to bottom per file, in an empty directory of its own.

An HTML comment on the line before a block says more. `<!-- no-run -->`: an illustration that could not run
by itself. `<!-- file: NAME -->`, before a block of any language: a file of that name, for the blocks that follow.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if path.exists())

BLOCK = re.compile(
    r"^(?:<!-- *(?P<note>.*?) *-->[ ]*\n)?"
    r"(?P<indent>[ ]*)(?P<fence>`{3,})(?P<language>\w*)[^`\n]*\n"
    r"(?P<text>.*?)"
    r"^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    language: str
    note: str
    line: int
    text: str


def blocks(document: str) -> Iterator[Block]:
    for found in BLOCK.finditer(document):
        indent = found["indent"]
        text = "".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True))
        yield Block(found["language"], found["note"] or "", document.count("\n", 0, found.start("text")), text)


def run_examples(document: str, name: str, directory: Path) -> None:
    """Run a document's blocks in one namespace; a traceback names the document's own line."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(document):
        if block.note.startswith("file:"):
            target = directory / block.note.removeprefix("file:").strip()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        elif block.language == "python" and block.note != "no-run":
            exec(compile("\n" * block.line + block.text, name, "exec"), namespace)


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.relative_to(ROOT).as_posix() for path in DOCUMENTS])
def test_examples_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_examples(path.read_text("utf-8"), str(path), tmp_path)


def test_each_example_of_the_readme_can_be_copied_alone() -> None:
    for block in blocks((ROOT / "README.md").read_text("utf-8")):
        assert block.language != "python" or "import spillover\n" in block.text, block.line


DOCUMENT = """\
<!-- file: data/plan.txt -->
```yaml
plus
```

```python
from pathlib import Path
plan = Path("data/plan.txt").read_text()
```

1. A list:

   ```python
   assert plan == "plus\\n"
   ```

<!-- no-run -->
```python
raise RuntimeError
```

```console
$ spillover init
```
"""


def test_blocks_share_names_and_files_and_illustrations_do_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_examples(DOCUMENT, "page.md", tmp_path)


def test_a_failing_example_names_its_line_in_the_document(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_examples("# Title\n\n```python\nx = 1\nx / 0\n```\n", "page.md", tmp_path)
    assert (str(caught.traceback[-1].path).endswith("page.md"), caught.traceback[-1].lineno + 1) == (True, 5)
