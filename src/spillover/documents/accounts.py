"""Accounts as JSON: their terms, and the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import NO_NAMES, Credits, Instant, credits_of, instant_of, read_instant, said, text_of
from spillover.documents.lots import Lot
from spillover.model import account as nouns
from spillover.model import reports
from spillover.model.account import AccountState
from spillover.model.policy import Policy


class Override(Struct, frozen=True, gc=False):
    """Another maximum for one limit of an account."""

    limit: Annotated[str, said("The limit's title, OWNER/NAME", "video.seconds/daily")]
    scope: Annotated[str | None, said("For this value alone, a token where it may name a person; null for all")]
    max: Annotated[int, said("In what the limit counts; credits in micro-credits", 30)]
    until: Annotated[Instant | None, said("Up to this instant; null for good")]

    @classmethod
    def of(cls, override: nouns.Override, names: Mapping[str, str] = NO_NAMES) -> Self:
        """Another maximum. `names`: token -> name."""
        scope = None if override.scope is None else names.get(override.scope, override.scope)
        return cls(override.limit, scope, override.max, instant_of(override.until))

    def noun(self) -> nouns.Override:
        """The other maximum."""
        return nouns.Override(self.limit, self.max, self.scope, read_instant(self.until))


class GivenGift(Struct, frozen=True, gc=False):
    """What a plan gave, and when the next one is due."""

    gift: Annotated[str, said("PLAN/NAME", "starter/welcome")]
    due: Annotated[Instant | None, said("Null for never again")]

    def noun(self) -> tuple[str, int]:
        """(PLAN/NAME, instant)."""
        return self.gift, read_instant(self.due)


class Profile(Struct, frozen=True, gc=False):
    """An account's terms, as of one version of them."""

    account: str
    account_id: Annotated[int, said("The number under which the books know the account", 17)]
    version: Annotated[int, said("Grows by one with every change", 4)]
    plan: str
    state: AccountState
    consent: Annotated[bool, said("Whether the customer lets credits pay where the plan asks for it")]
    zone: Annotated[str, said("The time zone of the account's days", "Europe/Paris")]
    billing_day: Annotated[Instant, said("Where windows with `starting: billing_day` start from")]
    next_plan: Annotated[str | None, said("The plan from `next_at` on; null where no change is scheduled")]
    next_at: Instant | None
    lots: Annotated[tuple[Lot, ...], said("The terms of its lots, in the order in which they burn")]
    overrides: tuple[Override, ...]
    gifts: tuple[GivenGift, ...]

    @classmethod
    def of(cls, policy: Policy, profile: nouns.Profile, *, account: str) -> Self:
        """The terms of an account of that name."""
        return cls(
            account, profile.account, profile.version, profile.plan, profile.state, profile.consent, profile.zone,
            text_of(profile.anchor), profile.next_plan or None,
            instant_of(profile.next_at) if profile.next_plan else None,
            tuple(Lot.of(policy, lot) for lot in profile.lots), tuple(Override.of(one) for one in profile.overrides),
            tuple(GivenGift(gift, instant_of(due)) for gift, due in profile.gifts),
        )  # fmt: skip

    def noun(self) -> nouns.Profile:
        """The terms."""
        return nouns.Profile(
            self.account_id, self.version, self.plan, read_instant(self.billing_day), self.zone, self.state,
            self.consent, tuple(lot.noun() for lot in self.lots), tuple(one.noun() for one in self.overrides),
            self.next_plan or "", read_instant(self.next_at), tuple(gift.noun() for gift in self.gifts),
        )  # fmt: skip


class AccountRow(Struct, frozen=True, gc=False):
    """An account in the list of all, with its credits as booked so far."""

    account: Annotated[str | None, said("Its name; null for one that was erased", "acme")]
    plan: str
    state: AccountState
    settled: Annotated[Credits, said("What the books have of its credits")]
    owed: Annotated[Credits, said("What new credits pay first")]
    receivable: Annotated[Credits, said("What the overage line has advanced")]
    settled_sequence: Annotated[int, said("The place in its order up to which all is booked")]
    id: Annotated[int, said("The number under which the books know it", 17)]
    version: Annotated[int, said("Of its terms")]
    epoch: Annotated[int, said("How often its hot state was rebuilt")]

    @classmethod
    def of(cls, row: reports.AccountRow) -> Self:
        """An account."""
        return cls(
            row.name, row.plan, row.state, credits_of(row.settled), credits_of(row.owed), credits_of(row.receivable),
            row.settled_sequence, row.account, row.version, row.epoch,
        )  # fmt: skip

    def noun(self) -> reports.AccountRow:
        """The account."""
        return reports.AccountRow(
            self.id, self.account, self.plan, self.state, self.version, self.epoch, self.settled_sequence,
            self.settled.micro_credits, self.owed.micro_credits, self.receivable.micro_credits,
        )  # fmt: skip


class AccountPage(Struct, frozen=True):
    """Accounts in the order of their ids."""

    accounts: tuple[AccountRow, ...]
    more: bool
    after: Annotated[int | None, said("Goes on behind the last one; null where there is no more", 1000)]

    @classmethod
    def of(cls, _: Policy, page: reports.AccountPage) -> Self:
        """A page."""
        return cls(tuple(AccountRow.of(row) for row in page.rows), page.after is not None, page.after)

    def noun(self) -> reports.AccountPage:
        """The page."""
        return reports.AccountPage(tuple(row.noun() for row in self.accounts), self.after)
