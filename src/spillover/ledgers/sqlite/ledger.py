"""The books in a SQLite file, or in memory."""

from __future__ import annotations

import os
import secrets

from spillover.ledgers.books import BooksLedger
from spillover.ledgers.books.names import RandomBits
from spillover.ledgers.sqlite.desks import SQLiteDesks
from spillover.ledgers.sqlite.opening import Desks
from spillover.sqlite.connection import WAIT_MS


class SQLiteLedger(BooksLedger):
    """A `Ledger` in the file at `path` (None: in memory, gone when closed). Safe to use from several threads.

    Every transaction is durable when its call returns. `random_bits` makes ids and tokens.
    Raises the StoreErrors of `open_database`; after any, nothing of the failed call was written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        random_bits: RandomBits = secrets.randbits,
        wait_ms: int = WAIT_MS,
    ) -> None:
        self._desks = Desks(path, wait_ms)
        super().__init__(SQLiteDesks(self._desks), random_bits)

    @classmethod
    def in_memory(cls, *, random_bits: RandomBits = secrets.randbits) -> SQLiteLedger:
        """Books that are gone when closed."""
        return cls(None, random_bits=random_bits)
