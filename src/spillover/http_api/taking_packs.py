"""What calls about packs and automatic top-ups take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from spillover.http_api.forms import Account, Actor, At, Credits, Key, Limit, Reason, Takes


class GrantPack(Takes, frozen=True):
    """A pack that an account has bought."""

    account: Account
    pack: Annotated[str, Meta(description="One of the policy's packs.")]
    key: Key = None
    paid: Annotated[str | None, Meta(description="What was paid for it; left out: the pack's price.")] = None
    ref: Annotated[str, Meta(description="A reference elsewhere, such as of the payment.")] = ""
    reason: Reason = ""
    actor: Actor = ""
    at: At = None


class SetTopUp(Takes, frozen=True):
    """When an account's credits fall to `below` or less, this pack is ordered, at most `most` times in a month."""

    account: Account
    below: Annotated[Credits, Meta(description="Credits, as text or a whole number.")]
    pack: Annotated[str, Meta(description="One of the policy's packs, of credits.")]
    most: Annotated[int, Meta(description="Orders in a calendar month of the account's zone, 1 to 1,000.")]
    reason: Reason = ""
    actor: Actor = ""


class RemoveTopUp(Takes, frozen=True):
    """An account that is to be topped up no more."""

    account: Account
    reason: Reason = ""
    actor: Actor = ""


class TopUpRulesPage(Takes, frozen=True):
    """A page of all rules."""

    limit: Limit = 1000
    after: Annotated[int, Meta(description="What the page before gave to go on with.")] = 0


class FailTopUp(Takes, frozen=True):
    """An order that cannot be charged. It counts, and is not tried again."""

    account: Account
    key: Annotated[str, Meta(description="The order's key, as `topup.wanted` told it.")]
    reason: Annotated[Reason, Meta(description="Why, such as: card declined.")]
    actor: Actor = ""
