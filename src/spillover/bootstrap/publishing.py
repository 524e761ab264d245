"""Which policy may follow another: none that leaves behind what accounts use, unless that is wanted."""

from __future__ import annotations

from spillover.engine.policies import Succession
from spillover.model.errors import Mistake, PolicyError, SpilloverError
from spillover.model.policy import Policy
from spillover.ports import Ledger

RECENT_MS = 30 * 86_400_000
"""Features of usage that is not older are in use."""
EVENTS_MAX = 20_000
"""Booked events looked at, in the order of accounts; a feature that was not met by then counts as used."""
PAGE = 1000


class LeavesBehind(PolicyError):
    """A policy that lacks what is in use; `mistakes` tell all of it."""

    def __init__(self, sentences: list[str], note: str) -> None:
        expected = "a policy under which what is in use goes on"
        self.mistakes = tuple(Mistake("policy", 0, "plans", sentence, expected) for sentence in sentences)
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        advice = "mend the policy, or publish it all the same with force=True"
        SpilloverError.__init__(self, f"policy: {sentences[0]}{more}{note}; {advice}")


def succession_of(ledger: Ledger) -> Succession:
    """Refuses a policy that leaves behind what the accounts of this ledger use."""

    async def require(new: Policy, old: Policy | None, now: int) -> None:
        if old is None or old.hash == new.hash:
            return
        from spillover.policy import leaves_behind

        plans = await ledger.plans_in_use()
        lost = leaves_behind(old, new, plans, ())
        pairs = [(plan, feature) for plan in plans if plan in old.plans for feature in old.plans[plan].by_feature]
        lacking = [pair for pair in pairs if len(leaves_behind(old, new, plans, [pair])) > len(lost)]
        used, note = await _used(ledger, {feature for _, feature in lacking}, now) if lacking else (set(), "")
        found = leaves_behind(old, new, plans, [pair for pair in lacking if pair[1] in used])
        if found:
            raise LeavesBehind(found, note)

    return require


async def _used(ledger: Ledger, features: set[str], now: int) -> tuple[set[str], str]:
    """Which of these features were used lately, and a note where not everything was looked at."""
    met: set[str] = set()
    after = None
    for _ in range(EVENTS_MAX // PAGE):
        page = await ledger.events(since=max(now - RECENT_MS, 0), limit=PAGE, after=after)
        met.update(placed.event.feature for placed in page.rows if placed.event.feature in features)
        after = page.after
        if after is None or met == features:
            return met, ""
    return features, f" (of the last 30 days only {EVENTS_MAX:,} events were looked at; what else there is counts too)"
