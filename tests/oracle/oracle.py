"""A second pair of eyes: the law of the waterfall, decided naively from the whole history of an account.

The shipped rules keep a few numbers per limit and work on those. This oracle keeps what happened, every grant and every
raise of a lot, and counts again from the beginning each time. It shares no code with `spillover.core`: where both give
the same verdicts over long random histories, a mistake would have to be made twice, in two ways of thinking.

Instants are milliseconds since 1970, periods are half open: [start, end).
"""

from __future__ import annotations

from spillover.model.account import Profile
from spillover.model.decision import Verdict
from spillover.model.event import Move
from spillover.model.policy import Policy, Rule
from spillover.model.request import Request
from spillover.ports import Push
from tests.oracle.attempt import Attempt, Bounds, Price, Use
from tests.oracle.history import Account, Kept
from tests.oracle.holds import Ended, end, extend, keep
from tests.oracle.meters import Asker
from tests.oracle.modes import answer
from tests.oracle.terms import Forgotten, come_into_force

BOUNDS = Bounds()


class Oracle:
    """Decides requests on the whole history that it was told of and made itself."""

    def __init__(self, policy: Policy, bounds: Bounds = BOUNDS) -> None:
        self.policy, self.bounds = policy, bounds
        self.accounts: dict[int, Account] = {}

    # Terms

    def put(self, profile: Profile, now: int) -> None:
        """A new account, or new terms for one."""
        account = self.accounts.setdefault(profile.account, Account(profile))
        account.profile = profile
        account.newest = max(account.newest, now)

    def raise_lot(self, account: int, lot: int, amount: int, now: int) -> None:
        """What was bought or given, added to a lot."""
        self.accounts[account].lots[lot].append(amount)
        self.accounts[account].newest = max(self.accounts[account].newest, now)

    def push(self, push: Push, now: int, resets: list[Forgotten]) -> list[Move]:
        """New terms come into force: lots are raised, what is owed is paid, lots are lowered, limits are reset."""
        return come_into_force(self.accounts[push.profile.account], push, resets, now)

    def remaining(self, account: int, lot: int) -> int:
        """What is left of a lot."""
        return self.accounts[account].left(lot)

    # Requests

    def decide(self, request: Request, now: int) -> Verdict:
        """The answer by the law; if it is a grant, it has happened."""
        account = self.accounts[request.account]
        plan = plan_in_force(account.profile, now)
        asker = Asker(account, request.subject, request.attributes, now, self.policy.late)
        price = Price.of(self.policy.features[request.feature], request.attributes)
        attempt = Attempt(self.policy, account, plan, asker, price, self.bounds)
        usage = request.usage
        if request.hold and attempt.rule:
            usage = estimate(attempt.rule, usage)
        use = Use(price.units(usage), usage, hold=bool(request.hold))
        verdict, granted = answer(attempt, use, request.mode)
        if granted is not None and request.hold:
            kept = Kept(request.key, self.policy, plan, request.feature, request.subject, request.attributes)
            lasts = attempt.rule.hold.lasts if request.hold < 0 and attempt.rule else request.hold
            keep(account, kept, granted, usage, now + lasts)
        return verdict

    # Holds

    def extend(self, account: int, key: str, usage: dict[str, int], due: int, now: int) -> Verdict:
        """More for an open hold, until later; if it is granted, it has happened."""
        return extend(self.accounts[account], key, usage, due, now, self.bounds)

    def end(self, account: int, key: str, kind: str, usage: dict[str, int], now: int) -> Ended:
        """An open hold ends: "commit", "release", "expire"; or what had expired is committed after all: "late"."""
        return end(self.accounts[account], key, kind, usage, now, self.bounds)


def plan_in_force(profile: Profile, now: int) -> str:
    """The scheduled plan from its instant on."""
    return profile.next_plan if profile.next_plan and now >= profile.next_at else profile.plan


def estimate(rule: Rule, usage: dict[str, int]) -> dict[str, int]:
    """What a hold is opened on: what was given, else the rule's default, each count at least the rule's minimum."""
    given = dict(usage) if usage else dict(rule.hold.default)
    least = dict(rule.hold.at_least)
    return {name: max(given.get(name, 0), least.get(name, 0)) for name in {**given, **least}}
