"""The books in a PostgreSQL database."""

from __future__ import annotations

import secrets

from spillover.ledgers.books import BooksLedger
from spillover.ledgers.books.names import RandomBits
from spillover.ledgers.postgres import binding
from spillover.ledgers.postgres.desks import PostgresDesks

TIMEOUT_MS = 10_000


class PostgresLedger(BooksLedger):
    """A `Ledger` in the database at `url`, beside whatever else is in it. Safe to use from several threads.

    Every transaction is durable when its call returns. `timeout_ms`: how long a statement, or a lock, is waited for.
    `random_bits` makes ids and tokens.
    Raises what `open_database` does; after a StoreError nothing of the failed call was written, or its keys decide.
    """

    def __init__(
        self, url: str, *, random_bits: RandomBits = secrets.randbits, timeout_ms: int = TIMEOUT_MS
    ) -> None:  # fmt: skip
        self._desks = PostgresDesks(url, timeout_ms)
        super().__init__(self._desks, random_bits)

    def hot_store(self) -> str | None:
        """The id of the hot store that these books are bound to, where it lies apart from them; None for none yet.

        Raises WrongSettings where it lies in their own database, StoreErrors.
        """
        return binding.bound(self._desks.reads.database)

    def bind_hot_store(self, id: str, instead_of: str | None, *, reason: str, actor: str = "") -> str:
        """Bind the books to another one if they are bound to `instead_of`: the id that they are bound to then.

        Who binds first wins; every change stays on record. Ask `hot_store` before. Raises as it does.
        """
        found = binding.bind(self._desks.terms.database, id, instead_of, reason=reason, actor=actor)
        if found == binding.HERE:
            raise binding.refused_apart(self._desks.terms.database.name)
        return found

    def keep_hot_here(self, *, look: bool = False) -> None:
        """Bind the books to the hot state in their own database, for good, if they go with none yet.

        `look`: nothing is written. Raises WrongSettings where they go with one that lies apart, StoreErrors.
        """
        binding.keep_here(self._desks.reads.database, self._desks.terms.database, look=look)

    def hot_stores(self) -> list[binding.BoundStore]:
        """All that they were bound to, in order; `postgresql` is the one in their own database."""
        return binding.history(self._desks.reads.database)
