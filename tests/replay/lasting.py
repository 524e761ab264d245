"""Hand-made traces of rows that last: when (ms after the epoch), who, how much in truth and by guess, how long, how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.replay.support import Bench, written

EPOCH = 1_774_742_400_000
POLICY = """
spillover: 1
features: {calls: {unit: call, count: calls, price: {credits: 1}}}
plans:
  plan:
    rules:
      - for: [calls]
        hold: {for: 60s}
        ceilings: [{name: parallel, max: 1, of: open_holds}]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 10, every: day, in: UTC}]}
          - from: credits
        overshoot: {forgive: 2, every: day, in: UTC}
"""
MAP = """
spillover_map: 1
time: {column: t, unit: ms, epoch: 2026-03-29T00:00:00Z}
account: {column: who}
feature: {is: calls}
usage: {calls: {column: n}}
hold:
  ends: {lasting: took, unit: ms}
  outcome: {column: how, values: {ok: commit, broken: release, lost: nothing}}
  estimate: {calls: {column: guess}}
accounts: {plan: {is: plan}, lots: [{credits: 3}]}
"""
HEADER = "t,who,n,guess,took,how\n"
OK = "ok"

Row = tuple[int, str, int, int, int | str, str]


def trace(folder: Path, rows: Sequence[Row], map_text: str = MAP, policy: str = POLICY) -> Bench:
    """A trace of these rows in a folder."""
    path = folder / "t.csv"
    path.write_text(HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return written(folder, path, map_text, policy)
