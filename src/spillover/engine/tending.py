"""What falls due by itself: scheduled plans, gifts, rollovers, the end of lots. Each comes into force as terms do.

Several engines may see to the same account at the same time, each by its own clock and policy. So what is written is
bound to what was read: terms change only if they are still those that were looked at, and an order that somebody else
has booked under the same key is done. Whoever comes second looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from spillover.core.gifts import PERIODS_MAX, DueGift, due_gift, gift_of, gone_gift, is_due
from spillover.core.intake import RESERVED
from spillover.engine.accounts import Accounts
from spillover.engine.known import Known
from spillover.engine.policies import Policies
from spillover.engine.pushing import push_terms
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.commit import Commit
from spillover.model.errors import BoundExceeded, KeyReused, PartUnavailable, SpilloverError, StoreError
from spillover.model.reports import EndedLot
from spillover.model.terms import Lower
from spillover.ports import Change, Grant, HotStore, Ledger, Terms

__all__ = ["Tending", "is_due"]

STEPS_MAX = 256 + 4 * PERIODS_MAX
"""Changes made to one account at a time: as many lots as it may have end, and then gifts come. What is left falls due
again at once."""
ACCOUNTS_MAX = 256
"""Accounts looked after at a time."""
FAILED_MAX = 4096
"""Accounts that could not be looked after and are tried again beside those ACCOUNTS_MAX."""
ACTOR = "spillover"
"""Who changes what falls due."""


class Tending:
    """Brings accounts up to date. Used by one thread at a time."""

    def __init__(self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, accounts: Accounts) -> None:
        self._policies, self._store, self._ledger, self._known = policies, store, ledger, known
        self._accounts = accounts
        self._failed = 0
        self.live: Callable[[], int] | None = None  # the machine's clock, which a store may compare with its own

    async def admit(self, name: str, terms: Terms) -> Profile:
        """Put an unknown account under the default plan."""
        return await self._accounts.put(name, terms, reason="first request", actor="default plan", only_new=True)

    async def all(self, now: int) -> int:
        """Whatever has fallen due in the ledger, for at most ACCOUNTS_MAX accounts; how many were changed.

        What keeps one account from being looked after keeps no other: it is raised when all were seen. Those that
        failed are asked for beside as many others next time.
        """
        changed, failed = 0, list[SpilloverError]()
        for account in await self._ledger.due_accounts(now, ACCOUNTS_MAX + self._failed):
            try:
                changed += await self.terms(account, now)
            except SpilloverError as error:
                if isinstance(error, StoreError) and type(error) not in (StoreError, PartUnavailable):
                    raise  # the database is full, locked or of another form: every account would meet that
                failed.append(error)
        self._failed = min(len(failed), FAILED_MAX)
        if failed:
            raise failed[0]
        return changed

    async def terms(self, account: int, now: int) -> bool:
        """Bring one account up to date: plan, ends of lots, gifts, in the order in which they fell due."""
        changed = False
        try:
            for _ in range(STEPS_MAX):
                if not await self._step(account, now):
                    break
                changed = True
        finally:
            self._known.forget(account)
        return changed

    async def _step(self, account: int, now: int) -> bool:
        """See to the first thing that is due, or find it done by another; False if nothing is."""
        await push_terms(self._store, self._ledger, now=now, account=account)
        profile = await self._ledger.profile(account)
        policy = self._policies.at(now)
        gift = None if profile.state == "closed" else due_gift(policy, profile, now)
        planned = profile.next_at if profile.next_plan and profile.next_at <= now else None
        lots = await self._ledger.ended_lots(account, now)
        first = lots[0].lot.expires if lots else None
        gone = gone_gift(policy, profile, now)
        if first is None and planned is None and gift is None and not gone:
            return False
        await self._require_clock(profile)
        seen = True
        if first is not None and (gift is None or first <= gift.start) and (planned is None or first <= planned):
            await self._end(profile, lots[0], now)
        elif planned is not None:  # a gift that is found due is one of the plan that comes, so it comes after
            terms = self._accounts.scheduled(Terms(plan=profile.next_plan), planned)
            seen = await self._put(profile, terms, planned, "scheduled plan")
        elif gift is not None:
            seen = await self._give(profile, gift, now)
        elif gone:
            seen = await self._put(profile, Terms(gift=(gone, NEVER)), now, "the policy gives this no more")
        await push_terms(self._store, self._ledger, now=now, account=account)
        return seen

    async def _require_clock(self, profile: Profile) -> None:
        """Before the books take what falls due by this machine's clock alone. Raises ClockAhead, ClockBehind."""
        if self.live is not None:
            asked = Commit(profile.account, 0, profile.version, (), f"{RESERVED}clock", "", now=self.live())
            await self._store.commit([asked])  # like a denial it changes nothing, whatever the outcome

    async def _put(self, profile: Profile, terms: Terms, at: int, reason: str) -> bool:
        """Change the terms if they are still these; False for an account that was erased."""
        name = await self._ledger.account_name(profile.account)
        if name is None:
            return False
        await self._ledger.put_account(name, terms, at=at, reason=reason, actor=ACTOR, expected=profile)
        return True

    async def _give(self, profile: Profile, due: DueGift, now: int) -> bool:
        """Grant a gift, or pass it over where it cannot be given: the account goes on without it.

        If another engine has given it under this key, the terms are other ones by now, and nothing is passed over.
        """
        gift = due.gift
        if due.begun:
            reason = f"gift of plan {due.name} passed over: most of its period lies before the end of the last"
            return await self._put(profile, Terms(gift=(due.name, due.following)), now, reason)
        lot = Lot(0, gift.measure, gift.priority, due.start, due.ends, gift.promotional, gift.scope)
        grant = Grant(
            lot, gift.amount, due.key, f"gift of plan {due.name}", ACTOR, gift=(due.name, due.following)
        )  # fmt: skip
        try:
            await self._ledger.grant(profile.account, grant, at=min(due.start, now))
        except KeyReused:
            reason = f"gift of plan {due.name} passed over: it was given under the same key before"
        except BoundExceeded as error:
            reason = f"gift of plan {due.name} passed over: {error}"
        else:
            return True
        return await self._put(profile, Terms(gift=(due.name, due.following)), now, reason)

    async def _end(self, profile: Profile, ended: EndedLot, now: int) -> None:
        """A lot's time is over: what may roll over goes on in a new lot, the rest expires.

        Where the account has no room for another lot all of it expires. An end that another engine has ordered is done.
        """
        lot = ended.lot
        gift = gift_of(self._policies.at(now), ended.key)
        key, expire = f"spillover:end-of-lot:{lot.id}", Lower(lot.id, "expire")
        change = Change(key, "expired", ACTOR, lowers=(expire,))
        with suppress(KeyReused):
            if gift and gift.rollover:
                ends = lot.expires + gift.rollover_lasts
                into = Lot(0, lot.measure, lot.priority, lot.expires, ends, lot.promotional, lot.scope)
                rolled = Lower(lot.id, "rollover", gift.rollover, -1)
                order = Change(key, "rolled over, the rest expired", ACTOR, lowers=(rolled, expire), into=(into,))
                try:
                    await self._ledger.change(profile.account, order, at=now)
                    return
                except BoundExceeded as error:
                    change = replace(change, reason=f"expired, nothing rolled over: {error}")
            await self._ledger.change(profile.account, change, at=now)
