"""The verbs in groups for an event loop. What ends or extends a hold shares commits with the requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from spillover.access.mirror import Mirror, Worker, mirrored
from spillover.access.packs import PackVerbs
from spillover.access.verbs import (
    AccountVerbs,
    CreditVerbs,
    HoldVerbs,
    LimitVerbs,
    LotVerbs,
    PolicyVerbs,
    UnitVerbs,
    WindowVerbs,
    decision_of,
    ending_of,
)
from spillover.engine.answers import Decision, Ending
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer


class AsyncAccountVerbs(Mirror):
    """`access.accounts`: who pays."""

    put = mirrored(AccountVerbs.put)
    plan = mirrored(AccountVerbs.plan)
    suspend = mirrored(AccountVerbs.suspend)
    erase = mirrored(AccountVerbs.erase)
    list = mirrored(AccountVerbs.list)


class AsyncCreditVerbs(Mirror):
    """`access.credits`: lots of credits."""

    add = mirrored(CreditVerbs.add)


class AsyncUnitVerbs(Mirror):
    """`access.units`: lots of a feature's own units."""

    add = mirrored(UnitVerbs.add)


class AsyncLotVerbs(Mirror):
    """`access.lots`: the blocks of credits and units that an account holds."""

    list = mirrored(LotVerbs.list)
    revoke = mirrored(LotVerbs.revoke)
    adjust = mirrored(LotVerbs.adjust)
    reverse = mirrored(LotVerbs.reverse)


class AsyncLimitVerbs(Mirror):
    """`access.limits`: another maximum for one account."""

    set = mirrored(LimitVerbs.set)


class AsyncWindowVerbs(Mirror):
    """`access.windows`: what was counted."""

    reset = mirrored(WindowVerbs.reset)


class AsyncPolicyVerbs(Mirror):
    """`access.policies`: which policy decides when."""

    publish = mirrored(PolicyVerbs.publish)
    withdraw = mirrored(PolicyVerbs.withdraw)
    list = mirrored(PolicyVerbs.list)
    get = mirrored(PolicyVerbs.get)


class AsyncPackVerbs(Mirror):
    """`access.packs`: what can be bought."""

    list = mirrored(PackVerbs.list)
    grant = mirrored(PackVerbs.grant)


class AsyncHoldVerbs(Mirror):
    """`access.holds`: what is open, and how it ends. A hold is known by the key under which it was opened."""

    def __init__(self, holds: HoldVerbs, worker: Worker, submit: Callable[[Wish], Awaitable[Answer]]) -> None:
        super().__init__(holds, worker)
        self._holds, self._submit = holds, submit

    list = mirrored(HoldVerbs.list)

    async def extend(
        self, account: str, key: str, estimate: Mapping[str, int] | int | None = None, *, lasts: int | None = None,
        extension_key: str | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `HoldVerbs.extend`. Requests under way at the same time share a commit."""
        wish = self._holds.asked(account, key, "extend", estimate, at, lasts=lasts, extension_key=extension_key)
        return decision_of(await self._submit(wish))

    async def commit(
        self, account: str, key: str, usage: Mapping[str, int] | int | None = None, *, estimated: bool = False,
        at: int | None = None,
    ) -> Ending:  # fmt: skip
        """See `HoldVerbs.commit`. Requests under way at the same time share a commit."""
        wish = self._holds.asked(account, key, "commit", usage, at, estimated=estimated)
        return ending_of(await self._submit(wish))

    async def release(self, account: str, key: str, *, at: int | None = None) -> Ending:
        """See `HoldVerbs.release`. Requests under way at the same time share a commit."""
        return ending_of(await self._submit(self._holds.asked(account, key, "release", None, at)))
