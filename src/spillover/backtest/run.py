"""`backtest`: recorded usage through a proposed policy, beside the present one, without touching anything."""

from __future__ import annotations

import os
from pathlib import Path

from spillover.backtest.recorded import Progress, compare_records, now, records
from spillover.backtest.traced import compare_trace
from spillover.compare.pair import Pair
from spillover.compare.report import Comparison
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.policy import read_policy
from spillover.replay.mapping import TraceMap

PolicySource = str | os.PathLike[str] | Policy
BESIDE = "policy.yaml"
"""The policy that a trace is replayed by lies beside its map under this name, unless another is given."""


def backtest(
    policy: PolicySource, *, trace: str | os.PathLike[str] | None = None,
    map: str | os.PathLike[str] | TraceMap | None = None, database: str | None = None,
    against: PolicySource | None = None, limit: int | None = None, skip_bad: bool = False,
    progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Replay a `trace` with its `map`, or the booked usage of a `database`, through a proposed policy.

    `database`: a SQLite file, or the URL of a PostgreSQL database. `against`: the present policy; left out,
    `policy.yaml` beside the map, or the one in force in the database. `limit`: only so many requests, from the front.
    `skip_bad`: count rows that cannot be used instead of stopping at the first.
    Raises PolicyError, InvalidInput (the map, the options), TraceError (the trace), StoreError (the database).
    """
    if (trace is None) == (database is None):
        found = "both" if trace is not None else "neither"
        raise InvalidInput(
            "source", f"{found} a trace and a database" if trace else "neither", "a trace, or a database"
        )
    if limit is not None and limit < 0:
        raise InvalidInput("limit", str(limit), "a whole number from 0")
    proposed = _named(policy)
    if trace is not None:
        if map is None:
            raise InvalidInput("map", "none", "the map of the trace")
        present = _named(against if against is not None else _beside(map))
        return compare_trace(trace, map, _pair(present, proposed), limit=limit, skip_bad=skip_bad, progress=progress)
    assert database is not None
    with records(database) as source:
        present = (source.policy_in_force(now()), "the policy in force") if against is None else _named(against)
        return compare_records(source, _pair(present, proposed), limit=limit, progress=progress)


def _pair(present: tuple[Policy, str], proposed: tuple[Policy, str]) -> Pair:
    return Pair(present[0], proposed[0], (present[1], proposed[1]))


def _named(policy: PolicySource) -> tuple[Policy, str]:
    if isinstance(policy, Policy):
        return policy, f"policy {policy.hash[:12]}"
    return read_policy(policy), os.fspath(policy)


def _beside(map: str | os.PathLike[str] | TraceMap) -> Path:
    file = Path(map.file if isinstance(map, TraceMap) else map)
    path = file.with_name(BESIDE)
    if not path.is_file():
        raise InvalidInput("--against", f"no {BESIDE} beside {file}", "the present policy's file")
    return path
