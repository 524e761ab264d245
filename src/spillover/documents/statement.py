"""A statement as JSON: each change of a balance, and of an account's allowances and terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import NO_NAMES, Amount, Instant, amount_in, instant_in, said, text_of
from spillover.model import reports
from spillover.model.books import UpdateKind
from spillover.model.policy import Policy

ENTRIES = ("window_reset", "override", "plan_change", "state_change")
"""Rows that move no amount: their measure is what they concern, their source how it was, their target how it is."""


class StatementRow(Struct, frozen=True, gc=False):
    """One balance update, as booked: an amount that moved (`measure` and `delta`), or terms that changed (`what`)."""

    number: Annotated[int, said("Its place in the account's chain, without gaps", 12)]
    at: Instant
    kind: UpdateKind
    what: Annotated[str | None, said("What terms changed: a plan, a state, a limit's title", "plan")]
    before: str | None
    after: str | None
    measure: Annotated[str | None, said('What moved: "credits", or a feature\'s units', "credits")]
    lot: Annotated[int | None, said("The lot that it moved to or from")]
    delta: Annotated[Amount | None, said("How much, below 0 for what was taken")]
    lot_after: Annotated[Amount | None, said("What the lot had after that")]
    account_after: Annotated[Amount | None, said("What all lots of the measure, or the book, had after that")]
    source: Annotated[str | None, said("The book that gave", "lot/3")]
    target: Annotated[str | None, said("The book that received", "revenue/video.seconds")]
    cause: Annotated[str, said("The event, order or terms behind it")]
    key: Annotated[str | None, said("Of the request or hold behind it, by which it is explained and refunded")]
    reason: str
    actor: Annotated[str, said("Who did it")]
    actor_token: Annotated[str | None, said("The token that stands for the actor in the books, if one does")]

    @classmethod
    def of(cls, policy: Policy, row: reports.StatementRow, names: Mapping[str, str] = NO_NAMES) -> Self:
        """A row. `names`: token -> name."""
        by = row.actor_name or row.actor
        token = row.actor if row.actor_name else None
        rest = (row.cause, row.key or None, row.reason, by, token)
        if row.kind in ENTRIES:
            what = limit_named(row.measure, names)
            return cls(
                row.number, text_of(row.at), row.kind, what, row.source, row.target, None, None, None, None, None,
                None, None, *rest,
            )  # fmt: skip
        delta, lot_after, account_after = (
            amount_in(policy, row.measure, amount) for amount in (row.delta, row.lot_after, row.account_after)
        )
        return cls(
            row.number, text_of(row.at), row.kind, None, None, None, row.measure, row.lot or None, delta, lot_after,
            account_after, row.source, row.target, *rest,
        )  # fmt: skip

    def noun(self) -> reports.StatementRow:
        """The row."""
        delta, lot_after, account_after = (
            0 if amount is None else amount.value for amount in (self.delta, self.lot_after, self.account_after)
        )
        actor, name = (self.actor, "") if self.actor_token is None else (self.actor_token, self.actor)
        return reports.StatementRow(
            self.number, instant_in(self.at), self.kind, self.what or self.measure or "", self.lot or 0, delta,
            self.before or self.source or "", self.after or self.target or "", lot_after, account_after, self.cause,
            self.reason, actor, name, self.key or "",
        )  # fmt: skip


def limit_named(title: str, names: Mapping[str, str]) -> str:
    """A limit with the name behind the value that it counts for."""
    limit, at, scope = title.partition("@")
    return f"{limit}@{names.get(scope, scope)}" if at else title


class PolicyChange(Struct, frozen=True, gc=False):
    """Another policy, and so perhaps other prices, for all accounts from `at` on."""

    at: Instant
    before: Annotated[str, said("The hash of the policy before")]
    after: Annotated[str, said("The hash of the policy since then")]
    reason: str
    actor: str


class StatementPage(Struct, frozen=True):
    """Balance updates in the order of the books."""

    account: str
    rows: tuple[StatementRow, ...]
    policies: Annotated[tuple[PolicyChange, ...], said("Changes of policy in this time; on the first page")]
    more: bool
    after: Annotated[int | None, said("Goes on behind the last row; null where there is no more")]

    @classmethod
    def of(
        cls, policy: Policy, page: reports.StatementPage, *, account: str, names: Mapping[str, str] = NO_NAMES
    ) -> Self:
        """A page. `names`: token -> name, where those are to be told."""
        rows = tuple(StatementRow.of(policy, row, names) for row in page.rows)
        changes = tuple(
            PolicyChange(text_of(one.at), one.before, one.after, one.reason, one.actor) for one in page.policies
        )
        return cls(account, rows, changes, page.after is not None, page.after)

    def noun(self) -> reports.StatementPage:
        """The page."""
        changes = tuple(
            reports.PolicyChange(instant_in(one.at), one.before, one.after, one.reason, one.actor)
            for one in self.policies
        )
        return reports.StatementPage(tuple(row.noun() for row in self.rows), self.after, changes)
