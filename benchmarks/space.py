"""Bytes of an active account: in the memory of an engine, and in the file."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

import spillover
from benchmarks.figures import Figure, Group
from benchmarks.peers import limits_peers
from benchmarks.scenario import Files, account, once_each, policy, populate, requests, require_allowed
from benchmarks.settings import Settings
from benchmarks.settlement import Books

TABLES = {
    "hot state": ("hot_accounts", "hot_profiles", "cells"),
    "keys": ("keys",),
    "terms and balances": ("accounts", "profiles", "lots", "account_balances", "settled_cells", "names", "grants"),
    "books": ("usage_events", "monetization_events", "balance_updates"),
}

ABOUT = (
    "Active: three lots, one subject, at least one decision, settled. Memory: what Python objects take (tracemalloc),"
    " not SQLite's own pages. File: pages of tables and indexes (dbstat); beside it, the bytes of the rows alone."
)


def measure(settings: Settings, files: Files, books: Books) -> Group:
    """Taken once: sizes do not vary from run to run."""
    figures = [*_memory(settings), _engine_memory(files), *_file(files.settled(), files.accounts), *_events(books)]
    return Group("space", figures, ABOUT)


def _memory(settings: Settings) -> list[Figure]:
    """`memory://` keeps keys and events for as long as it lives, so what a decision adds is shown by itself."""
    crowd = settings.crowd
    with spillover.connect("memory://", policy=policy(), settle=False) as access:
        with _traced() as grown:
            populate(access, crowd)
            access.settle()
            whole = grown()
        with _traced() as grown:
            for start in range(0, crowd, 1_000):
                asked = requests(1_000, crowd, seed=1_000 + start)
                require_allowed(access.consume_many([request.words() for request in asked]))
            access.settle()
            each = grown() / crowd
    hit = next(hit for name, hit in limits_peers().items() if "fixed" in name)
    with _traced() as grown:
        for number in range(crowd):
            hit(account(number))
        peer = grown() / crowd
    return [
        Figure("memory://, an account", "B", [whole / crowd], "limits, two fixed windows of a key", [peer]),
        Figure("memory://, one settled decision more", "B", [each]),
    ]


def _engine_memory(files: Files) -> Figure:
    """What an engine on a file remembers of an account that it has served."""
    path = files.copy()
    with spillover.connect(f"sqlite:///{path}", policy=policy(), settle=False) as access, _traced() as grown:
        require_allowed(access.consume_many([asked.words() for asked in once_each(files.accounts, 5)]))
        found = grown() / files.accounts
    files.remove(path)
    return Figure("memory of an engine on a file, an account", "B", [found])


def _file(path: Path, accounts: int) -> list[Figure]:
    sizes = _sizes(path)
    figures = [_sized("file, an account with one decision", sizes, list(sizes), accounts)]
    for name, tables in TABLES.items():
        figures.append(_sized(f"of which {name}", sizes, tables, accounts))
    return figures


def _events(books: Books) -> list[Figure]:
    """What one more settled event takes in the file: the difference between two files."""
    before, after = _sizes(books.files.settled()), _sizes(books.settled())
    grown = {table: (after[table][0] - before[table][0], after[table][1] - before[table][1]) for table in before}
    return [_sized("file, one settled decision more", grown, list(grown), books.events)]


def _sized(name: str, sizes: dict[str, tuple[int, int]], tables: list[str] | tuple[str, ...], per: int) -> Figure:
    pages, rows = (sum(sizes[table][kind] for table in tables if table in sizes) / per for kind in (0, 1))
    return Figure(name, "B", [pages], "its rows alone", [rows])


def _sizes(path: Path) -> dict[str, tuple[int, int]]:
    """Table -> bytes of its pages and bytes of its rows, indexes included."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize), sum(d.payload)"
        " FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name GROUP BY 1"
    )
    found = {str(table): (int(pages), int(content)) for table, pages, content in rows}
    connection.close()
    return found


@contextmanager
def _traced() -> Iterator[Callable[[], int]]:
    """Gives a function that says how many bytes of Python objects are there more than at the beginning."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def grown() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    try:
        yield grown
    finally:
        tracemalloc.stop()
