"""A trace as rows: CSV with a header, or CloudEvents as JSON lines, plain or gzip. A bad row is a value, not the end.

Lines are bounded before memory is. What cannot be read any further (an end cut off, a wrong header) raises TraceError
with file and line.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from spillover.model.errors import TraceError

LINE_BYTES_MAX = 1_000_000
"""Bytes of one line; the fields of a row in CSV are bounded by 131,072 characters each."""
GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """One row: its number from 1 (the header does not count), its line in the file, its cells by column."""

    number: int
    line: int
    cells: dict[str, str]


class Fault(NamedTuple):
    """One row that cannot be used."""

    line: int
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        found = self.found if len(self.found) <= 120 else self.found[:117] + "..."
        return f"{self.field}: found {found}, expected {self.expected}"


class Lines:
    """The lines of a file as text, counted. `unusable` says what is wrong with lines that are given as empty."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.number = 0
        self.unusable: dict[int, Fault] = {}

    def __iter__(self) -> Iterator[str]:
        with opened(self.file) as stream:
            while line := self._next(stream):
                self.number += 1
                yield self._text(line, stream)

    def error(self, what: str, line: int = 0) -> TraceError:
        """The error that ends the reading, at a line (the present one unless given)."""
        return TraceError(f"{self.file}:{line or max(self.number, 1)}: {what}")

    def _next(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.readline(LINE_BYTES_MAX + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.number += 1
            raise self.error(
                f"trace: found compressed data that ends or breaks here ({error}), expected a whole gzip file;"
                " what was decided before stays, so replay the whole file to go on"
            ) from None
        except OSError as error:
            raise self.error(f"trace: found that it cannot be read ({error.strerror or error})") from None

    def _text(self, line: bytes, stream: IO[bytes]) -> str:
        if len(line) > LINE_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = self._next(stream)
            return self._refuse(f"more than {LINE_BYTES_MAX:,} bytes", "a shorter line")
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            return self._refuse(f"the byte 0x{line[error.start]:02X}", "text in UTF-8")

    def _refuse(self, found: str, expected: str) -> str:
        self.unusable[self.number] = Fault(self.number, "line", found, expected)
        return "\n"


def opened(file: str) -> IO[bytes]:
    """The bytes of a file, unpacked if it is gzip (whatever its name). Raises TraceError."""
    try:
        with Path(file).open("rb") as stream:
            packed = stream.read(2) == GZIP
        return cast(IO[bytes], gzip.open(file, "rb")) if packed else Path(file).open("rb")
    except FileNotFoundError:
        raise TraceError(f"{file}:1: trace: found no such file, expected a trace") from None
    except (OSError, ValueError) as error:
        raise TraceError(f"{file}:1: trace: found that it cannot be read ({error}), expected a trace") from None


def lines_in(file: str) -> int:
    """How many lines a file has, for showing progress; as far as it can be read."""
    count = 0
    with opened(file) as stream:
        try:
            while chunk := stream.read(1 << 20):
                count += chunk.count(b"\n")
        except (EOFError, OSError, zlib.error):
            pass  # the reading itself reports it
    return count


def csv_rows(file: str, needed: set[str]) -> Iterator[Row | Fault]:
    """The rows of a CSV file (RFC 4180; LF, CRLF and a byte order mark are all right). Raises TraceError."""
    lines = Lines(file)
    reader = csv.reader(lines, strict=True)
    header = _header(lines, reader, needed)
    number, width = 0, len(header)
    while True:
        before = lines.number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield Fault(before + 1, "row", f"a mistake of CSV ({error})", "quoted fields that end, and none too long")
            continue
        if lines.unusable:
            number += 1
            yield lines.unusable.pop(min(lines.unusable))
            lines.unusable.clear()
        elif not cells:
            continue  # an empty line
        elif len(cells) != width:
            number += 1
            yield Fault(before + 1, "row", f"{len(cells)} fields", f"{width}, as in the header")
        else:
            number += 1
            named = dict(zip(header, cells, strict=True))
            named["#"] = str(number)
            yield Row(number, before + 1, named)


def _header(lines: Lines, reader: Iterator[list[str]], needed: set[str]) -> list[str]:
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise lines.error(f"header: found a mistake of CSV ({error}), expected the names of columns", 1) from None
    if lines.unusable:
        raise lines.error(f"header: {lines.unusable[1]}", 1)
    if not header:
        found = "an empty file" if header is None else "an empty line"
        raise lines.error(f"header: found {found}, expected a row with the names of columns", 1)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise lines.error(f"header: found {', '.join(map(repr, twice[:5]))} twice, expected each column once", 1)
    missing = sorted(needed - set(header))
    if missing:
        shown = ", ".join(header)
        shown = shown if len(shown) <= 200 else shown[:197] + "..."
        expected = f"the columns that the map reads: {', '.join(missing[:10])}"
        raise lines.error(f"header: found {shown}, expected also {expected}", 1)
    return header
