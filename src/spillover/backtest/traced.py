"""A trace through both policies: read once, as a replay reads it, and decided twice in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice

from msgspec.structs import replace

from spillover.backtest.both import both
from spillover.compare.comparing import Facts
from spillover.compare.lane import Standing
from spillover.compare.pair import NOTES, Pair
from spillover.compare.report import Comparison
from spillover.core.intake import fingerprint
from spillover.core.lots import burn_order, lot_cell
from spillover.model.account import Lot, Profile
from spillover.model.errors import InvalidInput
from spillover.model.request import Request
from spillover.ports import Grant, Terms
from spillover.replay.binding import Bound, bind
from spillover.replay.expressions import Unfit
from spillover.replay.mapping import TraceMap, read_map
from spillover.replay.requests import Entry, Requests
from spillover.replay.rows import Fault, lines_in

Progress = Callable[[int, int | None], None]
"""Told now and then: how much is done with, and how much there is, as far as that is known."""
STEP = 500
"""Requests between two signs of progress."""

GIFTS = (
    "What plans give by themselves, and trials that end, were not played: accounts have the lots that the map gives."
)

HOLDS = "A hold was played as one request for what it came to; those that were released or never ended were left out."


def compare_trace(
    trace: str | os.PathLike[str], map: str | os.PathLike[str] | TraceMap, pair: Pair, *, limit: int | None = None,
    skip_bad: bool = False, progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Feed a trace to both policies. Raises InvalidInput (the map), TraceError (the trace)."""
    present, proposed = pair.present, pair.proposed
    file = os.fspath(trace)
    wide = both(present, proposed)
    bound = bind(map if isinstance(map, TraceMap) else read_map(map), wide, file)
    if bound.newcomers is None and not (present.default_plan and proposed.default_plan):
        expected = "plans for the accounts (accounts: {plan: ...}), or a default_plan in both policies"
        raise InvalidInput("map", "no accounts", expected)
    requests = Requests(file, bound, wide, skip_bad=skip_bad)
    entries = requests.entries(limit)
    feed = _Feed(bound, requests, pair)
    total = max(lines_in(file) - 1, 0) if progress else 0
    total = total if limit is None else min(total, limit)
    while taken := list(islice(entries, STEP)):
        for entry in taken:
            feed.take(entry)
        if progress:
            progress(requests.passed, max(total, requests.passed))
    notes = (*NOTES, GIFTS, *((HOLDS,) if bound.ends else ()), *_assumed(bound))
    facts = Facts(file, *pair.names, notes, requests.skipped, requests.bad, tuple(requests.first_bad))
    return pair.comparing.comparison(facts)


class _Feed:
    def __init__(self, bound: Bound, requests: Requests, pair: Pair) -> None:
        self._newcomers, self._requests, self._pair = bound.newcomers, requests, pair
        self._standings: dict[str, tuple[Standing, Standing]] = {}

    def take(self, entry: Entry) -> None:
        """One request through both lanes."""
        ask = entry.ask
        standings = self._standings.get(ask.account) or self._open(entry)
        usage = ask.usage
        if ask.hold:
            if entry.end is None or entry.end.verb != "commit":
                return  # in the end it used nothing
            usage = entry.end.usage
        if standings is None:
            return
        mark = fingerprint(ask.feature, usage, ask.subject, ask.attributes, ask.mode, ask.at)
        request = Request(0, ask.feature, usage, ask.key, ask.subject, ask.attributes, ask.mode, mark)
        self._pair.decide(standings, ask.account, request, entry.at)

    def _open(self, entry: Entry) -> tuple[Standing, Standing] | None:
        """The account as its first row makes it, once for each lane; None if that row is a bad one."""
        name = entry.ask.account
        if self._newcomers is None:
            policies = (self._pair.present, self._pair.proposed)
            made = tuple(_standing(Terms(policy.default_plan), [], entry.at) for policy in policies)
        else:
            try:
                terms = self._newcomers.terms(name, entry.cells)
            except Unfit as unfit:
                self._requests.refuse(Fault(entry.line, unfit.column, unfit.found, unfit.expected))
                return None
            opening = self._newcomers.opening(name, terms, entry.at)
            made = tuple(_standing(*opening, entry.at) for _ in range(2))
        self._standings[name] = (made[0], made[1])
        return self._standings[name]


def _standing(terms: Terms, grants: list[Grant], at: int) -> Standing:
    lots: list[Lot] = [replace(grant.lot, id=number) for number, grant in enumerate(grants, 1)]
    anchor = at if terms.anchor is None else terms.anchor
    profile = Profile(0, 1, terms.plan or "", anchor, terms.zone or "UTC", lots=burn_order(lots))
    return Standing(profile, {lot_cell(lot.id): grant.amount for lot, grant in zip(lots, grants, strict=True)})


def _assumed(bound: Bound) -> tuple[str, ...]:
    return tuple(f"Assumed: {assumption}." for assumption in bound.assumptions)
