"""Where pictures are drawn: a terminal as it is; a pipe or a file without the blanks that only fill up lines."""

from __future__ import annotations

import sys
from typing import IO, Any, cast


class _Trimmed:
    """Passes text on without blanks at the ends of its lines; it is written in whole lines."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write("\n".join(line.rstrip(" ") for line in text.split("\n")))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def paper() -> IO[str]:
    """Standard output for a console to write to."""
    return sys.stdout if sys.stdout.isatty() else cast("IO[str]", _Trimmed(sys.stdout))
