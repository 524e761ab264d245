"""What changes of accounts, lots and limits take."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from spillover.http_api.forms import (
    Account,
    Actor,
    At,
    Credits,
    Feature,
    Instant,
    Key,
    Limit,
    LotId,
    LotScope,
    Priority,
    Reason,
    Scope,
    Takes,
    When,
)


class PutAccount(Takes, frozen=True):
    """An account to be created, or what is to be changed of it."""

    account: Account
    plan: Annotated[str | None, Meta(description="A plan of the policy.")] = None
    zone: Annotated[str | None, Meta(description="Its time zone, such as Europe/Paris.")] = None
    billing_day: Annotated[Instant | None, Meta(description="The instant that fixed windows start from.")] = None
    consent: Annotated[bool | None, Meta(description="Whether credits may pay where the plan asks for it.")] = None
    state: Literal["active", "suspended", "closed"] | None = None
    reason: Reason = ""
    actor: Actor = ""
    at: At = None


class Plan(Takes, frozen=True):
    """Another plan, at once or from an instant in the future."""

    account: Account
    plan: Annotated[str, Meta(description="A plan of the policy.")]
    when: When = None
    reason: Reason = ""
    actor: Actor = ""


class Suspend(Takes, frozen=True):
    """An account of which everything is to be denied."""

    account: Account
    reason: Reason = ""
    actor: Actor = ""


class Accounts(Takes, frozen=True):
    """A page of all accounts."""

    limit: Limit = 1000
    after: Annotated[int, Meta(description="What the page before gave to go on with.")] = 0


class AddCredits(Takes, frozen=True):
    """A lot of credits: bought if `paid` is given, else promotional."""

    account: Account
    credits: Credits
    key: Key = None
    paid: Annotated[str | None, Meta(description='What was paid for it: "45.00 EUR".')] = None
    tax: str = ""
    ref: Annotated[str, Meta(description="A reference elsewhere, such as of the payment.")] = ""
    reason: Reason = ""
    actor: Actor = ""
    priority: Priority = 100
    effective: Annotated[Instant, Meta(description="From this instant on; 0: at once.")] = 0
    expires: Annotated[Instant | None, Meta(description="Until before this instant; left out: for good.")] = None
    scope: LotScope = None
    at: At = None


class AddUnits(Takes, frozen=True):
    """A lot of a feature's own units (micro-credits for a feature counted by its cost)."""

    account: Account
    feature: Feature
    units: Annotated[int, Meta(description="How many.")]
    key: Key = None
    reason: Reason = ""
    actor: Actor = ""
    priority: Priority = 100
    effective: Annotated[Instant, Meta(description="From this instant on; 0: at once.")] = 0
    expires: Annotated[Instant | None, Meta(description="Until before this instant; left out: for good.")] = None
    scope: LotScope = None
    at: At = None


class RevokeLot(Takes, frozen=True):
    """A lot of which all that is left is to be taken."""

    account: Account
    lot: LotId
    key: Key = None
    reason: Reason = ""
    actor: Actor = ""


class AdjustLot(Takes, frozen=True):
    """A lot to be corrected by so many micro-credits or units, above or below 0."""

    account: Account
    lot: LotId
    by: Annotated[int, Meta(description="Micro-credits or units, above or below 0.")]
    reason: Reason
    key: Key = None
    actor: Actor = ""


class ReverseLots(Takes, frozen=True):
    """A chargeback: what is left of the lots with this reference is taken back."""

    account: Account
    reference: str
    key: Key = None
    reason: Reason = "chargeback"
    actor: Actor = ""


class Refund(Takes, frozen=True):
    """The charge of a settled event, or its last `units`, to be given back to the lots that paid."""

    account: Account
    event_key: Annotated[str, Meta(description="The key of the request, or of the hold that was committed.")]
    units: Annotated[int | None, Meta(description="How many of the last units; left out: all that is left.")] = None
    key: Key = None
    reason: Reason = ""
    actor: Actor = ""


class SetLimit(Takes, frozen=True):
    """Another maximum for one limit of a feature, for this account."""

    account: Account
    feature: Feature
    limit: Annotated[str, Meta(description="The limit's name in the policy.")]
    max: Annotated[str | int, Meta(description='In what the limit counts; credits as text: "12.50".')]
    key: Key = None
    scope: Scope = None
    until: Annotated[Instant | None, Meta(description="Until this instant; left out: for good.")] = None
    reason: Reason = ""
    actor: Actor = ""


class ResetWindow(Takes, frozen=True):
    """A window of which what was counted is to be forgotten; all windows of the allowance, if none is named."""

    account: Account
    feature: Feature
    window: Annotated[str | None, Meta(description="The window's name in the policy.")] = None
    key: Key = None
    scope: Scope = None
    reason: Reason = ""
    actor: Actor = ""
