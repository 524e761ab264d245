"""What this process knows of the file's accounts: a bounded cache that is checked against the file before each use.

Every change of an account takes a sequence, so (epoch, sequence, version) in its row says whether what we know still
holds; and while no other connection has committed (`PRAGMA data_version`), not even the row needs to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw
import msgspec

from spillover.model.account import Profile
from spillover.model.commit import Cells, State
from spillover.sql import statements

SQL = statements("spillover.stores.sqlite", "hot.sql")
ACCOUNTS_MAX = 20_000
CELLS_MAX = 500_000
"""Beyond either bound the account used longest ago is forgotten."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Profile).decode


class Account:
    """One account as the file has it (or will have it when the running transaction commits)."""

    __slots__ = ("cells", "checked", "complete", "counted", "epoch", "exists", "id", "profile", "sequence", "version")

    def __init__(self, account: int, place: tuple[int, int, int] | None) -> None:
        self.id = account
        self.exists = place is not None
        self.epoch, self.sequence, self.version = place or (0, 0, 0)
        self.profile: Profile | None = None  # None with a version above 0: not read yet
        self.cells: Cells = {}  # 0 for a cell that was looked for and is absent
        self.complete = not self.exists  # then a name that is not in `cells` is 0
        self.checked = 0
        self.counted = 0


class Known:
    """The accounts by id, the least recently used first. `connection` must be inside a transaction."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._cells = 0
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
        stale: list[tuple[int]] = []
        for id_ in ids:
            account = self._accounts.pop(id_, None)
            if account is None or account.checked != self._generation:
                stale.append((id_,))
            if account is not None:
                self._accounts[id_] = found[id_] = account
        if stale:
            self._check(connection, stale, found)
        return found

    def _check(self, connection: apsw.Connection, stale: Sequence[tuple[int]], found: dict[int, Account]) -> None:
        rows = connection.executemany(SQL["find_place"], stale)
        places = {row[0]: row[1:] for row in rows}
        for (id_,) in stale:
            place, account = places.get(id_), found.get(id_)
            if account is None or (account.epoch, account.sequence, account.version) != (place or (0, 0, 0)):
                profile = account.profile if account is not None and place and account.version == place[2] else None
                self._drop(id_)
                account = Account(id_, place)
                account.profile = profile
                self._accounts[id_] = found[id_] = account
            account.checked = self._generation

    def fill(self, connection: apsw.Connection, wanted: Iterable[tuple[Account, Iterable[str]]]) -> None:
        """Learn the cells of these names that are not known yet, with 0 for those that are absent."""
        missing: dict[tuple[int, str], Account] = {}
        for account, names in wanted:
            if not account.complete:
                for name in names:
                    if name not in account.cells:
                        missing[account.id, name] = account
        if not missing:
            return
        for (_, name), account in missing.items():
            account.cells[name] = 0
        for id_, name, value in connection.executemany(SQL["find_cell"], list(missing)):
            missing[id_, name].cells[name] = value

    def fill_all(self, connection: apsw.Connection, account: Account) -> None:
        """Learn every cell of the account. What is known already may be newer than the file, and stays."""
        if not account.complete:
            account.cells = dict(connection.execute(SQL["all_cells"], (account.id,))) | account.cells
            account.complete = True

    def state(self, connection: apsw.Connection, account: Account, cells: Cells) -> State:
        """The account's place and profile, with these cells."""
        if account.profile is None and account.version:
            account.profile = _decode(connection.execute(SQL["find_profile"], (account.id,)).get)
        return State(account.epoch, account.sequence, account.profile, cells)

    def shrink(self, used: Iterable[Account]) -> None:
        """Keep to the bounds, after these accounts have learned cells."""
        for account in used:
            self._cells += len(account.cells) - account.counted
            account.counted = len(account.cells)
        while len(self._accounts) > ACCOUNTS_MAX or (self._cells > CELLS_MAX and self._accounts):
            self._drop(next(iter(self._accounts)))

    def _drop(self, id_: int) -> None:
        account = self._accounts.pop(id_, None)
        if account is not None:
            self._cells -= account.counted


def encode_profile(profile: Profile) -> bytes:
    """As it lies in the file."""
    return _encode(profile)
