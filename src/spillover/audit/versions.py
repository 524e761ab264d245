"""The versions of an account's terms: all on record, in force by an event, or waiting in the outbox to be pushed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, json

from spillover.audit.chains import Row
from spillover.audit.course import Course, read_profile
from spillover.audit.journal import Journal
from spillover.audit.report import Report
from spillover.model.account import Profile

_raised = json.Decoder(tuple[tuple[int, int], ...]).decode


def check_versions(
    rows: list[Row], version: int, journal: Journal, course: Course, report: Report
) -> dict[int, Profile]:
    """Every version of the terms is on record, and says what the update says that raised its lot.

    Gives the profiles that no event has brought into force yet, by version.
    """
    pending: dict[int, Profile] = {}
    for number, row in enumerate(rows, 1):
        if row[1] != number:
            report("terms", "profiles", f"version {row[1]}", f"version {row[1]}", f"{number}, without a gap")
        if row[1] <= course.version:
            continue  # seen with the event that brought it into force
        profile = read_profile(row[2])
        if profile is None or (profile.account, profile.version) != (row[0], row[1]):
            report("terms", "profiles", f"version {row[1]}", f"{profile}", "a profile of that version")
            continue
        pending[row[1]] = profile
        for lot in profile.lots:
            course.born.setdefault(lot.id, row[1])
            if (known := course.lots.setdefault(lot.id, lot)) != lot:
                report("terms", "profiles", f"version {row[1]}", f"{lot}", f"{known}, as in other versions")
    if len(rows) != version:
        report("terms", "accounts", "", f"version {version}", f"{len(rows)}, the newest on record")
    _check_origins({row[1]: row for row in rows}, journal, course, report)
    return pending


def _check_origins(rows: Mapping[int, Row], journal: Journal, course: Course, report: Report) -> None:
    """The version with which a lot came was made when, why and by whom the lot was granted."""
    for lot, history in journal.lots.items():
        if history.grant is None:
            continue
        reason, actor, at = history.grant[11:14]
        row = rows.get(course.born.get(lot, 0))
        if row is None:
            report("complete", "profiles", f"lot {lot}", "no version with it", "one, made when it was granted")
        elif row[3:6] != (at, reason, actor):
            found = f"made at {row[3]} for {row[4]!r} by {row[5]!r}"
            report("terms", "profiles", f"version {row[1]}", found, f"at {at} for {reason!r} by {actor!r}, as its lot")


def check_outbox(
    rows: list[Row], pending: Mapping[int, Profile], journal: Journal, course: Course, report: Report
) -> None:
    """Versions that the hot state does not know wait in the outbox, with what they raise."""
    waiting = {row[2]: row[3] for row in rows}
    for version in sorted(pending.keys() - waiting.keys()):
        found = f"version {version} neither in force nor waiting"
        report("hot-state", "outbox", f"version {version}", found, "a row until its push is in the stream")
    for version, payload in waiting.items():
        if version <= course.version:
            continue  # pushed, and about to be taken off
        if version not in pending:
            report("phantom", "outbox", f"version {version}", "a push of it", "a version that is on record")
            continue
        try:
            raised = dict(_raised(payload))
        except (MsgspecError, UnicodeError):
            report("form", "outbox", f"version {version}", repr(payload), "[[lot, amount], ...]")
            continue
        born = (lot for lot, first in course.born.items() if first == version)
        wanted = {lot: journal.lots[lot].granted for lot in born if lot in journal.lots}
        if raised != wanted:
            report("hot-state", "outbox", f"version {version}", f"raises {raised}", f"{wanted}, by the lots granted")
