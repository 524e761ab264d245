"""What a move came to."""

from __future__ import annotations

from msgspec import Struct

from spillover.engine.rebuilding import Gap


class Carried(Struct, frozen=True):
    """One table: its rows, and the sum of their hashes, which is the same in both databases."""

    table: str
    rows: int
    sum: str


class MoveReport(Struct, frozen=True):
    """A finished move. `digest` is that of the books, by the audit, in both databases; "" where it was not asked for.

    `settled`: events that waited in the source's stream and were booked there first. `lost`: those of which the source
    itself knew no more than that they had been. `notes`: what was not carried. `before`: where the accounts live now,
    if the move had come to its end before, so that nothing was done; else "".
    """

    source: str
    target: str
    accounts: int
    settled: int
    quarantined: int
    lost: tuple[tuple[int, Gap], ...]
    tables: tuple[Carried, ...]
    digest: str
    notes: tuple[str, ...] = ()
    before: str = ""
