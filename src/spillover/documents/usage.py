"""What was used and what was denied, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import (
    Amount,
    Credits,
    Instant,
    amount_in,
    credits_of,
    fields_of,
    instant_in,
    is_money,
    said,
    text_of,
)
from spillover.model import reports
from spillover.model.policy import Policy


class LayerUse(Amount, frozen=True, gc=False):
    """What one layer gave: so many units, for so many credits."""

    layer: Annotated[str, said("allowance, units, credits or overage; beyond that, overshoot", "allowance")]
    amount: Credits


class UsageRow(Struct, frozen=True, gc=False):
    """The usage of one group."""

    group: Annotated[dict[str, str], said('A value for each name of `by`; "" where there was none', {"feature": "f"})]
    requests: int
    used: Annotated[Amount, said("Units of several features together are only a number")]
    charged: Credits
    layers: tuple[LayerUse, ...]

    @classmethod
    def of(cls, policy: Policy, by: Sequence[str], row: reports.UsageRow) -> Self:
        """A group; `by` are the names that it is grouped by."""
        group = dict(zip(by, row.group, strict=True))
        money = is_money(policy, group.get("feature", ""))
        layers = tuple(
            LayerUse(layer.layer, credits_of(layer.amount), **fields_of(money, layer.units)) for layer in row.layers
        )
        used = amount_in(policy, group.get("feature", ""), row.units)
        return cls(group, row.requests, used, credits_of(row.charged), layers)

    def noun(self, by: Sequence[str]) -> reports.UsageRow:
        """The group; `by` says in which order its names stand."""
        layers = tuple(reports.LayerUse(one.layer, one.value, one.amount.micro_credits) for one in self.layers)
        group = tuple(self.group[name] for name in by)
        return reports.UsageRow(group, self.requests, self.used.value, self.charged.micro_credits, layers)


class UsagePage(Struct, frozen=True):
    """What was used and who paid, in groups, as booked so far."""

    account: str
    by: Annotated[tuple[str, ...], said('"feature", "subject", "day" or attributes', ["feature", "day"])]
    rows: tuple[UsageRow, ...]
    more: bool
    after: Annotated[tuple[str, ...] | None, said("Goes on behind the last group; null where there is no more")]

    @classmethod
    def of(cls, policy: Policy, page: reports.UsagePage, *, account: str, by: Sequence[str]) -> Self:
        """A page of an account, grouped by these names."""
        rows = tuple(UsageRow.of(policy, by, row) for row in page.rows)
        return cls(account, tuple(by), rows, page.after is not None, page.after)

    def noun(self) -> reports.UsagePage:
        """The page."""
        return reports.UsagePage(tuple(row.noun(self.by) for row in self.rows), self.after)


class DenialCount(Struct, frozen=True, gc=False):
    """How often something was denied in one minute, for one reason."""

    minute: Annotated[Instant, said("When it began")]
    feature: str
    reason: Annotated[str, said("The kind of what blocked", "window")]
    count: int


class DenialCounts(Struct, frozen=True):
    """How often an account was denied what, the earliest minute first. Single denials are not recorded."""

    account: str
    rows: tuple[DenialCount, ...]
    more: Annotated[bool, said("There are more than were asked for")]

    @classmethod
    def of(cls, _: Policy, found: Iterable[reports.DenialCount], *, account: str, more: bool = False) -> Self:
        """What an account was denied. `more`: it was more than this."""
        rows = tuple(DenialCount(text_of(one.minute), one.feature, one.reason, one.count) for one in found)
        return cls(account, rows, more)

    def noun(self) -> tuple[reports.DenialCount, ...]:
        """The counts."""
        return tuple(
            reports.DenialCount(one.feature, one.reason, instant_in(one.minute), one.count) for one in self.rows
        )
