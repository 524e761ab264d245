"""What came to many accounts behind a place of each: a statement a table, all of one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spillover.ledgers.books.tables import Row, Tables
from spillover.ledgers.books.terms import profile_of, read_profile
from spillover.model.commit import Standing
from spillover.model.errors import UnknownName
from spillover.model.event import decode_event
from spillover.model.reports import PlacedEvent, StatementRow
from spillover.ports import News, Since


def news(tables: Tables, wanted: Sequence[Since]) -> dict[int, News]:
    """Without those that have more cells than was asked for. Raises UnknownName."""
    asked = {one.account: one for one in wanted}
    places = tables.many("reads.places_of_each", [(account,) for account in asked])
    events = tables.many(
        "reads.events_of_each", [(one.account, one.epoch, one.sequence, one.most + 1) for one in asked.values()]
    )
    updates = tables.many("reads.updates_of_each", [(one.account, one.updates, one.most + 1) for one in asked.values()])
    standings = _standings(tables, [one for one in asked.values() if one.cells])
    events_by, updates_by = _by_account(events, 3), _by_account(updates, 2)
    if unknown := asked.keys() - {row[0] for row in places}:
        raise UnknownName("account", str(min(unknown)), "the id of an account that was put before")
    found = {}
    for account, epoch, sequence, count, name in places:
        most = asked[account].most
        came, rows = events_by.get(account, []), updates_by.get(account, [])
        placed = tuple(PlacedEvent(row[1], row[2], decode_event(row[3])) for row in came[:most])
        reached = (placed[-1].epoch, placed[-1].sequence) if len(came) > most else (epoch, sequence)
        shown = tuple(StatementRow(*(*row[1:], "", "")) for row in rows[:most])
        if not asked[account].cells or account in standings:
            found[account] = News(name, reached, placed, count, shown, len(rows) > most, standings.get(account))
    return found


def _standings(tables: Tables, wanted: Sequence[Since]) -> dict[int, Standing]:
    """The settled state without holds, of those that have no more cells than asked for."""
    cells = _by_account(tables.many("reads.cells_of_each", [(one.account, one.cells + 1) for one in wanted]), 1)
    most = {one.account: one.cells for one in wanted}
    few = [(account,) for account, cells_max in most.items() if len(cells.get(account, ())) <= cells_max]
    found = {}
    for account, epoch, sequence, version, _, terms in tables.many("epochs.stands", few):
        profile = None
        if version:  # a version that is not there is an error, which says so
            profile = profile_of(tables, account, version) if terms is None else read_profile(account, terms)
        named = {name: value for _, name, value in cells.get(account, ())}
        found[account] = Standing(account, epoch, sequence, profile, named)
    return found


def _by_account(rows: Iterable[Row], key: int) -> dict[int, list[Row]]:
    """Each account's rows, in the order of the columns before `key`."""
    found: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row[:key]):
        found.setdefault(row[0], []).append(row)
    return found
