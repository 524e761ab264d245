"""`spillover quarantine list | accept`: events that could not be booked, and that somebody has seen to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, Group, actor, as_json, database, example, reason
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.bootstrap.accepting import Accepted
    from spillover.model.reports import QuarantinedEvent
    from spillover.ports import Ledger

FOUND = 1
PAGE = 1_000
TIMEOUT_MS = 10_000
SHOWN_MAX = 50
"""Events that are shown to people; --json gives all."""
PLACE = re.compile(r"([0-9]{1,16})\.([0-9]{1,16})\.([0-9]{1,16})")


@example(
    "spillover quarantine list", "spillover quarantine accept 17.0.5 --reason 'billed by hand, ticket 12' --actor ann"
)
@click.group(cls=Group, short_help="Events that could not be booked: list, accept.")
def quarantine() -> None:
    """Look into quarantine: events that were decided and could not be booked, each with its reason.

    They stay for good. Who has seen to one, such as by `spillover record`, accepts it, with a reason: from then on
    `doctor` and `audit` do not count it any more.
    """


@example("spillover quarantine list", "spillover quarantine list --all --json")
@quarantine.command("list", cls=Command, short_help="What lies there and is not accepted.")
@click.option("--all", "everything", is_flag=True, help="What was accepted too, with who and why.")
@database
@as_json
def listing(everything: bool, db: str, as_json: bool) -> int:
    """List the events in quarantine that nobody has accepted, by their places: ID.EPOCH.SEQUENCE. Status 1 if there are
    any."""
    from spillover.bootstrap.accepting import Accepted
    from spillover.cli.database import require_there
    from spillover.cli.naming import named
    from spillover.cli.output import write, write_json
    from spillover.pictures.tables import table
    from spillover.pictures.wording import counted, instant_text

    accepted = Accepted(require_there(db), TIMEOUT_MS)
    with _books(db) as ledger:
        events = _events(ledger)
        left = [one for one in events if not accepted(one)]
        shown = events if everything else left
        names = _names(ledger, shown if as_json else shown[:SHOWN_MAX])
    if as_json:
        write_json({"left": len(left), "events": [_document(one, names[one.account], accepted) for one in shown]})
        return FOUND if left else 0
    write(f"{counted(len(left), 'event')} in quarantine, {len(events) - len(left)} more accepted.")
    rows = [
        (
            place_of(one), named(names, one.account), one.key, "" if one.at is None else instant_text(one.at),
            one.reason, _accepted(one, accepted),
        )
        for one in shown[:SHOWN_MAX]
    ]  # fmt: skip
    if rows:
        write(table(("event", "account", "key", "time", "~reason", "~accepted"), rows))
    if len(shown) > SHOWN_MAX:
        write(f"{len(shown) - SHOWN_MAX} more; --json gives all.")
    if left:
        write("Next: see to each (`spillover record` books usage); then spillover quarantine accept EVENT --reason WHY")
    return FOUND if left else 0


@example(
    "spillover quarantine accept 17.0.5 --reason 'billed by hand, ticket 12' --actor ann",
    "spillover quarantine accept --all --reason 'lost in the restore of May, refunded'",
)
@quarantine.command(cls=Command, short_help="Say that events were seen to, and why.")
@click.argument("events", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that lie there and are not accepted yet.")
@reason
@actor
@database
@as_json
def accept(events: tuple[str, ...], everything: bool, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Accept EVENTS, by their places in `spillover quarantine list`, as they are: they stay in quarantine, on nobody's
    balance.

    Who did it and why stands in the log of administrators (`spillover keys log`), for good. What comes into quarantine
    later is told again.
    """
    from spillover.bootstrap.accepting import Accepted
    from spillover.cli.database import require_there
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if bool(events) == everything:
        raise InvalidInput("usage", "both" if events else "neither", "the places of EVENTS, or --all")
    if not reason.strip():
        raise InvalidInput("--reason", "none", "why it is accepted, for who looks at it later")
    accepted = Accepted(require_there(db), TIMEOUT_MS)
    with _books(db) as ledger:
        known = _events(ledger)
        chosen = _chosen(known, events) if events else known
        left = [one for one in chosen if not accepted(one)]
        if accepted.trouble:
            raise InvalidInput("--db", accepted.trouble, "a log of administrators that can be read")
        _accept(ledger, db, left, reason, actor)
    if as_json:
        write_json({"accepted": [place_of(one) for one in left]})
    else:
        before = f"; {len(chosen) - len(left)} were before" if len(chosen) > len(left) else ""
        write(f"Accepted {counted(len(left), 'event')}{before}.")


