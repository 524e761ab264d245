"""All of an account's state in PostgreSQL at once: read whole, shut, and put back from the books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from spillover.model.commit import Cells, OpenHold, Place, Standing
from spillover.postgres import Connection, Database, blobs, ints, texts
from spillover.stores.accounts import decode_profile, encode_profile
from spillover.stores.postgres.group import put_cells, put_holds
from spillover.stores.postgres.known import SQL

Named = tuple[str, int, int]
"""A key, and the epoch and sequence of the event that it made."""
KEYS_PAGE = 5_000
"""Keys looked at, forgotten or written by one statement: few enough for any time limit."""

T = TypeVar("T")


def places(connection: Connection, accounts: Sequence[int]) -> dict[int, Place]:
    """Where these accounts stand; those that the database does not know are left out."""
    rows = connection.execute(SQL["find_places"], (ints(accounts),)).fetchall()
    return {row[0]: Place(*row) for row in rows}


def standings(connection: Connection, accounts: Sequence[int]) -> dict[int, Standing]:
    """The whole state of each, of one snapshot; those that the database does not know are left out."""
    wanted = ints(accounts)
    answers = [connection.execute(SQL[name], (wanted,)) for name in ("find_places", "profiles_of", "cells_of")]
    open_holds = connection.execute(SQL["holds_by_id"], (wanted,))
    stands, profiles, cells = (answer.fetchall() for answer in answers)
    terms: dict[int, bytes] = dict(profiles)
    values: dict[int, Cells] = {}
    for account, name, value in cells:
        values.setdefault(account, {})[name] = value
    holds: dict[int, list[OpenHold]] = {}
    for row in open_holds.fetchall():
        holds.setdefault(row[0], []).append(OpenHold(*row))
    return {
        account: Standing(
            account, epoch, sequence, decode_profile(terms[account]) if account in terms else None,
            values.get(account, {}), tuple(holds.get(account, ())), shut=shut,
        )
        for account, epoch, sequence, _, shut in stands
    }  # fmt: skip


def shut(connection: Connection, account: int) -> Place:
    """Mark the account as shut, known or not; where it stands. Waits for who has it locked. Inside a write."""
    connection.execute(SQL["enter"], (ints([account]),))
    (row,) = connection.execute(SQL["shut"], (account,)).fetchall()
    return Place(*row)


def perhaps_lost(database: Database, state: Standing) -> list[Named]:
    """Keys that are remembered of older epochs, whose events are neither in the stream nor named by the state; the
    newest first.
    """
    named = {(one.key, one.epoch, one.sequence) for one in state.keys}
    found: list[Named] = []
    after = ""
    while True:
        page = database.read(
            lambda connection, after=after: connection.execute(  # type: ignore[misc]
                SQL["not_in_stream"], (state.account, state.epoch, after, KEYS_PAGE)
            ).fetchall()
        )
        found += [row for row in page if row not in named]
        if len(page) < KEYS_PAGE:
            return sorted(found, key=_place, reverse=True)
        after = page[-1][0]


def put_back(connection: Connection, state: Standing, lost: Sequence[Named]) -> bool:
    """Replace the account's state by this, open, if its epoch is above the database's, and forget the keys whose events
    are lost. Inside a write.
    """
    run, account, profile = connection.execute, state.account, state.profile
    run(SQL["enter"], (ints([account]),))
    (row,) = run(SQL["lock"], (ints([account]),)).fetchall()
    if state.epoch <= row[1]:
        return False
    for table in ("drop_profile", "drop_all_cells", "drop_all_holds"):
        run(SQL[table], (account,))
    run(SQL["open_at"], (account, state.epoch, state.sequence, profile.version if profile is not None else 0))
    if profile is not None:
        run(SQL["put_profiles"], (ints([account]), blobs([encode_profile(profile)])))
    put_cells(connection, [(account, name, value) for name, value in state.cells.items() if value])
    put_holds(connection, [(account, hold.id, hold.due, hold.record) for hold in state.holds])
    for page in _pages(lost):
        keys, epochs, sequences = zip(*page, strict=True)
        run(SQL["forget_lost"], (account, texts(keys), ints(epochs), ints(sequences)))
    for known in _pages(state.keys):
        columns = zip(*((k.key, k.epoch, k.sequence, k.fingerprint) for k in known), strict=True)
        keys, epochs, sequences, fingerprints = columns
        run(SQL["put_keys"], (account, texts(keys), ints(epochs), ints(sequences), texts(fingerprints)))
    return True


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + KEYS_PAGE] for start in range(0, len(items), KEYS_PAGE))


def _place(named: Named) -> tuple[int, int]:
    return named[1:]
