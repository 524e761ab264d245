"""Reading the books back: balances, statements, accounts, single events; all bounded, with a place to go on from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from spillover.core.decide import hold_id
from spillover.core.intake import RESERVED
from spillover.core.publications import changes
from spillover.ledgers.sqlite.names import names_behind
from spillover.ledgers.sqlite.policies import publications
from spillover.ledgers.sqlite.posting import lot_from
from spillover.ledgers.sqlite.terms import check_instant, newest
from spillover.model.books import Charge
from spillover.model.errors import InvalidInput
from spillover.model.event import decode_event
from spillover.model.reports import (
    AccountPage,
    AccountRow,
    BookedEvent,
    EventPage,
    LotBalance,
    MeasureBalance,
    PastBalance,
    PlacedEvent,
    QuarantinedEvent,
    StatementPage,
    StatementRow,
)
from spillover.sql import statements

SQL = statements("spillover.ledgers.sqlite", "reads.sql")
LIMIT_MAX = 100_000
"""Rows of one page, at most."""
LOOK_BACK_MAX = 100_000
"""Events among which the opening of a hold is looked for, before the last end of a page; beyond, its reserved key."""

_legs = msgspec.json.Decoder(tuple[tuple[str, int, int, int], ...]).decode


def balances(connection: apsw.Connection, account: int) -> tuple[MeasureBalance, ...]:
    """What the account has, credits first. Its live lots all stand in its newest profile, in burn order."""
    profile = newest(connection, account)
    live: dict[str, list[LotBalance]] = {}
    for lot in profile.lots:
        granted, balance, *rest = next(iter(_rows(connection, "lot", (account, lot.id))))
        if balance:
            live.setdefault(lot.measure, []).append(LotBalance(*(lot, granted, balance, *rest)))
    return tuple(MeasureBalance(*(*row, tuple(live.get(row[0], ())))) for row in _rows(connection, "sums", (account,)))


def lots(connection: apsw.Connection, account: int) -> tuple[LotBalance, ...]:
    """All lots that the account ever had, in the order of their ids."""
    newest(connection, account)
    return tuple(LotBalance(*(lot_from(row), *row[7:])) for row in _rows(connection, "lots", (account,)))


def balance_at(connection: apsw.Connection, account: int, at: int) -> tuple[PastBalance, ...]:
    """The balances as of the end of that instant, by the updates' own times."""
    check_instant("at", at)
    newest(connection, account)
    return tuple(PastBalance(*row) for row in _rows(connection, "past", (account, at)))


def statement(
    connection: apsw.Connection, account: int, *, since: int, until: int, limit: int, after: int
) -> StatementPage:
    """Balance updates with since <= at < until, in the order of the books."""
    check_limit(limit)
    newest(connection, account)
    found = list(_rows(connection, "statement", (account, after, since, until, limit + 1)))
    names = names_behind(connection, account, {row[-2] for row in found})
    keys = _own_keys(connection, account, found[:limit])
    rows = tuple(
        StatementRow(*(*row[:-1], names.get(row[-2], ""), keys.get(row[-1], row[-1]))) for row in found[:limit]
    )
    policies = () if after else tuple(one for one in changes(publications(connection)) if since <= one.at < until)
    return StatementPage(rows, rows[-1].number if len(found) > limit else None, policies)


def _own_keys(connection: apsw.Connection, account: int, rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """Reserved key -> the caller's own: of a hold's end the hold's, of new terms none, as neither explains any."""
    keys, ends = dict[str, str](), dict[str, list[str]]()
    place = (0, 0)
    for *_, cause, _, _, key in rows:
        if not key.startswith(RESERVED):
            continue
        keys[key] = ""
        kind, _, id_ = key.removeprefix(RESERVED).partition(":")
        if kind in ("end", "late"):
            ends.setdefault(id_, []).append(key)
            keys[key] = key
            epoch, _, sequence = cause.partition(".")
            place = max(place, (int(epoch), int(sequence)))
    if not ends:
        return keys
    for (key,) in _rows(connection, "keys_before", (account, *place, LOOK_BACK_MAX)):
        for reserved in ends.pop(hold_id(key), ()):
            keys[reserved] = key
        if not ends:
            break
    return keys


def accounts(connection: apsw.Connection, *, limit: int, after: int) -> AccountPage:
    """All accounts, erased ones too."""
    check_limit(limit)
    found = list(_rows(connection, "accounts", (after, limit + 1)))
    rows = tuple(AccountRow(*row) for row in found[:limit])
    return AccountPage(rows, rows[-1].account if len(found) > limit else None)


def event_by_key(connection: apsw.Connection, account: int, key: str) -> BookedEvent | None:
    """The event that was booked under this key; None if there is none (it may be in quarantine)."""
    for epoch, sequence, payload in list(_rows(connection, "event", (account, key))):
        charge = None
        for *facts, legs in _rows(connection, "charge", (account, epoch, sequence)):
            charge = Charge(*(*facts, _legs(legs)))
        return BookedEvent(epoch, sequence, decode_event(payload), charge)
    return None


def ordered(connection: apsw.Connection, account: int, key: str) -> bool:
    """Whether something was ordered of the account under this key."""
    return bool(connection.execute(SQL["ordered"], (account, key)).get)


def events(
    connection: apsw.Connection,
    *,
    account: int | None,
    since: int,
    until: int,
    limit: int,
    after: tuple[int, int, int] | None,
) -> EventPage:
    """Booked events with since <= at < until, of one account or of all."""
    check_limit(limit)
    values = (*(after or (-1, -1, -1)), since, until, limit + 1)
    if account is None:
        found = list(_rows(connection, "events", values))
    else:
        newest(connection, account)
        found = list(_rows(connection, "events_of", (*values, account)))
    rows = tuple(PlacedEvent(row[1], row[2], decode_event(row[3])) for row in found[:limit])
    return EventPage(rows, found[limit - 1][:3] if len(found) > limit else None)


def quarantined(
    connection: apsw.Connection, *, limit: int, after: QuarantinedEvent | None
) -> tuple[QuarantinedEvent, ...]:
    """Events that could not be booked, behind the one given."""
    check_limit(limit)
    place = (after.account, after.epoch, after.sequence, after.key) if after else (-1, 0, 0, "")
    rows = _rows(connection, "quarantine", (*place, limit))
    return tuple(QuarantinedEvent(*(*row[:6], bool(row[6]), row[7])) for row in rows)


def check_limit(limit: int) -> None:
    """Raises InvalidInput unless a page of that many rows may be asked for."""
    if not 0 < limit <= LIMIT_MAX:
        raise InvalidInput("limit", str(limit), f"1 to {LIMIT_MAX} rows")


def _rows(connection: apsw.Connection, name: str, values: tuple[str | int, ...]) -> Iterable[tuple[Any, ...]]:
    # The driver types every column as a union; the STRICT schema is what types it.
    return connection.execute(SQL[name], values)
