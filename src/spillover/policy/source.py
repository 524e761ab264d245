"""The text of a policy as values that know their line: YAML read event by event, so bounds hold before memory does.

Scalars are read here, not by the library: a plain scalar is a number only if JSON has it as one, and a number with a
point becomes a decimal from its own text, so no price ever passes through a binary float. Everything else (`0x1f`,
`1_000`, `1e3`, `.inf`, `yes`) is text. That also makes the canonical JSON of a document read as the same document.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from spillover.model.errors import PolicyError
from spillover.policy.findings import Findings, Json, Path, refused, show_value

VALUES_MAX = 100_000
"""Values in a document, its aliases written out; a text counts once more for every 16 characters."""

DEPTH_MAX = 64
"""How deep values may be nested; a policy needs ten."""

NUMBER_LENGTH_MAX = 40
"""Longer numbers are text, and so refused wherever a number is expected."""

_NUMBER = re.compile(r"(?!-0$)-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CORE_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")


Scalar = bool | int | Decimal | str | None


class Node(NamedTuple):
    """A value with the line (from 1) of its key or item. `text` is a scalar as it was written."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    text: str | None = None
    weight: int = 1
    height: int = 1

    def plain(self) -> Json:
        """The value without its lines, aliases written out."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest one around it that there is."""
        node = self
        for part in path:
            within = node.value
            if isinstance(within, dict) and isinstance(part, str) and part in within:
                node = within[part]
                continue
            if isinstance(within, list) and isinstance(part, int) and part < len(within):
                node = within[part]
                continue
            break
        return node.line


def parse_yaml(text: str, file: str) -> tuple[Node, Findings]:
    """The one document in `text`, with mistakes that reading could go on after (a key twice, a tag).

    Raises PolicyError where it could not: syntax, an empty text, a second document, too large, too deep.
    """
    builder = _Builder(file)
    line = 1
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 1
            builder.take(event, line)
    except PolicyError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refused(file, mark.line + 1 if mark else line, *_syntax(error.problem or str(error))) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refused(file, line, f"the character U+{error.character:04X}", "printable text in UTF-8") from None
    except Exception as error:
        # The library answers some malformed texts (`%YAML 1.3`) with whatever Python raised inside it.
        raise refused(file, line, *_syntax(str(error))) from None
    if builder.root is None:
        raise refused(file, 1, "an empty document", "a mapping with spillover, features and plans")
    return builder.root, builder.findings


def _syntax(problem: str) -> tuple[str, str]:
    if "'\\t'" in problem:
        return "a tab", "spaces: YAML does not indent with tabs"
    return f"text that is not YAML ({' '.join(problem.split())})", "YAML 1.2"


class _Open:
    """A list or mapping whose end has not been read yet."""

    __slots__ = ("anchor", "height", "key", "line", "value", "weight")

    def __init__(self, value: list[Node] | dict[str, Node], line: int, anchor: str | None) -> None:
        self.value, self.line, self.anchor = value, line, anchor
        self.key: Node | None = None
        self.weight = self.height = 1


class _Builder:
    """Puts the events of one document together; not by recursion, which deep nesting would exhaust."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.findings = Findings(file, lambda path: self.root.line_of(path) if self.root else 1)
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._weight = 0
        self._documents = 0

    def take(self, event: Event, line: int) -> None:
        """One event of the library."""
        match event:
            case ScalarEvent():
                node = self._scalar(event, line)
                self._bound(node.weight, len(self._open) + 1, line)
                self._put(node, event.anchor)
            case AliasEvent():
                self._alias(event.anchor, line)
            case MappingStartEvent() | SequenceStartEvent():
                if event.tag not in (None, _CORE_TAG + "map", _CORE_TAG + "seq"):
                    self._tag(event.tag, line)
                self._open.append(_Open({} if isinstance(event, MappingStartEvent) else [], line, event.anchor))
                self._bound(1, len(self._open), line)
            case MappingEndEvent() | SequenceEndEvent():
                done = self._open.pop()
                self._put(Node(done.value, done.line, None, done.weight, done.height), done.anchor)
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise refused(self._file, line, "a second document", "one document in a file")
            case _:
                pass  # the ends of the document and of the stream

    def _alias(self, anchor: str, line: int) -> None:
        known = self._anchors.get(anchor)
        if known is None:
            raise refused(self._file, line, f"the alias *{anchor}", f"an anchor &{anchor} that ends before it")
        self._bound(known.weight, len(self._open) + known.height, line)
        self._put(known._replace(line=line), None)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        within = self._open[-1]
        within.weight += node.weight
        within.height = max(within.height, node.height + 1)
        if isinstance(within.value, list):
            within.value.append(node)
        elif within.key is None:
            within.key = node
        else:
            key, within.key = within.key, None
            self._entry(within.value, key, node)

    def _entry(self, mapping: dict[str, Node], key: Node, node: Node) -> None:
        if key.text is None:
            self.findings.add(self._path(), f"{show_value(key.plain())} as a key", "a name as a key", line=key.line)
        elif key.text in mapping:
            first = mapping[key.text].line
            found = f"this key twice (first on line {first})"
            self.findings.add((*self._path(), key.text), found, "each key once", line=key.line)
        else:
            mapping[key.text] = node._replace(line=key.line)

    def _scalar(self, event: ScalarEvent, line: int) -> Node:
        text = str(event.value)
        if _SURROGATE.search(text):
            text = self._joined(text, line)
        if event.tag not in (None, "!", _CORE_TAG + "str"):
            self._tag(event.tag, line)
        plain = event.tag is None and event.implicit[0]
        return Node(resolve(text) if plain else text, line, text, 1 + len(text) // 16)

    def _joined(self, text: str, line: int) -> str:
        """Escapes like "\\ud83d\\ude00", as JSON writes characters beyond U+FFFF, put together."""
        pairs = text.encode("utf-16-le", "surrogatepass")
        try:
            return pairs.decode("utf-16-le")
        except UnicodeDecodeError:
            self.findings.add(self._path(), "half of a surrogate pair", "text that UTF-8 can write", line=line)
            return pairs.decode("utf-16-le", "replace")

    def _tag(self, tag: object, line: int) -> None:
        shown = str(tag).replace(_CORE_TAG, "!!")
        self.findings.add(self._path(), f"the tag {shown}", "no tags: quote what is text", line=line)

    def _path(self) -> Path:
        """Where the builder is."""
        path: list[str | int] = []
        for within in self._open:
            if isinstance(within.value, list):
                path.append(len(within.value))
            elif within.key is not None and within.key.text is not None:
                path.append(within.key.text)
        return tuple(path)

    def _bound(self, more: int, depth: int, line: int) -> None:
        self._weight += more
        if self._weight > VALUES_MAX:
            found = f"more than {VALUES_MAX:,} values (aliases written out)"
            raise refused(self._file, line, found, "a smaller policy")
        if depth > DEPTH_MAX:
            raise refused(self._file, line, f"more than {DEPTH_MAX} levels of nesting", "a flatter policy")


def resolve(text: str) -> Scalar:
    """A plain scalar's value, by the head of this file."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= NUMBER_LENGTH_MAX and (number := _NUMBER.fullmatch(text)):
        return Decimal(text) if number[2] else int(text)
    return text
