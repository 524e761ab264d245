"""When a denied request would pass, if nothing else happens (design, law 11): the first instant, to the millisecond.

Between two turning points (a window ends, a lot begins or expires) only buckets change, and they only fill. So within
such a stretch passing is monotone: look at its first and last instant, and search by halves where it turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spillover.core.decide import TIME, TOLERANCE, decide, rule_for
from spillover.core.gauges import Bucket, Counter, gauge
from spillover.core.intake import TIME_MAX
from spillover.core.waterfall import scope_of
from spillover.model.account import Profile
from spillover.model.policy import Policy
from spillover.model.request import Request


def first_pass(policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int) -> int | None:
    """The first instant from `now` on at which the request passes; None for never.

    Bounded by the turning points (limits of the rule and lots of the account) times 40 halvings.
    """

    def passes(at: int) -> bool:
        return decide(policy, profile, cells, request, at)[0].allowed

    start = max(now, cells.get(TIME, 0) - TOLERANCE)
    turns, filling = _turning_points(policy, profile, cells, request, start)
    for index, turn in enumerate(turns):
        if passes(turn):
            return turn
        last = turns[index + 1] - 1 if index + 1 < len(turns) else TIME_MAX - 1
        if filling and last > turn and passes(last):
            return _first(passes, turn, last)
    return None


def _first(passes: Callable[[int], bool], low: int, high: int) -> int:
    """The first instant that passes, where `low` does not, `high` does, and passing is monotone."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _turning_points(
    policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, start: int
) -> tuple[list[int], bool]:
    """The instants from `start` on at which more than buckets change, in order, and whether there are buckets."""
    turns, filling = {start}, False
    rule = rule_for(policy, profile, request.feature)
    for limit in rule.limits() if rule else ():
        scope = scope_of(limit, request)
        if scope is None:
            continue
        at = gauge(limit, scope, profile, cells, start)
        if isinstance(at, Bucket):
            filling = True
        elif isinstance(at, Counter) and not at.fresh:
            turns.add(at.end)
    for lot in profile.lots:
        turns.update((lot.effective, lot.expires))
    return sorted(turn for turn in turns if start <= turn < TIME_MAX), filling
