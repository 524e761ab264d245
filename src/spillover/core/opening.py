"""When a denied request would pass, if nothing else happens and open holds run to their due time (design, law 11).

Between two turning points (a window ends, a slot leaves, a lot begins or expires, a hold falls due, terms change) only
buckets change, and they only fill. So within such a stretch passing is monotone: look at its first and last instant,
and search by halves where it turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spillover.core.apply import apply
from spillover.core.decide import TIME, TOLERANCE, decide, plan_of
from spillover.core.gauges import Bucket, Counter, gauge
from spillover.core.holds import end
from spillover.core.instants import period
from spillover.core.intake import TIME_MAX
from spillover.core.members import Members
from spillover.core.scopes import scope_of
from spillover.core.sliding import Sliding, turns
from spillover.model.account import Profile
from spillover.model.commit import Cells
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.request import Request

Passes = Callable[[int], bool]
PERIODS_MAX = 3
"""How many further ends of each window are looked at: a lot or plan that begins later may meet a window's next ones."""


class Course:
    """An account's cells as they will be: every open hold expires when it is due."""

    def __init__(
        self,
        policies: Callable[[str], Policy | None],
        profile: Profile,
        cells: Mapping[str, int],
        holds: Sequence[Hold],
    ) -> None:
        """`policies` finds the policy of a hold's opening by its hash; a hold whose policy is not found stays open."""
        self.stages: list[tuple[int, Cells]] = [(0, dict(cells))]
        for hold in sorted(holds, key=lambda found: (found.due, found.id)):
            at, policy = hold.due + TOLERANCE, policies(hold.policy)
            before = self.stages[-1][1]
            if policy is None:
                continue
            _, operations = end(policy, profile, before, hold, "expire", {}, max(at, before.get(TIME, 0) - TOLERANCE))
            changed = apply(before, operations)
            if changed is not None:
                self.stages.append((at, before | changed))

    def at(self, instant: int) -> Cells:
        """The cells at an instant."""
        return next(cells for since, cells in reversed(self.stages) if since <= instant)


def first_pass(
    policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int, course: Course | None = None
) -> int | None:
    """The first instant from `now` on at which the request passes; None for never.

    Bounded by the turning points (limits of the rule, slots, holds and lots of the account) times 40 halvings.
    """
    course = course or Course(lambda _: None, profile, cells, ())
    passes = _passing(policy, profile, course, request)
    start = max(now, cells.get(TIME, 0) - TOLERANCE)
    points, filling = _turning_points(policy, profile, course, request, start)
    for index, turn in enumerate(points):
        if passes(turn):
            return turn
        last = points[index + 1] - 1 if index + 1 < len(points) else TIME_MAX - 1
        if filling and last > turn and passes(last):
            return _first(passes, turn, last)
    return None


def first_stop(
    policy: Policy,
    profile: Profile,
    cells: Mapping[str, int],
    request: Request,
    since: int,
    course: Course | None = None,
) -> int | None:
    """The first instant after `since`, at which it passes, at which it passes no more; None for never."""
    course = course or Course(lambda _: None, profile, cells, ())
    passes = _passing(policy, profile, course, request)
    points, _ = _turning_points(policy, profile, course, request, since)
    # Within a stretch passing never turns back, so it can only stop at a turning point.
    return next((turn for turn in points if turn > since and not passes(turn)), None)


def _passing(policy: Policy, profile: Profile, course: Course, request: Request) -> Passes:
    def passes(at: int) -> bool:
        return decide(policy, profile, course.at(at), request, at)[0].allowed

    return passes


def _first(passes: Passes, low: int, high: int) -> int:
    """The first instant that passes, where `low` does not, `high` does, and passing is monotone."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _turning_points(
    policy: Policy, profile: Profile, course: Course, request: Request, start: int
) -> tuple[list[int], bool]:
    """The instants from `start` on at which more than buckets change, in order, and whether there are buckets."""
    found, filling = {start}, False
    found.update(since for since, _ in course.stages)
    found.update(override.until for override in profile.overrides)
    found.add(profile.next_at)
    for lot in profile.lots:
        found.update((lot.effective, lot.expires))
    changes = sorted(at for at in found if start <= at < TIME_MAX)
    for plan in {plan_of(profile, at) for at in changes}:
        rule = policy.plans[plan].by_feature.get(request.feature) if plan in policy.plans else None
        for limit in rule.limits() if rule else ():
            scope = scope_of(limit, request)
            if scope is None:
                continue
            for since in changes:
                at = gauge(limit, scope, profile, course.at(since), since, request.subject)
                filling = filling or isinstance(at, Bucket)
                found.update(_ends(at, profile, since))
    return sorted(at for at in found if start <= at < TIME_MAX), filling


def _ends(at: object, profile: Profile, since: int) -> list[int]:
    """The instants at which the window that stands at `since` gives room again."""
    if isinstance(at, Members):
        at = at.inner
    if isinstance(at, Sliding):
        return turns(at.limit, at.head, since)
    if not isinstance(at, Counter) or at.fresh:
        return []
    if at.limit.window.kind == "session":
        return [at.end]
    ends, instant = [at.end], at.end
    # A zone or billing day that was changed may let a window last beyond the end of a period.
    for _ in range(PERIODS_MAX - 1):
        instant = period(at.limit.window, profile, instant)[1]
        ends.append(instant)
    return ends
