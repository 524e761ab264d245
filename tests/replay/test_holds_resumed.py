"""Holds in the books of a replay: each end at its own time, whatever is stopped, repeated, shared or batched how."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from spillover.engine.items import Answer
from spillover.replay import Summary
from spillover.replay.requests import Entry
from tests.replay import books
from tests.replay.lasting import EPOCH, MAP, OK, POLICY, Row, trace
from tests.replay.support import Bench, holds_bench, shape


def test_a_trace_that_is_left_before_its_end_leaves_its_holds_open_and_goes_on_there(tmp_path: Path) -> None:
    rows: list[Row] = [(0, "a", 1, 12, 500, OK), (400, "b", 1, 1, 700, OK), (600, "a", 1, 1, 1, OK)]
    one, path = trace(tmp_path, rows), tmp_path / "x.db"
    first = one.replay(path, limit=2)
    assert first.holds is not None
    assert (first.holds.opened, first.holds.open) == (2, 2)
    assert [(held.given, held.spent, held.left, held.held) for held in first.holdings] == [
        (6_000_000, 0, 4_000_000, 2_000_000)
    ]
    whole = one.replay(path)
    one.replay(tmp_path / "y.db")
    assert whole.holds is not None
    assert (whole.granted_before, whole.granted, whole.holds.open) == (2, 1, 0)
    assert books.sound(path) == books.sound(tmp_path / "y.db")


def test_every_end_is_in_the_books_at_its_own_time(tmp_path: Path) -> None:
    one, path = holds_bench(tmp_path, 600), tmp_path / "x.db"
    summary = one.replay(path)
    holds = summary.holds
    assert holds is not None
    assert min(holds.committed, holds.released, holds.expired, holds.late, holds.overshoot) > 5
    assert holds.opened == holds.committed + holds.released + holds.expired == summary.granted
    books.settled(path)
    connection = sqlite3.connect(path)
    events = [json.loads(payload) for (payload,) in connection.execute("SELECT payload FROM usage_events")]
    assert connection.execute("SELECT count(*) FROM settled_holds").fetchone() == (0,)
    connection.close()
    due = {event["hold"]["id"]: event["hold"]["due"] for event in events if event["kind"] == "hold"}
    expired = [event["at"] - due[event["ends"]] for event in events if event["kind"] == "expire"]
    assert expired == [1000] * holds.expired
    assert max(event["at"] for event in events if event["kind"] != "terms") < EPOCH + 30 * 86_400_000
    for held in summary.holdings:
        assert held.given == held.spent + held.left + held.gone
    assert books.sound(path)


def test_a_second_replay_of_holds_changes_nothing(tmp_path: Path) -> None:
    one, path = holds_bench(tmp_path), tmp_path / "x.db"
    first = one.replay(path)
    before = books.sound(path)
    second = one.replay(path, group=5)
    assert books.sound(path) == before
    assert (second.granted, second.granted_before, second.denials) == (0, first.granted, first.denials)
    assert shape(second) == shape(first)
    assert not second.refused


@pytest.mark.parametrize("group", [1, 7])
def test_the_size_of_batches_makes_no_difference(group: int, tmp_path: Path) -> None:
    one = holds_bench(tmp_path, 500)
    whole, parts = one.replay(tmp_path / "x.db"), one.replay(tmp_path / "y.db", group=group, durability="fast")
    assert (parts.denied, shape(parts)) == (whole.denied, shape(whole))
    assert books.sound(tmp_path / "x.db") == books.sound(tmp_path / "y.db")


def test_parts_of_a_trace_of_holds_are_the_whole(tmp_path: Path) -> None:
    one = holds_bench(tmp_path, 500)
    for limit in (None, 300):
        whole, path = tmp_path / f"{limit}.db", tmp_path / f"{limit}-parts.db"
        one.replay(whole, limit=limit)
        parts = [one.replay(path, part=f"{n}/3", limit=limit) for n in (1, 2, 3)]
        assert all(part.accounts for part in parts)
        assert books.sound(path) == books.sound(whole)


TIGHT = POLICY.replace("for: 60s", "for: 1s").replace("max: 1,", "max: 2,").replace(
    "windows: [", "windows: [{name: short, max: 4, every: 2s, starting: first_use}, "
)  # fmt: skip


class Stopped(Exception):
    """The replay is ended here."""


def stopped(one: Bench, path: Path, steps: int) -> Summary | None:
    """A replay that is ended after so many batches of one step; its summary if it came to its end."""

    def stop(entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
        nonlocal steps
        steps -= 1
        if steps < 0:
            raise Stopped

    try:
        return one.replay(path, observe=stop, group=1, durability="fast", settle=False)
    except Stopped:
        return None


def test_stopped_after_any_step_and_resumed_it_ends_the_same(tmp_path: Path) -> None:
    dice = random.Random(4)
    rows: list[Row] = []
    t = 0
    for _ in range(40):
        t += dice.choice([0, 100, 300, 700])
        how = dice.choice([OK, OK, OK, "broken", "lost"])
        rows.append(
            (t, dice.choice("ab"), dice.randint(1, 4), dice.randint(1, 4), dice.choice([0, 200, 900, 2500]), how)
        )
    one = trace(tmp_path, rows, MAP.replace("credits: 3", "credits: 70"), TIGHT)
    whole = one.replay(tmp_path / "whole.db", durability="fast")
    assert whole.holds is not None
    assert min(whole.holds.committed, whole.holds.released, whole.holds.expired, whole.holds.late, whole.denials) > 1
    expected = books.digest(tmp_path / "whole.db")
    for steps in range(200):
        path = tmp_path / f"{steps}.db"
        done = stopped(one, path, steps)
        again = one.replay(path, durability="fast", group=5)
        assert (again.granted + again.granted_before, again.denials) == (whole.granted, whole.denials)
        assert again.holds == whole.holds
        assert books.digest(path) == expected
        if done:
            break
    assert steps > 60
