"""The databases that the ledger's tests run on: what a test needs of one, whichever it is."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from tests.ledger.support import Books
from tests.postgres.books import EMPTYING, PostgresBooks, upgraded
from tests.servers import Databases

Fixture = Callable[[str], Any]
"""What a fixture gives that is asked for by name: servers are started when the first test needs one."""


class Ground(ABC):
    """One kind of database. Books that it gives are empty, and closed with the test."""

    def __init__(self) -> None:
        self._open: list[Books] = []

    def books(self, seed: int = 1) -> Books:
        """Books that only who has them can open. Ids and tokens follow the seed."""
        return self.keep(self._books(seed))

    def filed(self, seed: int = 1) -> Books:
        """Books that can be opened again (`Books.again`), and meddled with."""
        return self.keep(self._filed(seed))

    def keep(self, books: Books) -> Books:
        """The same, closed with the test."""
        self._open.append(books)
        return books

    @abstractmethod
    def _books(self, seed: int) -> Books: ...

    @abstractmethod
    def _filed(self, seed: int) -> Books: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for books in self._open:
            books.close()


class SQLiteGround(Ground):
    """In memory, or in files of a folder."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__()
        self._folder, self._numbers = folder, itertools.count()

    def _books(self, seed: int) -> Books:
        return Books(seed=seed)

    def _filed(self, seed: int) -> Books:
        return Books(self._folder() / f"books{next(self._numbers)}.db", seed)


class PostgresGround(Ground):
    """In databases that one test after another is lent: making one takes longer than most tests."""

    def __init__(self, server: Databases) -> None:
        super().__init__()
        self._server, self._lent = server, list[str]()

    def _books(self, seed: int) -> Books:
        return self._filed(seed)

    def _filed(self, seed: int) -> Books:
        self._lent.append(self._server.lend_database(upgraded))
        return PostgresBooks(self._lent[-1], seed)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for url in self._lent:
            self._server.give_back(url, upgraded, EMPTYING)


IN_SQLITE = pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
"""For what is SQLite's own; tests/postgres has what is PostgreSQL's."""
IN_POSTGRES = pytest.mark.parametrize("ground", ["postgres"], indirect=True)
KINDS: dict[str, Callable[[Fixture], Ground]] = {
    "sqlite": lambda fixture: SQLiteGround(lambda: fixture("tmp_path")),
    "postgres": lambda fixture: PostgresGround(fixture("postgres_server")),
}
