"""Automatic top-ups: whose credits are filled up by which pack, and what was ordered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from spillover.documents.topups import TopUpOrder, TopUpRule, TopUpRules, TopUps
from spillover.http_api.beside import TopUpDesk
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.taking import OfAccount
from spillover.http_api.taking_packs import FailTopUp, RemoveTopUp, SetTopUp, TopUpRulesPage

T = TypeVar("T")


async def put(call: Call) -> Answer:
    """An account's rule."""
    taken: SetTopUp = call.taken
    return Answer(await _done(call, lambda desk: desk.set(taken.account, taken.below, taken.pack, taken.most)))


async def get(call: Call) -> Answer:
    """How an account is topped up."""
    return Answer(await _done(call, lambda desk: desk.get(call.taken.account)))


async def remove(call: Call) -> Answer:
    """No more of it."""
    return Answer(await _done(call, lambda desk: desk.remove(call.taken.account)))


async def listed(call: Call) -> Answer:
    """All rules."""
    return Answer(await _done(call, lambda desk: desk.list(call.taken.limit, call.taken.after)))


async def fail(call: Call) -> Answer:
    """An order that cannot be charged."""
    taken: FailTopUp = call.taken
    return Answer(await _done(call, lambda desk: desk.fail(taken.account, taken.key, taken.reason)))


async def _done(call: Call, work: Callable[[TopUpDesk], Awaitable[T]]) -> T:
    """What the desk gives, over the service's own office."""
    desks = call.service.topups

    async def over(office: Any) -> T:  # noqa: ANN401  # the office's tables, whatever port they are asked by
        return await work(desks(office))

    return await call.service.clerk.run(over)


ACME = {"account": "acme"}

ROWS = (
    Endpoint(
        "topups/set", "POST", "admin", "account", "When its credits fall so low, order this pack, so often in a month.",
        SetTopUp, TopUpRule, put, ("unknown-name",), {**ACME, "below": "20", "pack": "small", "most": 3},
    ),
    Endpoint(
        "topups/get", "GET", "read", "account", "How an account is topped up, and what was ordered.", OfAccount, TopUps,
        get, ("unknown-name",), ACME, customer=True,
    ),
    Endpoint(
        "topups/fail", "POST", "admin", "account", "An order cannot be charged: it has failed, which is told.",
        FailTopUp, TopUpOrder, fail, ("unknown-name",),
        {**ACME, "key": "topup:1:2026-03:1", "reason": "card declined"}, borrows={"key": "topups/get orders.0.key"},
    ),
    Endpoint(
        "topups/list", "GET", "admin", "all", "All rules of automatic top-ups, in pages.", TopUpRulesPage,
        TopUpRules, listed,
    ),
    Endpoint(
        "topups/remove", "POST", "admin", "account", "Order nothing more for an account.", RemoveTopUp, TopUps, remove,
        ("unknown-name",), {**ACME, "reason": "asked for it"},
    ),
)  # fmt: skip
