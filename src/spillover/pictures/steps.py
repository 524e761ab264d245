"""A staircase laid out on a line of cells: where each step begins and ends, and what is said beside it.

Apart from how it is drawn, so that the drawing knows nothing of rooms and blockers.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from spillover.core.staircase import Ceiling, Staircase, Step
from spillover.engine.answers import Decision
from spillover.model.decision import Blocker
from spillover.model.policy import Feature
from spillover.pictures.wording import credits_text, number, units_text

Look = Literal["open", "closed", "drawn", "would", "halt", "grey"]
"""A ceiling that has room or has not; a step that gave, would give, is where the request halts, or was not reached."""

_BEFORE_THE_STAIRS = ("state", "plan", "attribute", "late", "bound")
"""Blockers that stop a request before any layer is asked."""


class Row(NamedTuple):
    """One line of the picture: cells [start, end) are the step's part of the bar, `halt` the part that nobody pays."""

    label: str
    look: Look
    start: int
    end: int
    text: str
    left_over: bool = False  # the step has room left behind the request


def ceiling_text(ceiling: Ceiling, feature: Feature, count: int) -> str:
    """A ceiling's maximum or room, in what it counts: requests, or units of the feature."""
    return number(count) if ceiling.of == "requests" else units_text(feature, count)


def rows_of(staircase: Staircase, decision: Decision, cells: int, arrow: str) -> list[Row]:
    """Ceilings first, then the steps, over a bar of `cells` cells."""
    feature, blockers = decision.counted, staircase.verdict.blockers
    halted_at = blockers[-1].kind if blockers else ""
    rows = [_ceiling(ceiling, cells, feature) for ceiling in staircase.ceilings]
    if halted_at in _BEFORE_THE_STAIRS:
        rows.append(Row(blockers[-1].kind, "closed", 0, cells, stopped_by(blockers[-1])))
    if halted_at in (*_BEFORE_THE_STAIRS, "ceiling"):
        return rows + [_grey(step, cells, feature) for step in staircase.steps]
    edges = _edges([step.given for step in staircase.steps], decision.units, cells)
    last_reached = max((at for at, step in enumerate(staircase.steps) if step.reached), default=-1)
    for at, step in enumerate(staircase.steps):
        start, end = edges[at]
        if not step.reached:
            rows.append(_grey(step, cells, feature))
        elif decision.allowed:
            rows.append(_drawn(step, start, end, feature, arrow))
        else:
            rows.append(_would(step, start, end, feature, at == last_reached))
    return rows


def stopped_by(blocker: Blocker | None) -> str:
    """A blocker in a word or two, as `Denial.blocked_by` says it: "window five_hour"; "" for none."""
    if blocker is None:
        return ""
    return blocker.kind if blocker.kind == blocker.name else f"{blocker.kind} {blocker.name}"


def _edges(given: list[int], asked: int, cells: int) -> list[tuple[int, int]]:
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


def _drawn(step: Step, start: int, end: int, feature: Feature, arrow: str) -> Row:
    text = _room(step, feature)
    if step.room_after is not None and step.given:
        text += f" {arrow} {units_text(feature, step.room_after)}"
    if step.amount:
        text += f", for {credits_text(step.amount)} credits"
    elif step.blocker:
        text += _why(step.blocker)
    return Row(step.layer, "drawn", start, end, text, step.blocker is None and step.room_after != 0)


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
        case "window" | "spending" | "cap":
            return f" ({blocker.name})"
        case _:
            return ""
