"""Law 6: a request passes whole, as far as there is room, or has happened already."""

from __future__ import annotations

from spillover.model.decision import Blocker, Verdict
from spillover.model.leg import Leg
from tests.oracle.attempt import Attempt, Granted, Use
from tests.oracle.waterfall import Waterfall

Answer = tuple[Verdict, Granted | None]


def answer(attempt: Attempt, use: Use, mode: str) -> Answer:
    """Law 6: by the mode."""
    if mode == "record":
        return record(attempt, use)
    return partial(attempt, use) if mode == "partial" else exact(attempt, use)


def exact(attempt: Attempt, use: Use, before: int = 0) -> Answer:
    """All, or nothing. `before`: legs that a hold has already, of which this is an extension."""
    closed = attempt.refusal() or attempt.late() or attempt.missing()
    ceiling = closed or attempt.blocking_ceiling(use)
    if ceiling:
        return denied(use, [ceiling])
    pour = attempt.waterfall()
    if pour.pour(use.units):
        return denied(use, pour.blockers)
    return granted(attempt, pour, use, use.units, (), before)


def partial(attempt: Attempt, use: Use) -> Answer:
    """As much as there is; nothing is a denial. Ceilings count what was granted."""
    closed = attempt.refusal() or attempt.late() or attempt.missing()
    if closed:
        return denied(use, [closed])
    asked, ceiling = attempt.reduced(use)
    pour = attempt.waterfall()
    left = pour.pour(asked)
    blockers = [ceiling] if ceiling and not left else []
    blockers += pour.blockers
    if asked == left and (use.units or ceiling):
        return denied(use, blockers)
    return granted(attempt, pour, use._replace(units=asked - left), use.units, tuple(blockers))


def record(attempt: Attempt, use: Use) -> Answer:
    """It happened: denied only as late, or for what law 14 bounds."""
    late = attempt.late()
    if late:
        return denied(use, [late])
    bound, done = recorded(attempt, use, closed=bool(attempt.refusal() or attempt.missing()))
    if done is None:
        return denied(use, [bound] if bound else [])
    return Verdict(True, use.units, use.units, legs_of(done), (), done.overshoot), done


def recorded(attempt: Attempt, use: Use, *, closed: bool) -> tuple[Blocker | None, Granted | None]:
    """Ceilings count it without bound; what no layer can pay is overshoot, and all of it where they are `closed`."""
    pour = None if closed else attempt.waterfall()
    left = pour.pour(use.units) if pour else use.units
    over, forgiven = attempt.overshoot(left)
    bound = attempt.bound(pour, use, forgiven)
    return (bound, None) if bound else (None, attempt.happen(pour, use, over, forgiven))


def granted(
    attempt: Attempt, pour: Waterfall, use: Use, units: int, blockers: tuple[Blocker, ...], before: int = 0
) -> Answer:
    """Unless law 14 forbids it."""
    bound = attempt.bound(pour, use, None, before)
    if bound:
        return denied(use._replace(units=units), [bound])
    done = attempt.happen(pour, use, None, None)
    return Verdict(True, units, use.units, legs_of(done), blockers), done


def legs_of(done: Granted) -> tuple[Leg, ...]:
    return tuple(part.leg for part in done.parts)


def denied(use: Use, blockers: list[Blocker]) -> Answer:
    return Verdict(False, use.units, 0, (), tuple(blockers)), None
