"""A staircase laid out on a line of cells: where each step begins and ends, and what is said beside it.

Apart from how it is drawn, so that the drawing knows nothing of rooms and blockers.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from spillover.core.staircase import Ceiling, Staircase, Step
from spillover.engine.answers import Decision
from spillover.model.decision import Blocker, Overshoot
from spillover.model.policy import Feature
from spillover.pictures.wording import counted_text, credits_text, units_text

Look = Literal["open", "closed", "drawn", "held", "would", "halt", "grey", "over", "short"]
"""A ceiling that has room or has not; a step that gave, holds, would give, is where the request halts, or was not
reached; what lies beyond the last step: overshoot, or what was not granted."""

_BEFORE_THE_STAIRS = ("state", "plan", "attribute", "late", "bound")
"""Blockers that stop a request before any layer is asked."""


class Row(NamedTuple):
    """One line of the picture: cells [start, end) are the step's part of the bar, `halt` the part that nobody pays.

    The last `back` of its cells are those that were given back.
    """

    label: str
    look: Look
    start: int
    end: int
    text: str
    left_over: bool = False  # the step has room left behind the request
    back: int = 0


def ceiling_text(ceiling: Ceiling, feature: Feature, count: int) -> str:
    """A ceiling's maximum or room, in what it counts: units of the feature, credits, or a number of something."""
    return counted_text(ceiling.of, feature, count)


def rows_of(staircase: Staircase, decision: Decision, cells: int, arrow: str) -> list[Row]:
    """Ceilings first, then the steps, over a bar of `cells` cells."""
    feature, blockers = decision.counted, staircase.verdict.blockers
    halted_at = "" if decision.allowed else blockers[-1].kind
    rows = [_ceiling(ceiling, cells, feature) for ceiling in staircase.ceilings]
    if halted_at in _BEFORE_THE_STAIRS:
        rows.append(Row(blockers[-1].kind, "closed", 0, cells, stopped_by(blockers[-1])))
    if halted_at in (*_BEFORE_THE_STAIRS, "ceiling"):
        return rows + [_grey(step, cells, feature) for step in staircase.steps]
    steps = steps_of(staircase, decision)
    edges = edges_of([step.given for step in steps], decision.units, cells)
    last_reached = max((at for at, step in enumerate(steps) if step.reached), default=-1)
    for at, step in enumerate(steps):
        start, end = edges[at]
        if not step.reached:
            rows.append(_grey(step, cells, feature))
        elif decision.allowed:
            rows.append(_drawn(step, start, end, feature, arrow, "held" if decision.due else "drawn"))
        else:
            rows.append(_would(step, start, end, feature, at == last_reached))
    return rows + _beyond(decision, edges[-1][1] if edges else 0, cells)


def over_row(feature: Feature, beyond: Overshoot, start: int, cells: int) -> Row:
    """What no layer could pay of something that happened already: a lip beyond the last step."""
    text = f"{units_text(feature, beyond.units)} beyond what was there"
    if beyond.forgiven:
        text += f", {credits_text(beyond.forgiven)} credits forgiven"
    if beyond.owed:
        text += f", {credits_text(beyond.owed)} credits owed"
    return Row("overshoot", "over", start, cells, text)


def _beyond(decision: Decision, start: int, cells: int) -> list[Row]:
    """What lies beyond the last step of a request that was granted."""
    if decision.overshoot:
        return [over_row(decision.counted, decision.overshoot, start, cells)]
    if not decision.allowed or decision.granted >= decision.units:
        return []
    why = f" ({stopped_by(decision.blockers[-1])})" if decision.blockers else ""
    short = units_text(decision.counted, decision.units - decision.granted)
    return [Row("not granted", "short", start, cells, f"{short} not granted{why}")]


def steps_of(staircase: Staircase, decision: Decision) -> tuple[Step, ...]:
    """The steps as the decision used them: a recorded use that no layer may pay flows through none of them."""
    if decision.allowed and not decision.legs and any(step.given for step in staircase.steps):
        return tuple(Step(step.layer, step.room, 0, 0, False) for step in staircase.steps)
    return staircase.steps


def stopped_by(blocker: Blocker | None) -> str:
    """A blocker in a word or two, as `Denial.blocked_by` says it: "window five_hour"; "" for none."""
    if blocker is None:
        return ""
    return blocker.kind if blocker.kind == blocker.name else f"{blocker.kind} {blocker.name}"


def edges_of(given: list[int], asked: int, cells: int) -> list[tuple[int, int]]:
    """Each part's cells. A part that gives anything has at least one cell, so that no payer is invisible."""
    edges, poured, at = [], 0, 0
    for index, units in enumerate(given):
        poured += units
        waiting = sum(1 for later in given[index + 1 :] if later) + (1 if sum(given) < asked else 0)
        end = at if not units else min(max(round(poured * cells / asked), at + 1), cells - waiting)
        edges.append((at, end))
        at = end
    return edges


def _ceiling(ceiling: Ceiling, cells: int, feature: Feature) -> Row:
    room, most = ceiling_text(ceiling, feature, ceiling.room), ceiling_text(ceiling, feature, ceiling.max)
    what = "ceiling" if ceiling.passed else f"ceiling {ceiling.name}"
    return Row(ceiling.name, "open" if ceiling.passed else "closed", 0, cells, f"{what}, room {room} of {most}")


def _grey(step: Step, cells: int, feature: Feature) -> Row:
    return Row(step.layer, "grey", cells, cells, f"{_room(step, feature)}, not reached")


def _drawn(step: Step, start: int, end: int, feature: Feature, arrow: str, look: Look) -> Row:
    text = _room(step, feature)
    if step.room_after is not None and step.given:
        text += f" {arrow} {units_text(feature, step.room_after)}"
    if step.amount:
        text += f", for {credits_text(step.amount)} credits"
    elif step.blocker:
        text += _why(step.blocker)
    if look == "held" and step.given:
        text += ", held"
    return Row(step.layer, look, start, end, text, step.blocker is None and step.room_after != 0)


def _would(step: Step, start: int, end: int, feature: Feature, last: bool) -> Row:
    text = f"{_room(step, feature)}, would give {units_text(feature, step.given)}" if step.room else "room 0"
    if step.blocker:
        text += _why(step.blocker)
    return Row(step.layer, "halt" if last else "would", start, end, text)


def _room(step: Step, feature: Feature) -> str:
    return "room without bound" if step.room is None else f"room {units_text(feature, step.room)}"


def _why(blocker: Blocker) -> str:
    """The limit behind a step's room, where the step's own name does not say it."""
    match blocker.kind:
        case "consent":
            return ": the customer does not allow it"
        case "credits" if blocker.name == "price":
            return ": no price fits"
        case "owed":
            return f": {credits_text(blocker.short)} credits are owed first"
        case "window" | "spending" | "cap":
            return f" ({blocker.name})"
        case _:
            return ""
