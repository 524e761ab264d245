"""The map of a trace: a document that says which columns are what; its mistakes name file, line and path."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, NoReturn

from spillover.model.errors import InvalidInput, Mistake, PolicyError
from spillover.policy.findings import Findings, Path
from spillover.policy.source import parse_yaml
from spillover.replay.form import map_form

BYTES_MAX = 1_000_000
"""The largest text of a map."""


@dataclass(frozen=True, slots=True)
class TraceMap:
    """A map that has the schema's form. `line_of` finds the line of a path in its file."""

    file: str
    document: dict[str, Any]
    line_of: Callable[[Path], int]

    def findings(self) -> Findings:
        """Collects mistakes that only a policy or a trace can show."""
        return Findings(self.file, self.line_of)


def read_map(path: str | os.PathLike[str]) -> TraceMap:
    """The map in a file of YAML 1.2 (or JSON), in UTF-8 and at most a million bytes.

    Raises InvalidInput, whose text names file, line, path, what was found and what was expected.
    """
    file = os.fspath(path)
    return read_map_text(_text_in(file), file)


def read_map_text(text: str, file: str = "<map>") -> TraceMap:
    """The map in a text; `file` is what its mistakes name. Raises InvalidInput."""
    try:
        if not text.strip():
            expected = "a mapping with spillover_map, time, account and feature"
            refuse((Mistake(file, 1, "map", "an empty document", expected),))
        root, findings = parse_yaml(text, file)
        document: Any = root.plain()
        map_form().check(document, findings)
        findings.raise_any()
    except PolicyError as error:
        refuse(error.mistakes)
    return TraceMap(file, document, root.line_of)


def refuse(mistakes: tuple[Mistake, ...]) -> NoReturn:
    """The error for a map with mistakes: the first in full, and where the others are."""
    first = mistakes[0]
    others = ", ".join(f"line {mistake.line} {mistake.path}" for mistake in mistakes[1:6])
    more = f" (and {len(mistakes) - 1} more: {others}{', ...' if len(mistakes) > 6 else ''})" if others else ""
    raise InvalidInput(f"{first.file}:{first.line}: {first.path}", first.found, first.expected + more) from None


def raise_any(findings: Findings) -> None:
    """Raises InvalidInput if there are mistakes."""
    try:
        findings.raise_any()
    except PolicyError as error:
        refuse(error.mistakes)


def _text_in(file: str) -> str:
    expected = "a map in YAML"
    try:
        with FilePath(file).open("rb") as stream:
            content = stream.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise InvalidInput(f"{file}:1: map", "no such file", expected) from None
    except (OSError, ValueError) as error:
        found = f"a file that cannot be read ({getattr(error, 'strerror', None) or error})"
        raise InvalidInput(f"{file}:1: map", found, expected) from None
    if len(content) > BYTES_MAX:
        raise InvalidInput(f"{file}:1: map", f"more than {BYTES_MAX:,} bytes", "a smaller map")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02X}"
        raise InvalidInput(f"{file}:{line}: map", found, "text in UTF-8") from None
