"""The limit of a file: the very statements with which the engine changed rows, run again with no engine around them.

A recording run notes every INSERT, UPDATE and DELETE with its values, in the engine's own transactions. The bare run
takes a copy of the file as it was before, and executes just these: BEGIN IMMEDIATE, one executemany for each run of
rows of the same statement, COMMIT. Same tables, rows, bytes, groups, SQLite settings; no reads, no rules, no locks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter_ns, process_time
from typing import Any

import apsw

from spillover.sqlite.connection import CACHE_KIB, CHECKPOINT_PAGES

Statement = tuple[str, list[tuple[Any, ...]]]
Transaction = list[Statement]


class Recording:
    """What changed rows, in transactions, in the order of their commits over all connections opened meanwhile."""

    def __init__(self) -> None:
        self.before: list[Transaction] = []
        self.transactions: list[Transaction] = []
        self._open: dict[int, Transaction] = {}

    def mark(self) -> None:
        """What is timed begins here: all that was noted so far goes to `before`."""
        self.before += self.transactions
        self.transactions = []

    def __enter__(self) -> Recording:
        apsw.connection_hooks.append(self._attach)
        return self

    def __exit__(self, *_: object) -> None:
        apsw.connection_hooks.remove(self._attach)

    def _attach(self, connection: apsw.Connection) -> None:
        connection.exec_trace = partial(self._note, id(connection))

    def _note(self, connection: int, cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        if sql.startswith("BEGIN"):
            self._open[connection] = []
        elif sql == "ROLLBACK":
            self._open.pop(connection, None)
        elif sql == "COMMIT":
            done = self._open.pop(connection, [])
            if done:
                self.transactions.append(done)
        elif connection in self._open and not cursor.is_readonly:
            running = self._open[connection]
            if not running or running[-1][0] != sql:
                running.append((sql, []))
            running[-1][1].append(values or ())
        return True


class Commits:
    """Counts the transactions that changed something, over all connections opened meanwhile; costs next to nothing."""

    def __init__(self) -> None:
        self.count = 0

    def mark(self) -> None:
        """What is timed begins here."""
        self.count = 0

    def __enter__(self) -> Commits:
        apsw.connection_hooks.append(self._attach)
        return self

    def __exit__(self, *_: object) -> None:
        apsw.connection_hooks.remove(self._attach)

    def _attach(self, connection: apsw.Connection) -> None:
        connection.set_commit_hook(self._committed)

    def _committed(self) -> bool:
        self.count += 1
        return False


@contextmanager
def opened(path: Path, durability: str) -> Iterator[apsw.Connection]:
    """A connection with the settings of the engine's."""
    connection = apsw.Connection(str(path), statementcachesize=200)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "FULL" if durability == "strict" else "NORMAL")
    connection.pragma("foreign_keys", True)
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    try:
        yield connection
    finally:
        connection.close()


def replay(path: Path, recording: Recording, durability: str) -> tuple[list[float], float]:
    """Run the recorded transactions. How long each of those after the mark took, and the processor's time for all of
    these; in microseconds."""
    with opened(path, durability) as connection:
        _run(connection, recording.before)
        busy = process_time()
        times = _run(connection, recording.transactions)
        return times, (process_time() - busy) * 1e6


def _run(connection: apsw.Connection, transactions: Sequence[Transaction]) -> list[float]:
    took = []
    for transaction in transactions:
        begun = perf_counter_ns()
        connection.execute("BEGIN IMMEDIATE")
        for sql, rows in transaction:
            connection.executemany(sql, rows)
        connection.execute("COMMIT")
        took.append((perf_counter_ns() - begun) / 1000)
    return took


def rows_by_table(transactions: Sequence[Transaction]) -> dict[str, int]:
    """How many rows the transactions insert, change or delete in each table."""
    found: dict[str, int] = {}
    for transaction in transactions:
        for sql, rows in transaction:
            words = sql.replace("(", " ").split()
            table = words[1] if words[0] == "UPDATE" else words[2]
            name = f"{table} (deleted)" if words[0] == "DELETE" else table
            found[name] = found.get(name, 0) + len(rows)
    return found


def describe(transactions: Sequence[Transaction], per: int, thing: str) -> str:
    """What the bare transactions write, in words: rows of each table for each of `per` things."""
    rows = ", ".join(f"{count / per:.2f} {table}" for table, count in rows_by_table(transactions).items())
    size = sum(len(v) for t in transactions for _, rows in t for row in rows for v in row if isinstance(v, str | bytes))
    return f"{per / len(transactions):.1f} {thing}s in a transaction; for each: {rows}; {size / per:,.0f} bytes of text"
