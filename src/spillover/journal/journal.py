"""The journal in a SQLite file: one synced transaction for each call, so its bounds are exact across processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import apsw
import msgspec

from spillover.engine.journal import Admitted, Kept, Refused
from spillover.model.errors import InvalidInput
from spillover.sql import Component, statements
from spillover.sqlite import open_database, translated

JOURNAL = Component.of("journal", "spillover.journal")
SQL = statements("spillover.journal", "journal.sql")
TABLES = frozenset({"waiting", "refused", "promised", "size"})
ROWS_MAX = 100_000
"""Entries in all, those that were refused included."""
WAIT_MS = 2_000
"""How long a process waits for its turn at the file."""

_encode = msgspec.json.Encoder(order="sorted").encode
_usage = msgspec.json.Decoder(dict[str, int]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode


class SQLiteJournal:
    """A `Journal` in the file at `path`, which is made if it is not there. It holds names: keep it as private as them.

    One file for one database: what waits in it is recorded by whichever engine has it open. Raises InvalidInput for a
    file that holds something else of Spillover's than `beside`, and the StoreErrors of `open_database`. `vfs`: for
    tests.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, rows_max: int = ROWS_MAX, wait_ms: int = WAIT_MS, vfs: str | None = None,
        beside: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.path = os.fsdecode(path)
        self._rows_max = rows_max
        self._turn = Lock()
        self._seen = 0
        _require_own_file(self.path, wait_ms, beside)
        self._db = open_database(self.path, JOURNAL, writes=TABLES, wait_ms=wait_ms, vfs=vfs)

    def admit(self, wanted: Sequence[tuple[Admitted, int | None]]) -> list[Kept | None]:
        with self._turn, self._db.write() as connection:
            return [self._admit(connection, entry, most) for entry, most in wanted]

    def find(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Admitted]:
        with self._turn, self._db.read() as connection:
            return {key: found for key in keys if (found := _find(connection, key))}

    def has_changed(self) -> bool:
        with self._turn, translated(self.path):
            before, self._seen = self._seen, int(self._db.ready().pragma("data_version"))
            return self._seen != before

    def waiting(self, limit: int, after: int = 0) -> list[Admitted]:
        with self._turn, self._db.read() as connection:
            return [_entry(row) for row in connection.execute(SQL["waiting"], (after, limit))]

    def end(self, recorded: Sequence[Admitted], refused: Sequence[Refused] = ()) -> None:
        if not recorded and not refused:
            return
        with self._turn, self._db.write() as connection:
            connection.executemany(SQL["refuse"], [(one.reason, one.entry.number) for one in refused])
            ended = [*recorded, *(one.entry for one in refused)]
            connection.executemany(SQL["end"], [(entry.number,) for entry in ended])
            promises = dict.fromkeys((entry.account, entry.feature) for entry in ended)
            connection.executemany(SQL["redeem"], list(promises))

    def refused(self, limit: int, after: int = 0) -> list[Refused]:
        with self._turn, self._db.read() as connection:
            return [Refused(_entry(row[:-1]), row[-1]) for row in connection.execute(SQL["refused"], (after, limit))]

    def forget(self, refused: Sequence[Refused]) -> None:
        with self._turn, self._db.write() as connection:
            connection.executemany(SQL["forget"], [(one.entry.number,) for one in refused])

    def close(self) -> None:
        with self._turn:
            self._db.close()

    def _admit(self, connection: apsw.Connection, entry: Admitted, most: int | None) -> Kept | None:
        before = _find(connection, (entry.account, entry.key))
        if before is not None:
            return Kept(before, False)
        if _number(connection, "rows", ()) >= self._rows_max:
            return None
        if most is not None:
            whose = entry.account, entry.feature
            if _number(connection, "promised", whose) + entry.units > most:
                return None
            connection.execute(SQL["promise"], (*whose, entry.units))
        [(number,)] = connection.execute(SQL["put"], _columns(entry)).fetchall()
        return Kept(msgspec.structs.replace(entry, number=number), True)


def _require_own_file(path: str, wait_ms: int, beside: frozenset[str]) -> None:
    """The database itself would lose the journal with the store that it stands in for."""
    if not Path(path).is_file() or not Path(path).stat().st_size:
        return
    with translated(path), _looking(path) as connection:
        connection.set_busy_timeout(wait_ms)  # another process may be making it just now
        if connection.table_exists("main", "spillover_schema"):
            found = {name for (name,) in connection.execute("SELECT component FROM spillover_schema")}
            if found - {JOURNAL.name, "rules"} - beside:
                what = "a client's journal" if "client" in found else "a database of Spillover"
                raise InvalidInput("journal", repr(path), f"a file of its own, not one with {what}")


@contextmanager
def _looking(path: str) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        yield connection
    finally:
        connection.close()


def _find(connection: apsw.Connection, key: tuple[str, str]) -> Admitted | None:
    row = connection.execute(SQL["find"], key).fetchone()
    return None if row is None else _entry(row)


def _number(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> int:
    row = connection.execute(SQL[statement], values).fetchone()
    return 0 if row is None else int(row[0])


def _columns(entry: Admitted) -> tuple[Any, ...]:
    return (
        entry.account, entry.key, entry.feature, _encode(entry.usage).decode(), entry.subject,
        _encode(entry.attributes).decode(), entry.mode, entry.at, entry.asked_at, entry.units, entry.policy, entry.mark,
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Admitted:
    number, account, key, feature, usage, subject, attributes, mode, at, asked_at, units, policy, mark = row
    return Admitted(
        account, key, feature, _usage(usage), subject, _attributes(attributes), mode, at, asked_at, units, policy, mark,
        number,
    )  # fmt: skip
