"""Traces as they come: CSV and CloudEvents, plain and gzip; a bad row names file and line, and costs only itself."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from spillover.model.errors import TraceError
from spillover.replay.events import event_rows
from spillover.replay.rows import Fault, Row, csv_rows


def read(tmp_path: Path, content: bytes, needed: set[str] | None = None) -> list[Row | Fault]:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    return list(csv_rows(str(path), needed or {"a"}))


def cells(found: list[Row | Fault]) -> list[dict[str, str]]:
    assert all(isinstance(row, Row) for row in found), found
    return [{name: value for name, value in row.cells.items() if name != "#"} for row in found if isinstance(row, Row)]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\n1,2\n3,4",
        b"a,b\r\n1,2\r\n3,4\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
        b'"a","b"\n"1","2"\n"3","4"\n',
        b"a,b\n\n1,2\n\n3,4\n\n",
        gzip.compress(b"a,b\n1,2\n3,4\n"),
        gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"),
    ],
    ids=["lf", "no-end", "crlf", "bom", "quotes", "empty-lines", "gzip", "two-gzip-members"],
)
def test_the_usual_forms_of_csv_are_the_same_rows(content: bytes, tmp_path: Path) -> None:
    assert cells(read(tmp_path, content)) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_quoted_fields_keep_commas_quotes_and_line_ends_and_lines_are_counted(tmp_path: Path) -> None:
    found = read(tmp_path, b'a,b\n"x,""y""\nz",2\n3,4\n')
    assert cells(found) == [{"a": 'x,"y"\nz', "b": "2"}, {"a": "3", "b": "4"}]
    assert [(row.number, row.line) for row in found if isinstance(row, Row)] == [(1, 2), (2, 4)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "t.csv:1: header: found an empty file, expected a row with the names of columns"),
        (gzip.compress(b""), "t.csv:1: header: found an empty file"),
        (b"\n1,2\n", "t.csv:1: header: found an empty line"),
        (b"x,y\n1,2\n", "t.csv:1: header: found x, y, expected also the columns that the map reads: a"),
        (b"1,2\n3,4\n", "t.csv:1: header: found 1, 2, expected also the columns that the map reads: a"),
        (b"a,b,a\n1,2,3\n", "t.csv:1: header: found 'a' twice, expected each column once"),
        (b"a\xff,b\n", "t.csv:1: header: line: found the byte 0xFF, expected text in UTF-8"),
        (b'"a\n' + b"x" * 200_000, "t.csv:1: header: found a mistake of CSV"),
    ],
)
def test_a_wrong_header_stops_at_line_1(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read(tmp_path, content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "line", "said"),
    [
        (b"1\n", 3, "row: found 1 fields, expected 2, as in the header"),
        (b"1,2,3\n", 3, "row: found 3 fields, expected 2"),
        (b"1,\xff\n", 3, "line: found the byte 0xFF, expected text in UTF-8"),
        (b'1,"2"x\n', 3, "row: found a mistake of CSV"),
        (b"1," + b"x" * 200_000 + b"\n", 3, "row: found a mistake of CSV (field larger than field limit"),
        (b"1," + b"x" * 3_000_000 + b"\n", 3, "line: found more than 1,000,000 bytes, expected a shorter line"),
    ],
    ids=["short", "long", "not-utf8", "quotes", "huge-field", "huge-line"],
)
def test_a_bad_row_is_one_fault_with_its_line_and_the_next_row_is_read(
    bad: bytes, line: int, said: str, tmp_path: Path
) -> None:
    good, fault, after = read(tmp_path, b"a,b\n1,2\n" + bad + b"3,4\n")
    assert isinstance(fault, Fault)
    assert fault.line == line
    assert said in str(fault)
    assert cells([good, after]) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert isinstance(after, Row)
    assert after.number == 3, "a row's number, and so its key, does not depend on bad rows before it"


def test_a_quote_that_never_ends_is_a_fault_and_not_the_memory_of_the_machine(tmp_path: Path) -> None:
    found = read(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 100_000)
    assert isinstance(found[0], Fault)
    assert found[0].line == 2


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_gzip_file_that_ends_early_stops_with_the_line_that_was_reached(cut: float, tmp_path: Path) -> None:
    dice = random.Random(1)
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (dice.getrandbits(60), n) for n in range(20_000)))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(whole[: int(len(whole) * cut)])
    lines = []
    with pytest.raises(TraceError, match=r"t\.csv\.gz:\d+: trace: found compressed data that ends or breaks") as caught:
        lines.extend(row.line for row in csv_rows(str(path), {"a"}))
    reached = int(str(caught.value).removeprefix(f"{path}:").partition(":")[0])
    assert reached > 2_000


def test_gzip_data_that_was_damaged_stops(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 20_000))
    whole[len(whole) // 2] ^= 0xFF
    with pytest.raises(TraceError, match="compressed data that ends or breaks here"):
        read(tmp_path, bytes(whole))


def test_no_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="found no such file, expected a trace"):
        list(csv_rows(str(tmp_path / "none.csv"), set()))
    with pytest.raises(TraceError, match="cannot be read"):
        list(csv_rows(str(tmp_path), set()))


def event(**more: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": "1", "source": "/s", "type": "images", "subject": "acme"} | more


def events(tmp_path: Path, text: str) -> list[Row | Fault]:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    return list(event_rows(str(path)))


def test_cloudevents_become_columns(tmp_path: Path) -> None:
    data = {"n": 8, "f": 1.50, "b": True, "x": None, "usage": {"out": 3}, "l": [1]}
    written = event(time="2026-03-01T10:00:00Z", team="blue", data=data)
    (found,) = events(tmp_path, "\n" + json.dumps(written).replace("1.5,", "1.50,") + "\n\n")
    assert isinstance(found, Row)
    assert found.line == 2
    assert found.cells == {
        "specversion": "1.0", "id": "1", "source": "/s", "type": "images", "subject": "acme",
        "time": "2026-03-01T10:00:00Z", "team": "blue",
        "data.n": "8", "data.f": "1.50", "data.b": "true", "data.usage.out": "3", "#": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "event: found a mistake of JSON"),
        ("[1]", "event: found a list of JSON, expected one CloudEvent as a JSON object"),
        ('{"n": NaN}', "event: found a mistake of JSON"),
        (json.dumps(event(specversion="0.3")), "specversion: found '0.3', expected \"1.0\""),
        (json.dumps(event(id="")), "id: found '', expected text, as CloudEvents requires it"),
        (json.dumps({"specversion": "1.0", "id": "1", "type": "t"}), "source: found None"),
        ("[" * 100_000, "event: found a mistake of JSON"),
        ('"' + "x" * 1_100_000 + '"', "line: found more than 1,000,000 bytes"),
    ],
)
def test_a_bad_event_is_one_fault_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    fault, after = events(tmp_path, line + "\n" + json.dumps(event()) + "\n")
    assert isinstance(fault, Fault)
    assert (fault.line, isinstance(after, Row)) == (1, True)
    assert said in str(fault)


def test_a_long_trace_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + (b"x" * 900 + b",y\n") * 100_000))  # 90 MB unpacked
    program = (
        "import resource, sys\nfrom spillover.replay.rows import csv_rows\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert sum(1 for _ in csv_rows(sys.argv[1], {'a'})) == 100_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    said = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 30, "megabytes"
