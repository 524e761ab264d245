"""What this process knows of the file's accounts: a bounded cache that is checked against the file before each use.

While no other connection has committed (`PRAGMA data_version`), not even an account's row needs to be read.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from spillover.model.commit import Cells, State
from spillover.sql import statements
from spillover.stores.accounts import ACCOUNTS_MAX, CELLS_MAX, NOWHERE, Account, Accounts, Stand, decode_profile

SQL = statements("spillover.stores.sqlite", "hot.sql")


class Known(Accounts):
    """The accounts of a file. `connection` must be inside a transaction."""

    def __init__(self) -> None:
        super().__init__()
        self._data_version = -1
        self._generation = 0

    def others_wrote(self, connection: apsw.Connection) -> bool:
        """Whether another connection has committed since this was last asked. Asked first in each transaction."""
        found = connection.execute(SQL["data_version"]).get
        if found == self._data_version:
            return False
        self._data_version = found
        self._generation += 1
        return True

    def accounts(self, connection: apsw.Connection, ids: Iterable[int]) -> dict[int, Account]:
        """These accounts, as the file has them now."""
        found: dict[int, Account] = {}
        stale: list[int] = []
        for id_ in ids:
            account = self.touch(id_)
            if account is None or account.checked != self._generation:
                stale.append(id_)
            if account is not None:
                found[id_] = account
        if stale:
            stands = find_stands(connection, stale)
            for id_ in stale:
                found[id_] = account = self.at(id_, stands.get(id_, NOWHERE))
                account.checked = self._generation
        return found

    def fill(self, connection: apsw.Connection, wanted: Iterable[tuple[Account, Iterable[str]]]) -> None:
        """Learn the cells of these names that are not known yet, with 0 for those that are absent."""
        missing = {(account.id, name): account for account, names in wanted for name in account.missing(names)}
        if not missing:
            return
        for (_, name), account in missing.items():
            account.cells[name] = 0
        for id_, name, value in connection.executemany(SQL["find_cell"], list(missing)):
            missing[id_, name].cells[name] = value

    def fill_all(self, connection: apsw.Connection, account: Account) -> None:
        """Learn every cell of the account, and its profile."""
        if not account.complete:
            account.learn_all(dict(connection.execute(SQL["all_cells"], (account.id,))))
        self.fill_profile(connection, account)

    def fill_profile(self, connection: apsw.Connection, account: Account) -> None:
        """Learn the account's profile."""
        if account.profile is None and account.version:
            account.profile = decode_profile(connection.execute(SQL["find_profile"], (account.id,)).get)

    def state(self, connection: apsw.Connection, account: Account, cells: Cells) -> State:
        """The account's place and profile, with these cells."""
        self.fill_profile(connection, account)
        return account.state(cells)

    def shrink(self, used: Iterable[Account], accounts_max: int | None = None, cells_max: int | None = None) -> None:
        """Keep to the bounds, after these accounts have learned cells."""
        super().shrink(used, accounts_max or ACCOUNTS_MAX, cells_max or CELLS_MAX)


def find_stands(connection: apsw.Connection, ids: Iterable[int]) -> dict[int, Stand]:
    """Where these accounts stand in the file; those that it does not know are left out."""
    rows = connection.executemany(SQL["find_place"], [(id_,) for id_ in ids])
    return {row[0]: row[1:] for row in rows}
