"""The mistakes of one document, collected while it is read, so that one run of `policy check` shows them all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal

from spillover.model.errors import Mistake, PolicyError

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
"""What a document is made of. Numbers with a point are decimals, exactly as written."""

Path = tuple[str | int, ...]
"""Where in a document: keys and indexes from its root."""

SHOWN_MAX = 80
"""Characters of what was found that a message repeats."""

_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Findings:
    """Collects mistakes; `line_of` finds a path's line (from 1) in the file they are reported for."""

    def __init__(self, file: str, line_of: Callable[[Path], int]) -> None:
        self._file, self._line_of = file, line_of
        self._found: dict[tuple[Path, str], Mistake] = {}

    def add(self, path: Path, found: str, expected: str, *, line: int = 0) -> None:
        """One mistake at `path`; `line` where it is not the path's own. Said once, however often it is found."""
        mistake = _mistake(self._file, line or self._line_of(path), path, found, expected)
        self._found.setdefault((path, found), mistake)

    def __len__(self) -> int:
        return len(self._found)

    def paths(self) -> set[Path]:
        """Where mistakes are."""
        return {path for path, _ in self._found}

    def raise_any(self) -> None:
        """Raises PolicyError with all mistakes in the order of the file, if there are any."""
        if self._found:
            raise PolicyError(tuple(sorted(self._found.values(), key=lambda mistake: mistake.line)))


def refused(file: str, line: int, found: str, expected: str) -> PolicyError:
    """The error for a document that cannot be read any further."""
    return PolicyError((_mistake(file, line, (), found, expected),))


def show_path(path: Path) -> str:
    """A path for people: `plans.plus.rules[0].max`; a name with a dot is quoted: `features["codex.messages"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE_KEY.fullmatch(part):
            text += f".{part}"
        else:
            text += f"[{_quoted(part)}]"
    return text.removeprefix(".") or "document"


def show_value(value: object) -> str:
    """A value for people, on one line and at most `SHOWN_MAX` characters."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping with " + _quoted(", ".join(map(str, value)))[1:-1] if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str):
        return _quoted(value)
    return _shortened(as_text(value))


def as_text(value: object) -> str:
    """A scalar as the text that attributes are compared by: 8 -> "8", true -> "true", 1.50 -> "1.50"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _mistake(file: str, line: int, path: Path, found: str, expected: str) -> Mistake:
    return Mistake(file, line, show_path(path), _printable(found), _printable(expected))


def _quoted(text: str) -> str:
    return _printable(json.dumps(_shortened(text), ensure_ascii=False))


def _printable(text: str) -> str:
    """Without characters that would change the line or the terminal that it is shown on."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."
