"""What the tests of replays share: a small trace of their own, and recorded ones where they are."""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spillover.replay import Summary, replay
from tests.rungs.opening import Place

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "traces"
TRACES = ("gentd26", "agentic-coding", "azure-llm-2023")
HOLDS = ("gentd26/holds", "agentic-coding/holds")
"""The same traces with maps by which a row opens a hold at its start and ends it at its end."""

POLICY = """
spillover: 1
features:
  images:
    unit: image
    count: images
    price: [{when: {model: large}, credits: "0.50"}, {credits: "0.20"}]
  tokens:
    unit: credit
    count: cost
    price: {input: "1.25", output: 10, per: 1M}
plans:
  free:
    rules:
      - for: [images]
        ceilings:
          - {name: pace, max: 6, of: requests, refill: 5m, per: subject}
          - {name: burst, max: 16, refill: 30m}
        waterfall:
          - from: allowance
            windows:
              - {name: five_hour, max: 12, every: 5h, starting: first_use}
              - {name: weekly, max: 40, every: 7d, starting: billing_day}
          - from: units
          - from: credits
        spending: [{name: daily, max: 3, every: day, in: Europe/Paris}]
      - for: [tokens]
        waterfall:
          - {from: allowance, windows: [{name: hourly, max: "0.05", every: hour, in: Europe/Paris}]}
          - from: credits
          - {from: overage, price_times: "1.20", cap: {max: "0.2", every: month, starting: billing_day}}
  pro:
    rules:
      - for: [images, ]
        waterfall: [{from: allowance, windows: [{name: daily, max: 30, every: day, in: account}]}, {from: credits}]
"""

MAP = """
spillover_map: 1
time: {column: t, unit: s, epoch: 2026-03-28T18:00:00Z}
account: {column: who}
subject: {column: seat}
feature: {column: what, values: {IMG: images, TXT: tokens}}
attributes: {model: {column: model}}
usage:
  images: {column: n}
  input: {column: in, minus: [cached]}
  output: {column: out}
skip: [{when: {what: note}}]
accounts:
  plan: {share: {free: 80, pro: 20}}
  zone: {is: Europe/Paris}
  lots:
    - {units: 6, of: images, plans: [free], share: 50, expires: 2d}
    - {credits: "2", share: 60, expires: 1d}
    - {credits: "5", paid: "4.50 EUR", after: 6h}
"""

HEADER = ("t", "who", "seat", "what", "model", "n", "in", "cached", "out")


