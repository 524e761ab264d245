"""Where pictures are drawn: a terminal as it is; a pipe or a file without the blanks that only fill up lines."""

from __future__ import annotations

import sys
from typing import IO, TextIO, cast


class _Trimmed:
    """Passes text on without blanks at the ends of its lines; it is written in whole lines."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write("\n".join(line.rstrip(" ") for line in text.split("\n")))
        return len(text)

    def flush(self) -> None:
        self._file.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        return self._file.encoding


def paper() -> IO[str]:
    """Standard output for a console to write to."""
    return sys.stdout if sys.stdout.isatty() else cast("IO[str]", _Trimmed(sys.stdout))
