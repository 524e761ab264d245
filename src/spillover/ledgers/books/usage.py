"""Usage in groups: by feature, subject, day, or an attribute; what was granted, and what each layer paid for it.

Sums over the account's usage events, read one by one: about 2 s for a million.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache

import msgspec
from msgspec import Struct

from spillover.core.instants import to_moment
from spillover.ledgers.books.names import names_behind
from spillover.ledgers.books.reads import check_limit
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.books.terms import newest
from spillover.model.decision import Overshoot
from spillover.model.leg import Leg
from spillover.model.reports import LayerUse, UsagePage, UsageRow

OVERSHOOT = "overshoot"
"""What no layer paid, shown as one: of its amount, what was not forgiven."""
LAYERS = ("allowance", "units", "credits", "overage", OVERSHOOT)
USES = frozenset({"usage", "commit"})
"""Kinds of events that are usage: a hold is none until it is committed."""
QUARTER_MS = 900_000
"""A day begins at a full quarter of an hour in every zone."""


class Used(Struct):
    """What a report needs of an event."""

    kind: str
    at: int
    feature: str = ""
    subject: str = ""
    attributes: dict[str, str] = {}
    granted: int = 0
    legs: tuple[Leg, ...] = ()
    overshoot: Overshoot | None = None


class Sum:
    """The running sums of one group."""

    __slots__ = ("layers", "requests", "units")

    def __init__(self) -> None:
        self.requests = self.units = 0
        self.layers: dict[str, tuple[int, int]] = {}

    def add(self, used: Used) -> None:
        """Count one event."""
        self.requests += 1
        self.units += used.granted
        for leg in used.legs:
            self._count(leg.layer, leg.units, leg.amount)
        if used.overshoot is not None:
            self._count(OVERSHOOT, used.overshoot.units, used.overshoot.owed)

    def _count(self, layer: str, units: int, amount: int) -> None:
        before = self.layers.get(layer, (0, 0))
        self.layers[layer] = (before[0] + units, before[1] + amount)

    def row(self, group: tuple[str, ...]) -> UsageRow:
        """The group as it is reported."""
        layers = tuple(LayerUse(layer, *self.layers[layer]) for layer in LAYERS if layer in self.layers)
        return UsageRow(group, self.requests, self.units, sum(layer.amount for layer in layers), layers)


def usage(
    tables: Tables,
    account: int,
    *,
    by: Sequence[str],
    since: int,
    until: int,
    limit: int,
    after: tuple[str, ...] | None,
) -> UsagePage:
    """The account's usage with since <= at < until, in groups, ordered by group.

    `by` holds "feature", "subject", "day" (of the account's own zone, as 2026-05-31), or names of attributes.
    """
    check_limit(limit)
    group_of = _grouping(by, newest(tables, account).zone)
    decode = msgspec.json.Decoder(Used).decode
    sums: dict[tuple[str, ...], Sum] = {}
    for (payload,) in tables.rows("reads.payloads", account):
        used = decode(payload)
        if used.kind in USES and since <= used.at < until:
            group = group_of(used)
            found = sums.get(group)
            if found is None:
                found = sums[group] = Sum()
            found.add(used)
    groups = sorted(group for group in sums if after is None or group > after)
    shown = groups[:limit]
    named = [index for index, name in enumerate(by) if name not in ("feature", "day")]
    names = names_behind(tables, account, {group[index] for group in shown for index in named})
    rows = tuple(
        sums[group].row(tuple(names.get(part, part) if index in named else part for index, part in enumerate(group)))
        for group in shown
    )
    return UsagePage(rows, shown[-1] if len(groups) > limit else None)


def _grouping(by: Sequence[str], zone: str) -> Callable[[Used], tuple[str, ...]]:
    @lru_cache(maxsize=4096)
    def day(quarter: int) -> str:
        moment: date = to_moment(quarter * QUARTER_MS, zone).date()
        return moment.isoformat()

    def group(used: Used) -> tuple[str, ...]:
        return tuple(
            used.feature
            if name == "feature"
            else used.subject
            if name == "subject"
            else day(used.at // QUARTER_MS)
            if name == "day"
            else used.attributes.get(name, "")
            for name in by
        )

    return group
