"""States beside the events they follow from: the settled cells, and the hot state with what the stream still holds."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, Struct, json

from spillover.audit.course import Course
from spillover.audit.keeping import in_order
from spillover.audit.report import Report
from spillover.audit.tables import Row
from spillover.model.account import Profile
from spillover.model.hold import Hold

SCOPES_MAX = 10_000
SHOWN_MAX = 20
"""Cells of one account that are named; all are counted."""
_profile = json.Decoder(Profile).decode
_hold = json.Decoder(Hold).decode


class HotAccount(Struct, frozen=True):
    """The hot state of one account. `stream` holds (epoch, sequence, key, payload) of what is not acknowledged, `holds`
    the due instant and the record of each open hold by its id. `shut`: it is being rebuilt."""

    epoch: int
    sequence: int
    version: int
    profile: bytes | Profile | None
    cells: Mapping[str, int]
    stream: tuple[tuple[int, int, str, bytes], ...] = ()
    holds: Mapping[str, tuple[int, bytes]] = {}
    shut: bool = False


def settled_state(course: Course, rows: list[Row], report: Report) -> None:
    """The stored cells, the fold of the events' changes, and what their legs come to, are the same."""
    stored = {name: value for _, name, value in rows}
    _same(stored, _nonzero(course.cells), "settled_cells", "by the changes of its events", "settled-state", report)
    if course.cells.get("scopes", 0) > SCOPES_MAX:
        report(
            "serial", "settled_cells", "cell scopes", course.cells["scopes"], f"at most {SCOPES_MAX} live scope values"
        )
    if not course.blind:
        folded = _nonzero(course.cells)
        _same(folded, course.held.cells(), "usage_events", "by the legs of its events", "settled-state", report)


def open_holds(course: Course, found: Mapping[str, tuple[int, bytes]], table: str, check: str, report: Report) -> None:
    """The open holds that a table has are those that events opened and did not end, each with its newest record."""
    held = course.held
    wanted: dict[str, Hold] = dict(held.loose)
    wanted |= {id_: keeping.record() for id_, keeping in held.holds.items()}
    for id_ in sorted(wanted.keys() - found.keys()):
        report(check, table, f"hold {id_}", "no row", "one of an open hold")
    for id_ in sorted(found.keys() - wanted.keys()):
        report(check, table, f"hold {id_}", "a row", "none, as no such hold is open")
    for id_ in sorted(found.keys() & wanted.keys()):
        due, payload = found[id_]
        try:
            record = in_order(_hold(payload))
        except (MsgspecError, UnicodeDecodeError, TypeError) as error:
            report("form", table, f"hold {id_}", f"no record: {error}", "the record of a hold in JSON")
            continue
        if due != wanted[id_].due:
            report(check, table, f"hold {id_}", f"due {due}", f"{wanted[id_].due}, by its events")
        if record != in_order(wanted[id_]):
            report(check, table, f"hold {id_}", f"{record}", f"{wanted[id_]}, by its events")


def hot_state(course: Course, hot: HotAccount, sequence: int, report: Report) -> None:
    """The hot state at the end of the stream. `sequence` is the last one that was found."""
    if hot.sequence != sequence:
        found = f"sequence {hot.sequence}"
        report("hot-state", "hot_accounts", "", found, f"{sequence}, the last one settled or in the stream")
    if hot.version != course.version:
        found = f"terms {hot.version}"
        report("hot-state", "hot_accounts", "", found, f"{course.version}, which the events brought into force")
    profile = hot.profile
    if isinstance(profile, bytes):
        try:
            profile = _profile(profile)
        except (MsgspecError, UnicodeDecodeError) as error:
            report("hot-state", "hot_profiles", "", f"no profile: {error}", "the terms in force")
            profile = course.held.terms
    if course.version and profile != course.held.terms:
        report("hot-state", "hot_profiles", "", profile, course.held.terms)
    open_holds(course, hot.holds, "holds", "hot-state", report)
    _same(dict(hot.cells), _nonzero(course.cells), "cells", "by settled and unsettled events", "hot-state", report)


def _same(
    found: Mapping[str, int], wanted: Mapping[str, int], table: str, why: str, check: str, report: Report
) -> None:
    if found == wanted:
        return
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name, 0) != wanted.get(name, 0))
    for name in names[:SHOWN_MAX]:
        report(check, table, f"cell {name}", found.get(name, 0), f"{wanted.get(name, 0)}, {why}")
    if len(names) > SHOWN_MAX:
        report(check, table, "", f"{len(names) - SHOWN_MAX} more cells that differ", f"values {why}")


def _nonzero(cells: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in cells.items() if value}
