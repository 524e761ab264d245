"""Rows that last: each opens a hold at its start and ends it at its end, at the trace's own times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spillover.engine.answers import Decision, Ending
from spillover.engine.items import Answer
from spillover.model.errors import TraceError
from spillover.replay.requests import Entry
from tests.replay import books
from tests.replay.lasting import EPOCH, HEADER, MAP, OK, POLICY, Row, trace
from tests.replay.support import Bench, holds_bench
from tests.replay.test_replay import shown


class Told:
    """What every step was answered, by row and kind, at its instant after the epoch."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, int]] = []

    def __call__(self, entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
        for answer in answers:
            assert isinstance(answer, Decision | Ending), answer
            if isinstance(answer, Ending):
                said = "late" if answer.late else answer.kind
            else:
                said = "opened" if answer.allowed else answer.denial.blocked_by if answer.denial else ""
            self.lines.append((answer.key, said, answer.at - EPOCH))


def told(one: Bench, **options: Any) -> list[tuple[str, str, int]]:
    """The steps in the order of their time; they are the same in batches of any size."""
    found = []
    for group in (1, 3, 128):
        log = Told()
        one.replay(observe=log, group=group, **options)
        found.append(log.lines)
    assert found[0] == found[1] == found[2]
    return found[0]


def test_a_row_is_a_hold_until_its_end_and_ends_of_an_instant_come_before_its_starts(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 1, 1, 1000, OK), (999, "a", 1, 1, 5, OK), (1000, "a", 1, 1, 2000, "broken")]
    rows += [(3000, "a", 1, 1, 0, OK), (3000, "a", 1, 1, 0, OK), (3000, "a", 1, 1, 1, OK)]
    assert told(trace(tmp_path, rows)) == [
        ("row-1", "opened", 0), ("row-2", "ceiling parallel", 999), ("row-1", "commit", 1000),
        ("row-3", "opened", 1000), ("row-3", "release", 3000),
        ("row-4", "opened", 3000), ("row-4", "commit", 3000), ("row-5", "opened", 3000), ("row-5", "commit", 3000),
        ("row-6", "opened", 3000), ("row-6", "commit", 3001),
    ]  # fmt: skip


def test_what_never_ends_expires_at_the_time_of_the_trace(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 1, 1, "", "lost"), (60_999, "a", 1, 1, 1, OK), (61_000, "a", 1, 1, "", OK)]
    assert told(trace(tmp_path, rows)) == [
        ("row-1", "opened", 0), ("row-2", "ceiling parallel", 60_999), ("row-1", "expire", 61_000),
        ("row-3", "opened", 61_000), ("row-3", "expire", 122_000),
    ]  # fmt: skip


def test_an_end_after_expiry_is_a_late_commit_and_a_release_after_it_is_nothing(tmp_path: Path) -> None:
    rows: list[Row] = [
        (0, "a", 4, 4, 61_000, OK), (0, "b", 4, 4, 61_001, OK), (0, "c", 4, 4, 61_001, "broken"),
        (61_000, "b", 1, 1, 1, OK),
    ]  # fmt: skip
    one = trace(tmp_path, rows)
    assert sorted(told(one), key=lambda line: (line[0], line[2])) == [
        ("row-1", "opened", 0), ("row-1", "commit", 61_000),
        ("row-2", "opened", 0), ("row-2", "expire", 61_000), ("row-2", "late", 61_001),
        ("row-3", "opened", 0), ("row-3", "expire", 61_000),
        ("row-4", "opened", 61_000), ("row-4", "commit", 61_001),
    ]  # fmt: skip
    holds = one.replay().holds
    assert holds is not None
    assert (holds.opened, holds.committed, holds.released, holds.expired, holds.late, holds.open) == (4, 2, 0, 2, 1, 0)


def test_at_one_instant_ends_come_before_what_expires(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 1, 1, "", "lost"), (1000, "a", 1, 1, 60_000, OK), (61_000, "a", 1, 1, 1, OK)]
    assert told(trace(tmp_path, rows, policy=POLICY.replace("max: 1,", "max: 2,")))[2:] == [
        ("row-2", "commit", 61_000), ("row-1", "expire", 61_000), ("row-3", "opened", 61_000),
        ("row-3", "commit", 61_001),
    ]  # fmt: skip


def test_lots_end_as_of_the_last_row_of_the_trace_or_the_last_end_of_their_account(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 1, 1, "", "lost"), (0, "b", 1, 1, 1000, OK), (40_000, "c", 1, 1, 1, OK)]
    lots = "lots: [{credits: 3, expires: 30s}, {credits: 2, expires: 50s}]"
    one = trace(tmp_path, rows, MAP.replace("lots: [{credits: 3}]", lots))
    (credits,) = one.replay().holdings
    assert credits.gone == 8_000_000, "of a, whose hold expires after 61 s, both; of b the first, of c none"
    (credits,) = one.replay(limit=3).holdings
    assert credits.gone == 0, "the trace may go on"


