"""The versions of an account's terms: all on record, in force by an event, or waiting in the outbox to be pushed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, Struct, json

from spillover.audit.chains import Row
from spillover.audit.course import Course, read_profile
from spillover.audit.journal import Journal
from spillover.audit.orders import Orders
from spillover.audit.report import Report
from spillover.audit.turns import ENDS, facts
from spillover.model.account import NEVER, Profile
from spillover.model.event import Entry, MoveKind


class Ordered(Struct):
    """A lot that is to be lowered when the push comes through."""

    lot: int
    kind: MoveKind
    most: int = NEVER
    to: int = 0


class Push(Struct):
    """What waits in the outbox beside the profile; of resets it matters only that they can be read."""

    raised: tuple[tuple[int, int], ...] = ()
    relieved: int = 0
    lowers: tuple[Ordered, ...] = ()
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    actor: str = ""


_push = json.Decoder(Push).decode


def check_versions(
    rows: list[Row], version: int, journal: Journal, course: Course, report: Report
) -> dict[int, Profile]:
    """Every version of the terms is on record, and came when its lots were made.

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
    for lot_, history in journal.lots.items():
        if history.first[2] == "grant" and course.born.get(lot_, 0) not in {row[1] for row in rows}:
            report("complete", "profiles", f"lot {lot_}", "no version with it", "one, made when it was granted")
    return pending


def check_due(due: int, newest: Profile | None, report: Report) -> None:
    """When something falls due by the newest terms."""
    if newest is None:
        return
    instants = [newest.next_at] if newest.next_plan else []
    if newest.state != "closed":
        instants += [instant for name, instant in newest.gifts if name.startswith(f"{newest.plan}/")]
    wanted = min([NEVER, *instants])
    if due != wanted:
        report("history", "accounts", "", f"due {due}", f"{wanted}, by the newest terms")


def check_outbox(
    rows: list[Row], pending: Mapping[int, Profile], versions: Mapping[int, Row], orders: Orders, course: Course,
    report: Report,
) -> None:  # fmt: skip
    """Versions that the hot state does not know wait in the outbox, with what they raise, lower and say."""
    waiting = {row[2]: row[3] for row in rows}
    for version in sorted(pending.keys() - waiting.keys()):
        found = f"version {version} neither in force nor waiting"
        report("hot-state", "outbox", f"version {version}", found, "a row until its push is in the stream")
    before = course.held.terms
    for version, payload in sorted(waiting.items()):
        if version <= course.version:
            continue  # pushed, and about to be taken off
        if version not in pending:
            report("phantom", "outbox", f"version {version}", "a push of it", "a version that is on record")
            continue
        try:
            push = _push(payload)
        except (MsgspecError, UnicodeError):
            report("form", "outbox", f"version {version}", repr(payload), "a push in JSON")
            continue
        _push_of(push, version, orders, versions[version], report)
        _entries_of(push, version, before, pending[version], report)
        before = pending[version]
        for lower in push.lowers:
            if lower.kind in ENDS:
                course.turns.ended.setdefault(lower.lot, lower.kind)


def check_pushed(
    rows: list[Row], place: tuple[int, int], waiting: set[int], versions: Mapping[int, Row], orders: Orders,
    report: Report,
) -> None:  # fmt: skip
    """Terms that were pushed are kept until they are settled, so that a hot state that is put back is told them again.

    `place`: the settled version and the newest; `waiting`: versions that wait in the outbox.
    """
    settled, newest = place
    kept = {row[1]: row[2] for row in rows}
    for version in range(settled + 1, min(newest, settled + len(versions)) + 1):
        if version not in kept and version not in waiting and version in versions:
            report("complete", "pushed", f"version {version}", "no row", "one, as it is neither settled nor waiting")
    for version, payload in sorted(kept.items()):
        place_ = f"version {version}"
        if version <= settled or version in waiting or version not in versions:
            report("phantom", "pushed", place_, "a push of it", "a version that was pushed and is not settled")
            continue
        try:
            push = _push(payload)
        except (MsgspecError, UnicodeError):
            report("form", "pushed", place_, repr(payload), "a push in JSON")
            continue
        _push_of(push, version, orders, versions[version], report, "pushed")


def _push_of(push: Push, version: int, orders: Orders, row: Row, report: Report, table: str = "outbox") -> None:
    wanted, place = orders.by_version.get(version, {}), f"version {version}"
    if dict(push.raised) != wanted:
        report("hot-state", table, place, f"raises {dict(push.raised)}", f"{wanted}, by what was ordered")
    answer = orders.answers.get(version)
    if push.relieved != (answer.relieved if answer else 0):
        report("hot-state", table, place, f"relieves {push.relieved}", f"{answer}, as was refunded")
    if (push.reason, push.actor) != row[4:6]:
        found = f"for {push.reason!r} by {push.actor!r}"
        report("hot-state", table, place, found, f"for {row[4]!r} by {row[5]!r}, as its version")


def _entries_of(push: Push, version: int, before: Profile, after: Profile, report: Report) -> None:
    """What it is going to say of plan and state is what its version changes; those of rules 1 said nothing."""
    old, new = facts(before), facts(after)
    changed = {what: (old.get(what, ""), new.get(what, "")) for what in old.keys() | new.keys()}
    for entry in push.entries:
        wanted = changed.get((entry.kind, entry.what))
        if entry.kind in ("plan_change", "state_change") and wanted != (entry.before, entry.after):
            found = f"{entry.what} from {entry.before!r} to {entry.after!r}"
            report("hot-state", "outbox", f"version {version}", found, "what its version changes")
