"""What administrators change: accounts, lots, limits, windows."""

from __future__ import annotations

from spillover.documents.accounts import AccountPage, Profile
from spillover.documents.lots import Lot, Lots
from spillover.documents.orders import Ordered, Reversed
from spillover.engine import orders as nouns
from spillover.http_api import answers
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.taking import OfAccount
from spillover.http_api.taking_orders import (
    Accounts,
    AddCredits,
    AddUnits,
    AdjustLot,
    Plan,
    PutAccount,
    ResetWindow,
    ReverseLots,
    RevokeLot,
    SetLimit,
    Suspend,
)
from spillover.http_api.words import require_key, words


async def put(call: Call) -> Answer:
    """`access.accounts.put`."""
    done = await call.service.access.accounts.put(**words(call, instants=("at", "billing_day")))
    return Answer(Profile.of(call.service.access.policy, done, account=call.taken.account))


async def plan(call: Call) -> Answer:
    """`access.accounts.plan`."""
    done = await call.service.access.accounts.plan(**words(call, instants=("when",)))
    return Answer(Profile.of(call.service.access.policy, done, account=call.taken.account))


async def suspend(call: Call) -> Answer:
    """`access.accounts.suspend`."""
    done = await call.service.access.accounts.suspend(**words(call))
    return Answer(Profile.of(call.service.access.policy, done, account=call.taken.account))


async def listed(call: Call) -> Answer:
    """`access.accounts.list`."""
    return Answer(AccountPage.of(call.service.access.policy, await call.service.access.accounts.list(**words(call))))


async def erase(call: Call) -> Answer:
    """`access.accounts.erase`."""
    await call.service.access.accounts.erase(call.taken.account)
    return Answer(answers.Done())


async def add_credits(call: Call) -> Answer:
    """`access.credits.add`."""
    require_key(call)
    lot = await call.service.access.credits.add(**words(call, instants=("effective", "expires", "at")))
    return Answer(Lot.of(call.service.access.policy, lot))


async def add_units(call: Call) -> Answer:
    """`access.units.add`."""
    require_key(call)
    lot = await call.service.access.units.add(**words(call, instants=("effective", "expires", "at")))
    return Answer(Lot.of(call.service.access.policy, lot))


async def lots(call: Call) -> Answer:
    """`access.lots.list`."""
    service, account = call.service, call.taken.account
    found = await service.access.lots.list(account)
    return Answer(Lots.of(service.access.policy, found, account=account, now=service.now()))


async def revoke(call: Call) -> Answer:
    """`access.lots.revoke`."""
    require_key(call)
    return await _ordered(call, await call.service.access.lots.revoke(**words(call)))


async def adjust(call: Call) -> Answer:
    """`access.lots.adjust`."""
    require_key(call)
    return await _ordered(call, await call.service.access.lots.adjust(**words(call)))


async def reverse(call: Call) -> Answer:
    """`access.lots.reverse`."""
    require_key(call)
    taken: ReverseLots = call.taken
    assert taken.key is not None
    done = await call.service.access.lots.reverse(**words(call))
    policy = call.service.access.policy
    return Answer(Reversed.of(policy, done, account=taken.account, reference=taken.reference, key=taken.key))


async def set_limit(call: Call) -> Answer:
    """`access.limits.set`."""
    require_key(call)
    done = await call.service.access.limits.set(**words(call, instants=("until",)))
    return await _ordered(call, done)


async def reset(call: Call) -> Answer:
    """`access.windows.reset`."""
    require_key(call)
    return await _ordered(call, await call.service.access.windows.reset(**words(call)))


async def _ordered(call: Call, done: nouns.Ordered) -> Answer:
    service, taken = call.service, call.taken
    measures: dict[int, str] = {}
    if done.lowered:
        measures = {one.lot.id: one.lot.measure for one in await service.access.lots.list(taken.account)}
    policy = service.access.policy
    return Answer(Ordered.of(policy, done, account=taken.account, key=taken.key, measures=measures))


ORDER = ("unknown-name", "key-reused", "bound-exceeded")
ACME = {"account": "acme"}

ROWS = (
    Endpoint(
        "accounts/put", "POST", "admin", "account", "Create an account, or change what is given.", PutAccount,
        Profile, put, ("unknown-name",), {**ACME, "plan": "starter", "reason": "signed up"},
    ),
    Endpoint(
        "accounts/plan", "POST", "admin", "account", "Another plan, at once or from an instant on.", Plan,
        Profile, plan, ("unknown-name",), {**ACME, "plan": "starter", "reason": "upgrade"},
    ),
    Endpoint(
        "accounts/list", "GET", "admin", "all", "All accounts, in pages.", Accounts, AccountPage, listed, (),
        {"limit": 10},
    ),
    Endpoint(
        "credits/add", "POST", "admin", "account", "Raise a lot of credits: bought if `paid` is given.", AddCredits,
        Lot, add_credits, ORDER, {**ACME, "credits": "300", "paid": "270.00 EUR", "ref": "ch_1", "key": "o-1"},
        keyed="key",
    ),
    Endpoint(
        "units/add", "POST", "admin", "feature", "Give units of a feature.", AddUnits, Lot, add_units, ORDER,
        {**ACME, "feature": "video.seconds", "units": 4, "key": "welcome-gift"}, keyed="key",
    ),
    Endpoint(
        "lots/list", "GET", "read", "account", "All lots that the account ever had.", OfAccount, Lots, lots,
        ("unknown-name",), ACME, customer=True,
    ),
    Endpoint(
        "limits/set", "POST", "admin", "feature", "Another maximum for one limit of one account.", SetLimit,
        Ordered, set_limit, ORDER,
        {**ACME, "feature": "chat.messages", "limit": "burst", "max": 30, "key": "limit-1"}, keyed="key",
    ),
    Endpoint(
        "windows/reset", "POST", "admin", "feature", "Forget what a window has counted so far.", ResetWindow,
        Ordered, reset, ORDER, {**ACME, "feature": "video.seconds", "window": "daily", "key": "reset-1"},
        keyed="key",
    ),
)  # fmt: skip
LAST = (
    Endpoint(
        "lots/adjust", "POST", "admin", "account", "Correct a lot, above or below 0, with a reason.", AdjustLot,
        Ordered, adjust, ORDER, {**ACME, "lot": 1, "by": 1000000, "reason": "goodwill", "key": "adjust-1"},
        borrows={"lot": "credits/add lot"}, keyed="key",
    ),
    Endpoint(
        "lots/revoke", "POST", "admin", "account", "Take from a lot all that it has left.", RevokeLot,
        Ordered, revoke, ORDER, {**ACME, "lot": 2, "reason": "by mistake", "key": "revoke-1"},
        borrows={"lot": "units/add lot"}, keyed="key",
    ),
    Endpoint(
        "lots/reverse", "POST", "admin", "account", "After a chargeback: take back what is left of a reference.",
        ReverseLots, Reversed, reverse, ORDER, {**ACME, "reference": "ch_1", "key": "dispute-1"}, keyed="key",
    ),
    Endpoint(
        "accounts/suspend", "POST", "admin", "account", "Deny everything of an account from now on.", Suspend,
        Profile, suspend, ("unknown-name",), {**ACME, "reason": "unpaid"},
    ),
    Endpoint(
        "accounts/erase", "POST", "admin", "account", "Forget the account's names, for good.", OfAccount,
        answers.Done, erase, ("unknown-name",), ACME,
    ),
)  # fmt: skip