def rows_of_usage(count: int, seed: int = 1, accounts: int = 30) -> list[tuple[Any, ...]]:
    """A trace that meets every layer, splits and several denials: bursts of few accounts over three days."""
    dice = random.Random(seed)
    rows: list[tuple[Any, ...]] = []
    t, who = 0.0, "acct-0"
    while len(rows) < count:
        t += dice.choice([0, 0, 1, 7, 40, 300, 900])
        if dice.random() < 0.5:  # else the same one goes on
            who = f"acct-{int(accounts * dice.random() ** 2)}"
        seat = f"seat-{dice.randrange(3)}"
        if dice.random() < 0.6:
            model = dice.choice(["large", "small"])
            rows.append((f"{t + 0.5:.1f}", who, seat, "IMG", model, dice.randint(1, 8), "", "", ""))
        else:
            tokens = dice.randint(100, 20_000)
            rows.append((f"{t:.0f}", who, seat, "TXT", "", "", tokens, tokens // 2, dice.randint(1, 4000)))
        if dice.random() < 0.02:
            rows.append((f"{t:.0f}", "", "", "note", "", "", "", "", ""))
    rows = rows[:count]
    return sorted(rows, key=lambda row: float(row[0]))


def csv_text(rows: Iterable[Sequence[Any]], header: Sequence[str] = HEADER) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue()


class Bench(NamedTuple):
    """A trace with its map and policy."""

    trace: Path
    map: Path
    policy: Path

    def replay(self, url: str | Path | Place = "memory://", **options: Any) -> Summary:
        return replay(self.trace, self.map, self.policy, url_of(url), **options)


def url_of(place: str | Path | Place) -> str:
    """The address of a file, or of a place on servers."""
    if isinstance(place, Place):
        return place.line
    return f"sqlite:///{place}" if isinstance(place, Path) else place


def bench(folder: Path, count: int = 1500, *, packed: bool = False) -> Bench:
    """The synthetic trace in a folder."""
    text = csv_text(rows_of_usage(count)).encode()
    trace = folder / ("trace.csv.gz" if packed else "trace.csv")
    trace.write_bytes(gzip.compress(text) if packed else text)
    return written(folder, trace, MAP, POLICY)


def written(folder: Path, trace: Path, map: str, policy: str) -> Bench:
    (folder / "map.yaml").write_text(map)
    (folder / "policy.yaml").write_text(policy)
    return Bench(trace, folder / "map.yaml", folder / "policy.yaml")


HOLDS_POLICY = """
spillover: 1
features:
  images: {unit: image, count: images, price: {credits: "0.20"}}
  tokens: {unit: credit, count: cost, price: {output: 10, per: 1M}}
plans:
  free:
    rules:
      - for: [images]
        hold: {for: 90s}
        ceilings:
          - {name: parallel, max: 3, of: open_holds}
          - {name: seats, max: 2, of: open_holds, per: subject}
          - {name: pace, max: 9, of: requests, sliding: 10m}
        waterfall:
          - from: allowance
            windows: [{name: five_hour, max: 12, every: 5h, starting: first_use}]
          - from: units
          - from: credits
        spending: [{name: daily, max: 3, every: day, in: Europe/Paris}]
      - for: [tokens]
        hold: {default: {output: 3000}, for: 5m}
        ceilings: [{name: parallel, max: 3, of: open_holds}]
        waterfall:
          - {from: allowance, windows: [{name: hourly, max: "0.05", every: hour, in: Europe/Paris}]}
          - from: credits
        overshoot: {forgive: "0.01", every: day, in: Europe/Paris}
"""

HOLDS_MAP = """
spillover_map: 1
time: {column: t, unit: s, epoch: 2026-03-28T18:00:00Z}
account: {column: who}
subject: {column: seat}
feature: {column: what, values: {IMG: images, TXT: tokens}}
usage: {images: {column: n}, output: {column: out}}
hold:
  ends: {lasting: took, unit: s}
  outcome: {column: how, values: {ok: commit, broken: release, lost: nothing}}
  estimate: {images: {column: n}}
accounts:
  plan: {is: free}
  zone: {is: Europe/Paris}
  lots:
    - {units: 6, of: images, share: 50, expires: 2h}
    - {credits: "2", share: 60, expires: 6h}
    - {credits: "0.5", paid: "0.50 EUR", after: 3h}
"""


def holds_bench(folder: Path, count: int = 1200, seed: int = 5) -> Bench:
    """A synthetic trace of holds: most are committed with less or more than estimated, some late, some never end."""
    dice = random.Random(seed)
    rows: list[tuple[Any, ...]] = []
    t, who = 0.0, "acct-0"
    for _ in range(count):
        t += dice.choice([0, 0, 0.4, 1, 7, 30, 90])
        if dice.random() < 0.4:
            who = f"acct-{int(12 * dice.random() ** 2)}"
        how = dice.choices(["ok", "broken", "lost"], [80, 12, 8])[0]
        took = dice.choice([0, 0.3, 2, 20, 60, 91, 120, 400]) if how != "lost" else ""
        seat = f"seat-{dice.randrange(3)}"
        if dice.random() < 0.6:
            rows.append((f"{t:.1f}", who, seat, "IMG", dice.randint(1, 6), "", took, how))
        else:
            rows.append((f"{t:.1f}", who, seat, "TXT", "", dice.randint(100, 9_000), took, how))
    trace = folder / "trace.csv"
    trace.write_text(csv_text(rows, ("t", "who", "seat", "what", "n", "out", "took", "how")))
    return written(folder, trace, HOLDS_MAP, HOLDS_POLICY)


def recorded(name: str) -> Bench:
    """A recorded trace with the repository's map and policy. Skips (in CI: fails) where the trace is not there."""
    folder = Path(os.environ.get("SPILLOVER_TRACES") or ROOT.parent / "shared" / "traces")
    trace = folder / name.partition("/")[0] / "requests.csv.gz"
    if not trace.exists():
        message = f"no trace at {trace}: put the recorded traces there, or name their folder in SPILLOVER_TRACES"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Bench(trace, EXAMPLES / name / "map.yaml", EXAMPLES / name / "policy.yaml")


def shape(summary: Summary) -> tuple[object, ...]:
    """What two replays of the same trace have in common, whether it is the first or the second."""
    granted = summary.granted + summary.granted_before
    return granted, summary.split, summary.layers, summary.holdings, summary.accounts, summary.holds
