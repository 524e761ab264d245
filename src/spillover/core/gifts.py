"""What a plan gives, and when terms fall due: gifts once or each period, what rolls over, scheduled plans."""

from __future__ import annotations

from typing import NamedTuple

from spillover.core.decide import plan_of
from spillover.core.instants import period
from spillover.model.account import NEVER, Profile
from spillover.model.policy import Gift, Plan, Policy

GIFT_KEY = "spillover:gift:"
"""How the key of a gift's grant begins; PLAN/NAME follows, and the start of its period."""

PERIODS_MAX = 36
"""How many periods that were missed are made up for."""


class DueGift(NamedTuple):
    """A gift that is to be given now: effective from `start`, until `ends`; the next one is due at `following`.

    `begun`: most of its period lies before the last one's end, as the account's zone or billing day has changed: it is
    passed over.
    """

    gift: Gift
    name: str
    start: int
    ends: int
    following: int
    begun: bool = False

    @property
    def key(self) -> str:
        """The key of its grant: the same gift of the same period is given once."""
        return f"{GIFT_KEY}{self.name}:{self.start}" if self.gift.every else f"{GIFT_KEY}{self.name}"


def is_due(policy: Policy, profile: Profile, now: int) -> bool:
    """Whether a scheduled plan or a gift has fallen due."""
    if profile.next_plan and now >= profile.next_at:
        return True
    plan = policy.plans.get(profile.plan)
    if plan is None or not plan.gives or profile.state == "closed":
        return False
    given = dict(profile.gifts)
    return any(given.get(f"{plan.name}/{gift.name}", 0) <= now for gift in plan.gives)


def due_gift(policy: Policy, profile: Profile, now: int) -> DueGift | None:
    """The next gift that is to be given, the earliest first; None if none is due.

    Of missed periods the last PERIODS_MAX are made up for, one after the other.
    """
    plan = policy.plans.get(plan_of(profile, now))
    found = [_due(plan, gift, profile, now) for gift in plan.gives] if plan else []
    return min((gift for gift in found if gift), key=lambda gift: gift.start, default=None)


def _due(plan: Plan, gift: Gift, profile: Profile, now: int) -> DueGift | None:
    name = f"{plan.name}/{gift.name}"
    due = dict(profile.gifts).get(name)
    if due is not None and now < due:
        return None
    if gift.every is None:
        return DueGift(gift, name, now, now + gift.lasts if gift.lasts else NEVER, NEVER)
    start, ends = period(gift.every, profile, now)
    if due is not None:
        for _ in range(PERIODS_MAX):  # back to the first period that was missed
            if start <= due:
                break
            start, ends = period(gift.every, profile, start - 1)
    return DueGift(gift, name, start, ends, ends, begun=due is not None and due - start > ends - due)


def gone_gift(policy: Policy, profile: Profile, now: int) -> str | None:
    """A gift of the account's plan that would be due, and that the policy does not know any more."""
    plan = policy.plans.get(profile.plan)
    known = {f"{profile.plan}/{gift.name}" for gift in plan.gives} if plan else set()
    due = (name for name, at in profile.gifts if at <= now and name.startswith(f"{profile.plan}/"))
    return next((name for name in due if name not in known), None)


def gift_of(policy: Policy, key: str) -> Gift | None:
    """The gift behind the key of a grant; None for any other key, or if the policy does not know it any more."""
    if not key.startswith(GIFT_KEY):
        return None
    plan, _, rest = key.removeprefix(GIFT_KEY).partition("/")
    found = policy.plans.get(plan)
    name = rest.partition(":")[0]
    return next((gift for gift in found.gives if gift.name == name), None) if found else None
