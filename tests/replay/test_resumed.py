"""Stopped after any request and run again, a replay ends as if it had never been stopped, also where time is tight."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.replay import books
from tests.replay.support import Bench, written

POLICY = """
spillover: 1
features: {calls: {unit: call, count: calls}}
plans:
  plan:
    rules:
      - for: [calls]
        waterfall:
          - from: allowance
            windows:
              - {name: short, max: 6, every: 2s, starting: first_use}
              - {name: hourly, max: 20, every: hour, in: UTC}
"""
MAP = """
spillover_map: 1
time: {column: t, unit: ms, epoch: 2026-03-28T23:59:55Z}
account: {column: who}
feature: {is: calls}
usage: {calls: {column: n}}
accounts: {plan: {is: plan}}
"""


def trace(folder: Path, rows: list[tuple[int, str, int]]) -> Bench:
    path = folder / "t.csv"
    path.write_text("t,who,n\n" + "".join(f"{t},{who},{n}\n" for t, who, n in rows))
    return written(folder, path, MAP, POLICY)


def test_a_request_denied_just_before_a_window_opened_is_not_granted_by_a_second_run(tmp_path: Path) -> None:
    one = trace(tmp_path, [(0, "a", 20), (4_800, "a", 3), (5_000, "a", 1), (5_100, "a", 5)])
    one.policy.write_text(POLICY.replace("- {name: short, max: 6, every: 2s, starting: first_use}\n", ""))
    first = one.replay(tmp_path / "x.db")
    assert (first.granted, first.denials) == (3, 1)
    before = books.digest(tmp_path / "x.db")
    second = one.replay(tmp_path / "x.db")
    assert (second.granted, second.granted_before, second.denials) == (0, 3, 1)
    assert books.digest(tmp_path / "x.db") == before


@pytest.mark.parametrize("shuffled", [0, 900], ids=["in-order", "up-to-900-ms-out-of-order"])
def test_stopped_after_any_request_and_resumed_it_ends_the_same(shuffled: int, tmp_path: Path) -> None:
    dice = random.Random(3)
    rows = [(300 * n, dice.choice("ab"), dice.randint(1, 4)) for n in range(24)]
    rows.sort(key=lambda row: row[0] + dice.uniform(0, shuffled))
    one = trace(tmp_path, rows)
    whole = one.replay(tmp_path / "whole.db", durability="fast")
    assert whole.granted > 5
    assert whole.denials > 5
    expected = books.digest(tmp_path / "whole.db")
    for stop in range(len(rows) + 1):
        path = tmp_path / f"{stop}.db"
        one.replay(path, limit=stop, durability="fast", settle=False)
        again = one.replay(path, durability="fast", group=5)
        assert (again.granted + again.granted_before, again.denials) == (whole.granted, whole.denials)
        assert books.digest(path) == expected
