"""What a SQL store remembers of accounts: bounded, and checked against the database before each use.

Every change of an account takes a sequence, a new epoch or its shutting, so its place in the database says whether what
is remembered still holds; as long as the database is one that forgets nothing (one on a server may, when it crashes).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from spillover.model.account import Profile
from spillover.model.commit import Cells, State

ACCOUNTS_MAX = 20_000
CELLS_MAX = 500_000
"""Beyond either bound the account used longest ago is forgotten."""

Stand = tuple[int, int, int, bool]
"""Where an account stands, as its row has it: (epoch, sequence, version, shut)."""
NOWHERE: Stand = (0, 0, 0, False)
"""Where one stands that the database does not know."""

encode_profile = msgspec.json.Encoder().encode
decode_profile = msgspec.json.Decoder(Profile).decode


class Account:
    """One account as the database has it (or will have it when the running transaction commits)."""

    __slots__ = (
        "cells", "checked", "complete", "contested", "counted", "epoch", "id", "profile", "sequence", "shut", "version",
    )  # fmt: skip

    def __init__(self, id: int, stand: Stand, profile: Profile | None = None) -> None:
        self.id = id
        self.epoch, self.sequence, self.version, shut = stand
        self.shut = bool(shut)
        self.profile = profile  # None with a version above 0: not read yet
        self.cells: Cells = {}  # 0 for a cell that was looked for and is absent
        self.complete = not self.exists  # then a name that is not in `cells` is 0
        self.checked = 0
        self.contested = False  # whether another program changed it since it was last used
        self.counted = 0

    @property
    def exists(self) -> bool:
        """Whether anything was ever committed or put back: one that does not is open to any epoch."""
        return self.epoch > 0 or self.sequence > 0

    @property
    def stand(self) -> Stand:
        """Its place, to be compared with its row's."""
        return self.epoch, self.sequence, self.version, self.shut

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of these cells that must be read."""
        return [] if self.complete else [name for name in names if name not in self.cells]

    def learn_all(self, cells: Cells) -> None:
        """These are all the cells in the database. What is known already may be newer, and stays."""
        self.cells = cells | self.cells
        self.complete = True

    def state(self, cells: Cells) -> State:
        """Its place and profile, with these cells. The profile must have been read."""
        return State(self.epoch, self.sequence, self.profile, cells, self.shut)


class Accounts:
    """Accounts by id, the least recently used first."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._cells = 0

    def touch(self, id: int) -> Account | None:
        """The account as it is remembered, now the most recently used."""
        account = self._accounts.pop(id, None)
        if account is not None:
            self._accounts[id] = account
        return account

    def at(self, id: int, stand: Stand) -> Account:
        """The account, which stands there: as it is remembered if it stood there then, else with nothing known."""
        account = self._accounts.get(id)
        if account is not None and account.stand == stand:
            return account
        kept = account is not None and account.epoch == stand[0] and account.version == stand[2]
        profile = account.profile if account is not None and kept else None
        self.forget(id)
        self._accounts[id] = account = Account(id, stand, profile)
        return account

    def forget(self, id: int) -> None:
        """Know nothing of an account."""
        account = self._accounts.pop(id, None)
        if account is not None:
            self._cells -= account.counted

    def shrink(self, used: Iterable[Account], accounts_max: int = ACCOUNTS_MAX, cells_max: int = CELLS_MAX) -> None:
        """Keep to the bounds, after these accounts have learned cells."""
        for account in used:
            self._cells += len(account.cells) - account.counted
            account.counted = len(account.cells)
        while len(self._accounts) > accounts_max or (self._cells > cells_max and self._accounts):
            self.forget(next(iter(self._accounts)))
