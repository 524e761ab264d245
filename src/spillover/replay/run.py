"""`replay`: recorded usage through an engine, each request at its own time and under a stable key.

Nothing is half done: what was decided stays, and the same call again goes on from there. What was granted is answered
as before, accounts and lots are there already. A request that was denied is found late, as the account has seen newer
ones since (and see resumed.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter

from spillover.access.gather import GROUP_MAX
from spillover.compare.sums import unit_of
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.ports import Durability
from spillover.replay.binding import bind
from spillover.replay.engine import LAG_MAX, Engine
from spillover.replay.feed import Feed, Observe
from spillover.replay.mapping import TraceMap, read_map
from spillover.replay.requests import Requests
from spillover.replay.rows import lines_in
from spillover.replay.summary import Holding, Settling, Speed, Summary
from spillover.replay.tally import Tally

Progress = Callable[[int, int | None], None]
"""Told after each group: rows that are done with, and how many there are, as far as the number of lines says."""


def replay(
    trace: str | os.PathLike[str], map: str | os.PathLike[str] | TraceMap, policy: str | os.PathLike[str] | Policy,
    url: str, *, durability: Durability = "strict", part: str | None = None, skip_bad: bool = False,
    progress: Progress | None = None, limit: int | None = None, observe: Observe | None = None,
    group: int = GROUP_MAX, settle: bool = True,
) -> Summary:  # fmt: skip
    """Feed a trace to the engine at `url` (`sqlite:///FILE` or `memory://`) and say what came of it.

    `part`: "2/4" takes only the accounts whose hash falls into the second of four parts, so that four processes can
    share a trace. `skip_bad`: count rows that cannot be used instead of stopping at the first. `limit`: only so many
    requests, from the front; holds that end behind the last of them stay open. `group`: requests in one batch, 1 to
    128. `settle`: book in the background meanwhile.
    Raises PolicyError, InvalidInput (the map, the options), TraceError (the trace), StoreError.
    """
    started = perf_counter()
    chosen = _part(part)
    if not 1 <= group <= GROUP_MAX:
        raise InvalidInput("group", str(group), f"a whole number from 1 to {GROUP_MAX}")
    if limit is not None and limit < 0:
        raise InvalidInput("limit", str(limit), "a whole number from 0")
    wanted = _policy(policy)
    file = os.fspath(trace)
    bound = bind(map if isinstance(map, TraceMap) else read_map(map), wanted, file)
    requests = Requests(file, bound, wanted, skip_bad=skip_bad)
    entries = requests.entries(limit, chosen)
    with Engine(url, wanted, durability, settle=settle) as engine:
        _settle(engine)  # what a run that was killed has left: see resumed.py
        feed = Feed(engine, bound, requests, Tally(file, holds=bound.ends is not None), observe, group)
        total = _total(file, limit) if progress else None
        while taken := list(islice(entries, feed.rows)):
            feed.take(taken)
            if progress:
                progress(requests.passed, max(total or 0, requests.passed))
        feed.finish()
        settling = _settle(engine)
        feed.tend()
        _settle(engine)
        held = _holdings(engine, wanted, feed.accounts, feed.any_open)
    speed = _speed(feed, group, perf_counter() - started)
    tally = feed.tally
    return Summary(
        file, url, durability, wanted.hash, part or "", requests.rows, requests.skipped, requests.bad,
        tuple(requests.first_bad), tally.requests, tally.granted, tally.granted_before, tally.denied(),
        tally.refused(), tally.split, tally.layers(wanted), len(feed.accounts), held, settling, speed,
        bound.assumptions, tally.holds(),
    )  # fmt: skip


def _part(written: str | None) -> tuple[int, int] | None:
    if written is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})", written)
    if not match or int(match[1]) > int(match[2]):
        raise InvalidInput("part", repr(written), "which part of how many, such as 2/4")
    return int(match[1]), int(match[2])


def _policy(policy: str | os.PathLike[str] | Policy) -> Policy:
    if isinstance(policy, Policy):
        return policy
    from spillover.policy import read_policy

    return read_policy(policy)


def _total(file: str, limit: int | None) -> int:
    lines = max(lines_in(file) - 1, 0)
    return lines if limit is None else min(lines, limit)


def _settle(engine: Engine) -> Settling:
    unsettled = waiting = engine.unsettled()
    started = perf_counter()
    while waiting:
        engine.settle(waiting)
        waiting = engine.unsettled() if waiting == LAG_MAX else 0
    return Settling(unsettled, round(perf_counter() - started, 3))


def _holdings(engine: Engine, policy: Policy, accounts: set[str], any_open: bool) -> tuple[Holding, ...]:
    sums: dict[str, list[int]] = {}
    for account in _known(engine, accounts):
        kept = engine.held(account) if any_open else {}
        for at in engine.balances(account):
            held = sum(kept.get(lot.lot.id, 0) for lot in at.lots)
            gone = at.granted - at.spent - at.balance
            one = sums.setdefault(at.measure, [0] * 7)
            found = (at.granted, at.spent, at.balance - held, held, gone, at.receivable, at.owed)
            for place, amount in enumerate(found):
                one[place] += amount
    return tuple(Holding(measure, unit_of(policy, measure), *sums[measure]) for measure in sorted(sums))


def _known(engine: Engine, accounts: set[str]) -> Iterator[str]:
    # A trace without `accounts` in its map may name some that nobody has put; their requests were refused.
    return (account for account in sorted(accounts) if engine.knows(account))


def _speed(feed: Feed, group: int, wall_s: float) -> Speed:
    took = sorted(feed.tally.group_seconds)
    feeding = sum(took)

    def percentile(share: float) -> float:
        return round(took[min(int(share * len(took)), len(took) - 1)] * 1000, 3) if took else 0.0

    return Speed(
        round(feed.tally.answered / feeding, 1) if feeding else 0.0, group, len(took), percentile(0.50),
        percentile(0.95), percentile(0.99), percentile(1.0), round(feeding, 3), round(feed.accounts_s, 3),
        round(wall_s, 3),
    )  # fmt: skip
