"""What this process knows of the database's accounts: a bounded cache, checked under the lock before each use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Cursor

from spillover.postgres import Connection, ints, texts
from spillover.sql import statements
from spillover.stores.accounts import Account, Accounts, Stand, decode_profile

SQL = statements("spillover.stores.postgres", "hot.sql")

Cell = tuple[int, str]
"""An account and the name of a cell of it."""


class Known(Accounts):
    """The accounts of a database, as this connection has shown them; None: nothing is known.

    Another connection may lead to another server, or to one that lost what it had told: places may stand there again,
    with other values.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        super().__init__()
        self._connection = connection

    def over(self, connection: Connection) -> Known:
        """What is known over this connection."""
        return self if connection is self._connection else Known(connection)

    def now_at(self, id: int, stand: Stand) -> Account:
        """The account, which stands there; contested if it stood elsewhere when it was last used."""
        before = self.touch(id)
        account = self.at(id, stand)
        account.contested = before is not None and before is not account and before.exists
        return account


def learn(accounts: dict[int, Account], asked: Iterable[Cell], rows: Iterable[Any]) -> None:
    """Put into the accounts what was found of the cells that were asked for, with 0 for those that are absent."""
    for id_, name in asked:
        accounts[id_].cells[name] = 0
    for id_, name, value in rows:
        accounts[id_].cells[name] = value


def cells(connection: Connection, asked: list[Cell]) -> Cursor[Any]:
    """A cursor on those of these cells that are not 0."""
    return connection.execute(SQL["find_cells"], (ints([one[0] for one in asked]), texts([one[1] for one in asked])))


def read_all(connection: Connection, account: Account) -> None:
    """Learn every cell of the account, and its profile."""
    rows = None if account.complete else connection.execute(SQL["all_cells"], (account.id,))
    profile = None
    if account.profile is None and account.version:
        profile = connection.execute(SQL["find_profile"], (account.id,))
    if rows is not None:
        account.learn_all(dict(rows.fetchall()))
    if profile is not None:
        ((terms,),) = profile.fetchall()
        account.profile = decode_profile(terms)