def place_of(event: QuarantinedEvent) -> str:
    """How commands name it; what lies at one place under several keys is named together."""
    return f"{event.account}.{event.epoch}.{event.sequence}"


@contextmanager
def _books(db: str) -> Iterator[Ledger]:
    """The books alone: whatever hot state the address names is not looked at."""
    from spillover.bootstrap.noticing import open_ledger
    from spillover.cli.database import place_of as address
    from spillover.engine.drive import drive

    ledger = open_ledger(address(db), TIMEOUT_MS)
    try:
        yield ledger
    finally:
        drive(ledger.close())


def _names(ledger: Ledger, events: Sequence[QuarantinedEvent]) -> dict[int, str | None]:
    from spillover.engine.drive import drive

    return {account: drive(ledger.account_name(account)) for account in dict.fromkeys(one.account for one in events)}


def _events(ledger: Ledger) -> list[QuarantinedEvent]:
    from spillover.engine.drive import drive

    found: list[QuarantinedEvent] = []
    page: Sequence[QuarantinedEvent] = drive(ledger.quarantined(limit=PAGE))
    while page:
        found += page
        page = drive(ledger.quarantined(limit=PAGE, after=page[-1])) if len(page) == PAGE else ()
    return found


def _chosen(known: Sequence[QuarantinedEvent], places: Sequence[str]) -> list[QuarantinedEvent]:
    """Those at these places. Raises InvalidInput for a place with none."""
    there = {place_of(one) for one in known}
    for place in places:
        if not PLACE.fullmatch(place) or place not in there:
            expected = "the place of an event in quarantine, such as 17.0.5; `spillover quarantine list` shows them"
            raise InvalidInput("EVENT", repr(place), expected)
    return [one for one in known if place_of(one) in places]


def _accept(ledger: Ledger, db: str, events: Sequence[QuarantinedEvent], reason: str, actor: str) -> None:
    from spillover.access.clock import system_clock
    from spillover.bootstrap.rungs import open_office
    from spillover.cli.database import place_of as address
    from spillover.engine.drive import drive
    from spillover.office.accepting import accept as write_down
    from spillover.office.accepting import mark_of

    if not events:
        return
    names = _names(ledger, events)
    office = open_office(address(db), TIMEOUT_MS)
    try:
        for one in events:
            mark = mark_of(one.account, one.epoch, one.sequence, one.key)
            whose = names[one.account] or ""
            drive(write_down(office, mark, account=whose, reason=reason, actor=actor, at=system_clock()))
    finally:
        drive(office.close())


def _accepted(event: QuarantinedEvent, accepted: Accepted) -> str:
    act = accepted(event)
    return "" if act is None else f"{act.by}: {act.reason}" if act.by else act.reason


def _document(event: QuarantinedEvent, name: str | None, accepted: Accepted) -> dict[str, object]:
    from spillover.documents.amounts import instant_of

    act = accepted(event)
    return {
        "event": place_of(event), "account": event.account, "name": name, "key": event.key, "reason": event.reason,
        "at": instant_of(event.at), "counted": event.counted,
        "accepted": act and {"at": instant_of(act.at), "by": act.by, "reason": act.reason},
    }  # fmt: skip
