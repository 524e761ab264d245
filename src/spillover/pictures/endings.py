"""How a hold went on or ended: the parts that it kept and gave back, what was drawn further, what went beyond."""

from __future__ import annotations

from rich.console import RenderableType

from spillover.core.words import amount_of
from spillover.model.event import Event
from spillover.model.hold import Hold
from spillover.model.leg import Leg
from spillover.model.policy import Feature
from spillover.pictures.staircase import StepsPicture
from spillover.pictures.steps import Look, Row, edges_of, over_row
from spillover.pictures.tables import table
from spillover.pictures.wording import credits_text, units_text


def ending_picture(feature: Feature, event: Event, hold: Hold) -> StepsPicture:
    """`event` extends or ends `hold`, whose record is the one before it."""
    kept = _kept(event, hold)
    total = sum(leg.units for leg, _ in kept) + _further_units(event)
    asked = amount_of(feature, max(total, 1)) if event.late else f"{amount_of(feature, hold.units)} held"
    return StepsPicture(asked, lambda cells, _: _rows(feature, event, kept, max(total, 1), cells))


def ending_table(feature: Feature, event: Event, hold: Hold) -> RenderableType:
    """The same as a table: each part with what was held, kept and given back, and what was drawn further."""
    rows: list[tuple[str, ...]] = []
    for leg, kept in _kept(event, hold):
        back = leg.units - kept
        rows.append(
            (leg.layer, units_text(feature, leg.units), units_text(feature, kept), units_text(feature, back), "")
        )
    for leg in _further(event, hold):
        rows.append((f"{leg.layer}, further", "", units_text(feature, leg.units), "", _credits(leg.amount)))
    if event.overshoot:
        beyond = event.overshoot
        rows.append(("overshoot", "", units_text(feature, beyond.units), "", _credits(beyond.owed)))
    return table(("step", ">held", ">kept", ">given back", ">further credits"), rows)


def _kept(event: Event, hold: Hold) -> list[tuple[Leg, int]]:
    """Each part that was held, with the units of it that stay; none for a hold that had expired before."""
    if event.late:
        return []
    left = hold.units if event.kind == "extend" else event.units
    found = []
    for part in hold.parts:
        found.append((part.leg, min(part.leg.units, left)))
        left -= found[-1][1]
    return found


def _further(event: Event, hold: Hold) -> tuple[Leg, ...]:
    """The legs that were drawn at this event; of an end they stand behind those that were kept."""
    if event.kind == "extend" or event.late:
        return event.legs
    return event.legs[sum(1 for _, kept in _kept(event, hold) if kept) :]


def _further_units(event: Event) -> int:
    """Units that this event drew beyond what was held."""
    beyond = event.overshoot.units if event.overshoot else 0
    return beyond + (sum(leg.units for leg in event.legs) if event.kind == "extend" or event.late else 0)


def _rows(feature: Feature, event: Event, kept: list[tuple[Leg, int]], total: int, cells: int) -> list[Row]:
    further = event.legs[sum(1 for _, units in kept if units) :] if event.kind != "extend" else event.legs
    beyond = event.overshoot.units if event.overshoot else 0
    parts = [leg.units for leg, _ in kept] + [leg.units for leg in further]
    edges = edges_of(parts, max(total, sum(parts) + beyond), cells)
    held: Look = "held" if event.kind == "extend" else "drawn"
    rows = []
    for (leg, units), (start, end) in zip(kept, edges, strict=False):
        text = f"{units_text(feature, units)} kept"
        if leg.units > units:
            text += f", {units_text(feature, leg.units - units)} given back"
        back = _share(end - start, leg.units - units, leg.units)
        rows.append(Row(leg.layer, held, start, end, text, back=back))
    for leg, (start, end) in zip(further, edges[len(kept) :], strict=True):
        text = f"{units_text(feature, leg.units)} {'more' if kept else 'drawn now'}"
        rows.append(
            Row(leg.layer, held, start, end, text + (f", for {_credits(leg.amount)} credits" if leg.amount else ""))
        )
    if event.overshoot:
        rows.append(over_row(feature, event.overshoot, edges[-1][1] if edges else 0, cells))
    return rows


def _share(width: int, back: int, units: int) -> int:
    """Cells of the part that was given back: at least one where there is anything, and one for what was kept."""
    if not back or back == units:
        return width if back else 0
    return min(max(round(width * back / units), 1), width - 1) if width > 1 else 0


def _credits(amount: int) -> str:
    return credits_text(amount) if amount else ""
