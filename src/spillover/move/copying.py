"""Rows from one database into the other, page by page, exactly once; and whether both have the same afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import msgspec

from spillover.model.errors import StoreError
from spillover.move.books import Books, Progress
from spillover.move.report import Carried
from spillover.move.tables import Row

PAGE = 1_000
"""Rows in memory at a time, and in one transaction of the target."""
END = "end"
"""What stands where a table was carried to its end."""
Moved = Callable[[str, int], None]
"""Told which table, and how many of its rows are done."""
_json, _read = msgspec.json.Encoder().encode, msgspec.json.Decoder(list[int | str]).decode
_packed = msgspec.msgpack.Encoder().encode


def copy_table(source: Books, target: Books, table: str, key: Sequence[str], moved: Moved) -> int:
    """Carry what is left of one table; how many rows it has in all. Goes on where it ended."""
    columns = _columns(source, target, table)
    places = [columns.index(name) for name in key]
    at = target.progress().get(table, Progress("", 0))
    while at.said != END:
        after = tuple(_read(at.said)) if at.said else None
        rows = source.page(table, columns, key, after, PAGE)
        said = END if len(rows) < PAGE else _json([rows[-1][place] for place in places]).decode()
        now = Progress(said, at.rows + len(rows))
        target.append(table, columns, rows, at, now)
        at = now
        moved(table, at.rows)
    return at.rows


def compare_table(source: Books, target: Books, table: str, key: Sequence[str], moved: Moved) -> Carried:
    """That both have the same rows, every column of them. Raises StoreError where they differ."""
    columns = _columns(source, target, table)
    mine, theirs = (_sum(books, table, columns, key, moved) for books in (source, target))
    if mine != theirs:
        raise StoreError(
            f"{target.name}: found {table} with {theirs.rows} rows and sum {theirs.sum[:12]}, expected {mine.rows} and"
            f" {mine.sum[:12]} as in {source.name}; somebody has written to one of them: begin again, to an empty one"
        )
    return mine


def _sum(books: Books, table: str, columns: Sequence[str], key: Sequence[str], moved: Moved) -> Carried:
    """Count and sum of hashes. A sum, because databases order texts in different ways."""
    count = total = 0
    for rows in _pages(books, table, columns, key):
        for row in rows:
            total += int.from_bytes(sha256(_packed(row)).digest(), "big")
        count += len(rows)
        moved(f"{table}, compared", count)
    return Carried(table, count, f"{total % 2**256:064x}")


def _pages(books: Books, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[list[Row]]:
    places = [columns.index(name) for name in key]
    after: Row | None = None
    while rows := books.page(table, columns, key, after, PAGE):
        yield rows
        after = tuple(rows[-1][place] for place in places)


def _columns(source: Books, target: Books, table: str) -> tuple[str, ...]:
    mine, theirs = source.columns(table), target.columns(table)
    if set(mine) != set(theirs) or not mine:
        found = f"{table} with {_listed(theirs, mine)}"
        raise StoreError(f"{target.name}: found {found}, expected the columns of {source.name}; upgrade both first")
    return mine


def _listed(theirs: Sequence[str], mine: Sequence[str]) -> str:
    less, more = sorted(set(mine) - set(theirs)), sorted(set(theirs) - set(mine))
    said = [f"no {', '.join(less)}"] if less else []
    return " and ".join(said + ([f"also {', '.join(more)}"] if more else [])) or "no columns"
