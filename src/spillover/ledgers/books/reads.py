"""Reading the books back: balances, statements, accounts, single events; all bounded, with a place to go on from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spillover.core.decide import hold_id
from spillover.core.intake import RESERVED
from spillover.core.publications import changes
from spillover.ledgers.books.keys import again_key
from spillover.ledgers.books.names import names_behind
from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.policies import publications
from spillover.ledgers.books.posting import lot_from
from spillover.ledgers.books.tables import Row, Tables, single
from spillover.ledgers.books.terms import check_instant, newest
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

LIMIT_MAX = 100_000
"""Rows of one page, at most."""
LOOK_BACK_MAX = 100_000
"""Events among which the opening of a hold is looked for, before the last end of a page; beyond, its reserved key."""

Place = tuple[int, int]
"""(epoch, sequence) of an event."""

_legs = msgspec.json.Decoder(tuple[tuple[str, int, int, int], ...]).decode


def balances(tables: Tables, account: int) -> tuple[MeasureBalance, ...]:
    """What the account has, credits first. Its live lots all stand in its newest profile, in burn order."""
    profile = newest(tables, account)
    live: dict[str, list[LotBalance]] = {}
    for lot in profile.lots:
        row = tables.one("reads.lot", account, lot.id)
        if row is not None and row[1]:
            live.setdefault(lot.measure, []).append(LotBalance(lot, *row))
    return tuple(MeasureBalance(*(*row, tuple(live.get(row[0], ())))) for row in tables.rows("reads.sums", account))


def lots(tables: Tables, account: int) -> tuple[LotBalance, ...]:
    """All lots that the account ever had, in the order of their ids."""
    newest(tables, account)
    return tuple(LotBalance(*(lot_from(row), *row[7:])) for row in tables.rows("reads.lots", account))


def balance_at(tables: Tables, account: int, at: int) -> tuple[PastBalance, ...]:
    """The balances as of the end of that instant, by the updates' own times."""
    check_instant("at", at)
    newest(tables, account)
    return tuple(PastBalance(*row) for row in tables.rows("reads.past", account, at))


def statement(tables: Tables, account: int, *, since: int, until: int, limit: int, after: int) -> StatementPage:
    """Balance updates with since <= at < until, in the order of the books."""
    check_limit(limit)
    newest(tables, account)
    found = list(tables.rows("reads.statement", account, after, since, until, limit + 1))
    shown = found[:limit]
    names = names_behind(tables, account, {row[-1] for row in shown})
    keys = _keys(tables, account, shown)
    rows = tuple(StatementRow(*(*row, names.get(row[-1], ""), keys.get(_place(row), ""))) for row in shown)
    policies = () if after else tuple(one for one in changes(publications(tables)) if since <= one.at < until)
    return StatementPage(rows, rows[-1].number if len(found) > limit else None, policies)


def _place(row: Row) -> Place | None:
    """The event that caused an update; None for what was ordered, whose cause is the key of the order."""
    kind, delta, cause = row[2], row[5], row[10]
    if kind == "grant" or (kind == "adjust" and delta > 0):
        return None
    epoch, _, sequence = cause.partition(".")
    return (int(epoch), int(sequence)) if epoch.isdecimal() and sequence.isdecimal() else None


def _keys(tables: Tables, account: int, rows: Sequence[Row]) -> dict[Place | None, str]:
    """Place of an event -> the key that explains it: the caller's own; of a hold's end the hold's, of terms none, of
    a key that came again the one under which it stands."""
    places = dict.fromkeys(place for row in rows if (place := _place(row)) is not None)
    found = tables.many("reads.key_at", [(account, *place) for place in places])
    keys: dict[Place | None, str] = {(epoch, sequence): key for epoch, sequence, key in found}
    ends: dict[str, list[Place]] = {}
    for place, key in list(keys.items()):
        if place is None or not key.startswith(RESERVED):
            continue
        kind, _, id_ = key.removeprefix(RESERVED).partition(":")
        if kind in ("end", "late"):
            ends.setdefault(id_, []).append(place)
        elif kind != "again":
            keys[place] = ""
    if ends:
        _name_ends(tables, account, ends, keys)
    return keys


def _name_ends(tables: Tables, account: int, ends: dict[str, list[Place]], keys: dict[Place | None, str]) -> None:
    """The holds' own keys in place of the reserved ones of their ends: looked for before the last of these."""
    last = max(place for places in ends.values() for place in places)
    for (key,) in tables.rows("reads.keys_before", account, *last, LOOK_BACK_MAX):
        for place in ends.pop(hold_id(key), ()):
            keys[place] = key
        if not ends:
            break


def accounts(tables: Tables, *, limit: int, after: int) -> AccountPage:
    """All accounts, erased ones too."""
    check_limit(limit)
    found = list(tables.rows("reads.accounts", after, limit + 1))
    rows = tuple(AccountRow(*row) for row in found[:limit])
    return AccountPage(rows, rows[-1].account if len(found) > limit else None)


def event_by_key(tables: Tables, account: int, key: str) -> BookedEvent | None:
    """The event that was booked under this key; None if there is none (it may be in quarantine)."""
    row = tables.one("reads.event", account, key) if NUL not in key else None
    if row is None:
        return None
    epoch, sequence, payload = row
    charged = tables.one("reads.charge", account, epoch, sequence)
    charge = None if charged is None else Charge(*(*charged[:-1], _legs(charged[-1])))
    return BookedEvent(epoch, sequence, decode_event(payload), charge)


def payload(tables: Tables, account: int, key: str, epoch: int, sequence: int) -> bytes | None:
    """The event of that place, under its own key or as one that came again; None if the books do not know it."""
    row = tables.one("reads.payload", account, epoch, sequence, key, again_key(epoch, sequence))
    return None if row is None else bytes(row[0])


def ordered(tables: Tables, account: int, key: str) -> bool:
    """Whether something was ordered of the account under this key."""
    return NUL not in key and bool(single(tables, int, "reads.ordered", account, key))


def events(
    tables: Tables,
    *,
    account: int | None,
    since: int,
    until: int,
    limit: int,
    after: tuple[int, int, int] | None,
) -> EventPage:
    """Booked events with since <= at < until, of one account or of all."""
    check_limit(limit)
    start, rest = after or (-1, -1, -1), (since, until, limit + 1)
    if account is None:
        found = list(tables.rows("reads.events", *start, *rest))
    else:
        newest(tables, account)
        found = list(tables.rows("reads.events_of", account, *start[1:], *rest))
    rows = tuple(PlacedEvent(row[1], row[2], decode_event(row[3])) for row in found[:limit])
    last: tuple[int, int, int] | None = found[limit - 1][:3] if len(found) > limit else None
    return EventPage(rows, last)


def quarantined(tables: Tables, *, limit: int, after: QuarantinedEvent | None) -> tuple[QuarantinedEvent, ...]:
    """Events that could not be booked, behind the one given."""
    check_limit(limit)
    place = (after.account, after.epoch, after.sequence, after.key) if after else (-1, 0, 0, "")
    rows = tables.rows("reads.quarantine", *place, limit)
    return tuple(QuarantinedEvent(*(*row[:6], bool(row[6]), row[7])) for row in rows)


def check_limit(limit: int) -> None:
    """Raises InvalidInput unless a page of that many rows may be asked for."""
    if not 0 < limit <= LIMIT_MAX:
        raise InvalidInput("limit", str(limit), f"1 to {LIMIT_MAX} rows")