def test_the_true_usage_is_billed_and_what_no_layer_pays_is_overshoot(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 4, 10, 10, OK), (20, "a", 12, 8, 10, OK), (40, "a", 1, 1, 10, OK)]
    summary = trace(tmp_path, rows).replay(tmp_path / "x.db")
    holds = summary.holds
    assert holds is not None
    assert (summary.granted, [(one.kind, one.requests) for one in summary.denied]) == (2, [("owed", 1)])
    assert [(use.layer, use.requests, use.units) for use in summary.layers] == [("allowance", 2, 10), ("credits", 1, 3)]
    assert (holds.overshoot, holds.forgiven.credits, holds.owed.credits) == (1, "2", "1")
    (credits,) = summary.holdings
    assert (credits.given, credits.spent, credits.left, credits.owed) == (3_000_000, 3_000_000, 0, 1_000_000)
    assert books.sound(tmp_path / "x.db")


def test_how_many_were_open_at_once_is_counted_in_the_time_of_the_trace(tmp_path: Path) -> None:
    rows: list[Row] = [
        (0, "a", 1, 11, 100, OK), (50, "b", 1, 12, 100, OK), (100, "c", 1, 10, 100, OK), (140, "d", 1, 10, "", "lost"),
    ]  # fmt: skip
    holds = trace(tmp_path, rows).replay().holds
    assert holds is not None
    assert (holds.opened, holds.open_most, holds.held_most.credits) == (4, 3, "3")


def test_an_end_may_be_told_as_an_instant_and_the_policy_may_know_the_estimate(tmp_path: Path) -> None:
    map = MAP.replace("{lasting: took, unit: ms}", "{column: took}").replace("{calls: {column: guess}}", "{}")
    map = map.replace("estimate", "lasts: 5s\n  estimate")
    rows: list[Row] = [(0, "a", 2, 0, 3000, OK), (3000, "a", 2, 0, 9500, OK)]
    with pytest.raises(TraceError, match=r"t\.csv:2: took: found '3000', expected an end that is not before its start"):
        trace(tmp_path, [(3001, "a", 2, 0, 3000, OK)], map).replay()
    policy = POLICY.replace("hold: {for: 60s}", "hold: {default: {calls: 5}}")
    summary = trace(tmp_path, rows, map, policy).replay()
    assert [use.units for use in summary.layers] == [4]
    assert summary.holds is not None
    assert (summary.holds.committed, summary.holds.expired, summary.holds.late) == (1, 1, 1)
    with pytest.raises(TraceError, match=r"t\.csv:2: estimate: found nothing, expected an estimate in counts of calls"):
        trace(tmp_path, rows, map).replay()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((5, "a", 1, 1, "-1", OK), "took: found '-1', expected an end that is not before its start"),
        ((5, "a", 1, 1, "soon", OK), "took: found 'soon', expected a number of ms"),
        ((5, "a", 1, 1, "1" + "0" * 15, OK), "took: found '1000000000000000', expected an end that is not before"),
        ((5, "a", 1, 1, 1, "maybe"), "how: found 'maybe', expected one of the map's values: ok, broken, lost"),
        ((5, "a", 1, 1, 1, ""), "hold.outcome: found '', expected one of commit, release, nothing"),
        ((5, "a", 0, 1, 1, OK), "usage: found {'calls': 0}, expected at least one unit"),
        ((5, "a", 1, 0, 1, OK), "usage: found {'calls': 0}, expected at least one unit"),
        ((3, "a", 1, 1, 1, OK), "t: found an instant 1 ms before that of a row above, expected rows by time"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_a_hold_stops_at_its_line(row: Row, said: str, tmp_path: Path) -> None:
    one = trace(tmp_path, [(4, "a", 1, 1, 1, OK), row, (9, "a", 1, 1, 1, OK)])
    with pytest.raises(TraceError) as caught:
        one.replay()
    assert f"t.csv:3: {said}" in str(caught.value)
    summary = one.replay(skip_bad=True)
    assert (summary.bad, summary.granted) == (1, 2)


def test_rows_in_any_order_are_sorted_where_the_map_says_so(tmp_path: Path) -> None:
    rows: list[Row] = [(1000, "a", 1, 1, 5, OK), (0, "a", 1, 1, 1000, OK)]
    assert told(trace(tmp_path, rows, MAP + "order: time\n")) == [
        ("row-2", "opened", 0), ("row-2", "commit", 1000), ("row-1", "opened", 1000), ("row-1", "commit", 1005),
    ]  # fmt: skip


def test_usage_of_a_row_that_came_to_nothing_need_not_be_told(tmp_path: Path) -> None:
    one = trace(tmp_path, [(0, "a", 1, 1, 5, OK)])
    one.trace.write_text(HEADER + "0,a,,2,5,broken\n9,a,,2,,lost\n")
    holds = one.replay().holds
    assert holds is not None
    assert (holds.released, holds.expired) == (1, 1)


def test_the_summary_of_holds_is_a_table(tmp_path: Path) -> None:
    text = shown(holds_bench(tmp_path, 200).replay())
    for said in ("holds", "opened", "expired", "of these committed late", "open at once, at most"):
        assert said in text
