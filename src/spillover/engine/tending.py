"""What falls due by itself: scheduled plans, gifts, rollovers, the end of lots. Each comes into force as terms do."""

from __future__ import annotations

from spillover.core.gifts import PERIODS_MAX, DueGift, due_gift, gift_of, gone_gift, is_due
from spillover.engine.accounts import Accounts
from spillover.engine.known import Known
from spillover.engine.policies import Policies
from spillover.engine.pushing import push_terms
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.reports import EndedLot
from spillover.model.terms import Lower
from spillover.ports import Change, Grant, HotStore, Ledger, Terms

__all__ = ["Tending", "is_due"]

STEPS_MAX = 4 * PERIODS_MAX
"""Changes made to one account at a time; what is left falls due again at once."""
ACCOUNTS_MAX = 256
"""Accounts looked after at a time."""
ACTOR = "spillover"
"""Who changes what falls due."""


class Tending:
    """Brings accounts up to date. Used by one thread at a time."""

    def __init__(self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, accounts: Accounts) -> None:
        self._policies, self._store, self._ledger, self._known = policies, store, ledger, known
        self._accounts = accounts

    async def admit(self, name: str, terms: Terms) -> Profile:
        """Put an unknown account under the default plan."""
        return await self._accounts.put(name, terms, reason="first request", actor="default plan", only_new=True)

    async def all(self, now: int) -> int:
        """Whatever has fallen due in the ledger, for at most ACCOUNTS_MAX accounts; how many were changed."""
        changed = 0
        for account in await self._ledger.due_accounts(now, ACCOUNTS_MAX):
            changed += await self.terms(account, now)
        return changed

    async def terms(self, account: int, now: int) -> bool:
        """Bring one account up to date: plan, ends of lots, gifts, in the order in which they fell due."""
        changed = False
        for _ in range(STEPS_MAX):
            if not await self._step(account, now):
                break
            changed = True
        self._known.forget(account)
        return changed

    async def _step(self, account: int, now: int) -> bool:
        await push_terms(self._store, self._ledger, now=now, account=account)
        profile = await self._ledger.profile(account)
        policy = self._policies.at(now)
        gift = None if profile.state == "closed" else due_gift(policy, profile, now)
        planned = profile.next_at if profile.next_plan and profile.next_at <= now else None
        lots = await self._ledger.ended_lots(account, now)
        first = lots[0].lot.expires if lots else None
        if first is not None and (gift is None or first <= gift.start) and (planned is None or first <= planned):
            await self._end(profile, lots[0], now)
        elif planned is not None and (gift is None or planned <= gift.start):
            await self._change_plan(profile, planned)
        elif gift is not None:
            await self._give(account, gift, now)
        elif gone := gone_gift(policy, profile, now):
            name = await self._ledger.account_name(account)
            if name is None:
                return False
            terms = Terms(gift=(gone, NEVER))
            await self._ledger.put_account(name, terms, at=now, reason="the policy gives this no more", actor=ACTOR)
        else:
            return False
        await push_terms(self._store, self._ledger, now=now, account=account)
        return True

    async def _change_plan(self, profile: Profile, at: int) -> None:
        """The scheduled plan becomes the plan; if it lasts only for a time, its end is scheduled from here."""
        name = await self._ledger.account_name(profile.account)
        terms = self._accounts.scheduled(Terms(plan=profile.next_plan), at)
        if name is None:
            return
        await self._ledger.put_account(name, terms, at=at, reason="scheduled plan", actor=ACTOR)

    async def _give(self, account: int, due: DueGift, now: int) -> None:
        gift = due.gift
        lot = Lot(0, gift.measure, gift.priority, due.start, due.ends, gift.promotional, gift.scope)
        grant = Grant(
            lot, gift.amount, due.key, f"gift of plan {due.name}", ACTOR, gift=(due.name, due.following)
        )  # fmt: skip
        await self._ledger.grant(account, grant, at=min(due.start, now))

    async def _end(self, profile: Profile, ended: EndedLot, now: int) -> None:
        """A lot's time is over: what may roll over goes on in a new lot, the rest expires."""
        lot = ended.lot
        gift = gift_of(self._policies.at(now), ended.key)
        lowers: tuple[Lower, ...] = (Lower(lot.id, "expire"),)
        into: tuple[Lot, ...] = ()
        if gift and gift.rollover:
            ends = lot.expires + gift.rollover_lasts
            into = (Lot(0, lot.measure, lot.priority, lot.expires, ends, lot.promotional, lot.scope),)
            lowers = (Lower(lot.id, "rollover", gift.rollover, -1), *lowers)
        reason = "rolled over, the rest expired" if into else "expired"
        change = Change(f"spillover:end-of-lot:{lot.id}", reason, ACTOR, lowers=lowers, into=into)
        await self._ledger.change(profile.account, change, at=now)
