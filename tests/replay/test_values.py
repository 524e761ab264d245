"""What a cell becomes: whole numbers and never a float, instants to the millisecond, buckets by a stated hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest

from spillover.core.instants import to_moment
from spillover.replay.expressions import Unfit, columns_of, count_of, dealt, text_of
from spillover.replay.rows import Fault, Row
from spillover.replay.times import TimeRule


@pytest.mark.parametrize(
    ("cell", "count"),
    [("8", 8), ("8.0", 8), ("8.", 8), ("0", 0), ("007", 7), ("9007199254740991", 2**53 - 1), ("3.000", 3)],
)
def test_whole_numbers_are_read_exactly(cell: str, count: int) -> None:
    assert count_of({"column": "n"})({"n": cell}) == count


@pytest.mark.parametrize(
    "cell", ["8.5", "-1", "NaN", "nan", "inf", "1e3", "0x8", "1_000", " 8", "٣", "9007199254740992", "1" * 40, "8,0"]
)
def test_what_is_no_whole_number_is_refused(cell: str) -> None:
    with pytest.raises(Unfit) as caught:
        count_of({"column": "n"})({"n": cell})
    assert (caught.value.column, caught.value.found) == ("n", repr(cell))
    assert caught.value.expected == "a whole number from 0 to 2^53 - 1"


def test_counts_may_be_taken_off_and_stand_for_empty_cells() -> None:
    less = count_of({"column": "in", "minus": ["cached", "free"]})
    assert less({"in": "10", "cached": "3", "free": ""}) == 7
    assert less({"in": "10", "cached": "4", "free": "6"}) == 0
    with pytest.raises(Unfit, match="less than cached, free together"):
        less({"in": "10", "cached": "8", "free": "3"})
    assert count_of({"column": "n"})({"n": ""}) is None
    assert count_of({"column": "n", "when_empty": 0})({}) == 0
    assert count_of({"is": 1})({}) == 1


@pytest.mark.parametrize(
    ("written", "cells", "text"),
    [
        ({"column": "a"}, {"a": "x"}, "x"),
        ({"column": "a"}, {}, ""),
        ({"column": "#"}, {"#": "7"}, "7"),
        ({"is": 8}, {}, "8"),
        ({"template": "{a}-{b}#{#}"}, {"a": "x", "b": "y", "#": "3"}, "x-y#3"),
        ({"column": "a", "values": {"X": "images", "Y": 2}}, {"a": "Y"}, "2"),
        ({"column": "a", "values": {"X": "images"}, "else": "other"}, {"a": "Z"}, "other"),
        ({"column": "a", "values": {"X": "images"}}, {"a": ""}, ""),
        ({"column": "a", "values": {"": "none"}}, {"a": ""}, "none"),
    ],
)  # fmt: skip
def test_text_comes_from_columns_constants_and_templates(written: Any, cells: dict[str, str], text: str) -> None:
    assert text_of(written)(cells) == text


def test_a_value_that_the_map_does_not_name_is_refused() -> None:
    with pytest.raises(Unfit, match="one of the map's values: X"):
        text_of({"column": "a", "values": {"X": "images"}})({"a": "Z"})


def test_columns_that_an_expression_reads() -> None:
    assert columns_of({"template": "{a}-{#}-{b c}"}) == {"a", "b c"}
    assert columns_of({"bucket": {"of": ["#", "z"], "into": 2}}) == {"z"}
    assert columns_of({"column": "a", "minus": ["b"]}) == {"a", "b"}


def test_buckets_are_dealt_by_the_stated_hash_and_evenly() -> None:
    bucket = text_of({"bucket": {"of": ["#"], "into": 20, "name": "user-{n}"}})
    digest = hashlib.blake2b(b"bucket user-{n}\x0042", digest_size=8).digest()
    assert bucket({"#": "42"}) == f"user-{int.from_bytes(digest, 'big') % 20 + 1}"
    counted = Counter(bucket({"#": str(n)}) for n in range(20_000))
    assert len(counted) == 20
    assert 850 < min(counted.values()) <= max(counted.values()) < 1150
    assert dealt("a", ["b", "c"], 2**62) != dealt("a", ["bc"], 2**62)


@pytest.mark.parametrize(
    ("rule", "cell", "moment"),
    [
        ({}, "2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00"),
        ({}, "2026-03-29T01:00:00.1239Z", "2026-03-29T01:00:00.123000"),
        ({"unit": "s"}, "1774746000", "2026-03-29T01:00:00"),
        ({"unit": "s", "epoch": "2026-03-29T01:00:00Z"}, "0", "2026-03-29T01:00:00"),
        ({"unit": "s", "epoch": "2026-03-29T01:00:00Z"}, "1.9999", "2026-03-29T01:00:01.999000"),
        ({"unit": "s", "epoch": "2026-03-29T01:00:00Z"}, "-0.0005", "2026-03-29T00:59:59.999000"),
        ({"unit": "ms", "epoch": "2026-03-29T01:00:00Z"}, "1500.7", "2026-03-29T01:00:01.500000"),
        ({"unit": "us", "epoch": "2026-03-29T01:00:00Z"}, "46680590", "2026-03-29T01:00:46.680000"),
    ],
)
def test_times_are_exact_to_the_millisecond_and_rounded_down(rule: Any, cell: str, moment: str) -> None:
    at = TimeRule({"column": "t", **rule}).at({"t": cell}, 0)
    assert to_moment(at).replace(tzinfo=None).isoformat() == moment


@pytest.mark.parametrize(
    ("rule", "cell"),
    [
        ({}, ""),
        ({}, "2026-03-29 01:00:00"),
        ({}, "yesterday"),
        ({"unit": "s"}, ""),
        ({"unit": "s"}, "NaN"),
        ({"unit": "s"}, "1e9"),
        ({"unit": "s"}, "inf"),
        ({"unit": "us"}, "١٢"),
    ],
)
def test_what_is_no_time_is_refused(rule: Any, cell: str) -> None:
    with pytest.raises(Unfit):
        TimeRule({"column": "t", **rule}).at({"t": cell}, 0)


SESSIONS = {
    "column": "t", "unit": "s", "epoch": "2026-03-02T00:00:00Z", "session": {"of": ["s"], "within": "30d"},
    "nested": {"parent": "p", "conversation": "c", "marker": {"k": "start"}},
}  # fmt: skip


def row(number: int, t: str, c: str, p: str = "", k: str = "") -> Row:
    return Row(number, number + 1, {"t": t, "s": c.partition("/")[0], "c": c, "p": p, "k": k, "#": str(number)})


def test_sessions_start_by_their_hash_and_nested_conversations_at_the_next_marker() -> None:
    rule = TimeRule(SESSIONS)
    rows = [
        row(1, "0", "x"), row(2, "0", "x/1", "x"), row(3, "9", "x/1", "x"), row(4, "100", "x", k="start"),
        row(5, "0", "x/2", "x"), row(6, "200", "x", k="start"), row(7, "300", "x"), row(8, "1", "y"),
    ]  # fmt: skip
    at = {}
    for found, later in rule.placed(rows):
        assert isinstance(found, Row)
        at[found.number] = rule.at(found.cells, later)
    start = at[1]
    assert 0 <= start - rule.epoch < 30 * 86_400_000
    since = {number: (instant - start) // 1000 for number, instant in at.items() if number != 8}
    assert since == {1: 0, 2: 100, 3: 109, 4: 100, 5: 200, 6: 200, 7: 300}
    assert (at[8] - start) % 1000, "another session starts at another moment"


def test_nested_rows_without_a_marker_are_faults() -> None:
    placed = list(TimeRule(SESSIONS).placed([row(1, "0", "x/1", "x"), row(2, "5", "x")]))
    assert [type(found) for found, _ in placed] == [Row, Fault]
    assert placed[1][0] == Fault(2, "p", "rows inside 'x'", "a marker row of it later in the trace")
