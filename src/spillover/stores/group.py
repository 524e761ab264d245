"""One transaction's worth of a batch: admitted in memory item by item, under the lock, for any SQL database."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Protocol

from spillover.core.apply import apply
from spillover.model.commit import Cells, Commit, Committed, Conflict, Duplicate, Outcome, State
from spillover.ports import Again
from spillover.stores.accounts import Account, encode_profile

Key = tuple[int, str]
"""An account and a key of it."""
Found = dict[Key, Duplicate | None]
"""What the database knows under keys."""


class Ground(Protocol):
    """What the database is asked while the group's accounts are locked."""

    def look_up(self, keys: Set[Key]) -> Found:
        """What is known under each of these keys."""
        ...

    def complete(self, account: Account) -> None:
        """Learn every cell of the account, and its profile."""
        ...


class Group:
    """Answers items in order; what they changed is in `events`, `changed`, `holds` and `denied` then, to be written.

    `accounts` are those of all items, with every cell that the items name; `keys` says what is known under their keys.
    Keys are looked up first and for the whole group: that costs little, and in return a batch that is sent again is as
    quick as a new one, and no item is ever decided twice for a duplicate's sake.
    """

    def __init__(self, ground: Ground, accounts: Mapping[int, Account], keys: Found) -> None:
        self._ground, self.accounts, self._keys = ground, accounts, keys
        self.events: list[tuple[int, Commit, bytes]] = []  # each with its sequence and payload
        self.changed: dict[int, Cells] = {}  # by account, each cell with its final value; an account may have none
        self.holds: dict[Key, tuple[int, bytes] | None] = {}  # by account and id; None: ended
        self.denied: dict[tuple[int, str, str, int], int] = {}

    def answer(self, index: int, item: Commit, again: Again | None) -> Outcome:
        """The item's outcome; a conflict of an open account is decided again once."""
        outcome = self._try(item)
        if outcome is not None:
            return outcome
        state = self._fresh(item)
        if state.shut or again is None or (second := again(index, state)) is None:
            return Conflict(state)
        self._learn(second)
        return self._try(second) or Conflict(self._fresh(second))

    def _try(self, item: Commit) -> Committed | Duplicate | None:
        duplicate = self._keys[item.account, item.key]
        if duplicate is not None:
            return duplicate
        account = self.accounts[item.account]
        if account.shut or item.version != account.version or item.seen > account.sequence:
            return None
        if item.epoch != account.epoch and account.exists:
            return None
        changed = apply(account.cells, item.operations)
        if changed is None:
            return None
        if item.payload is None:
            if item.denied is not None:
                place = (item.account, *item.denied)
                self.denied[place] = self.denied.get(place, 0) + 1
            return Committed(account.sequence, {name: account.cells.get(name, 0) for name in changed})
        return self._admit(account, item, item.payload, changed)

    def _admit(self, account: Account, item: Commit, payload: bytes, changed: Cells) -> Committed:
        account.epoch = item.epoch
        account.sequence = sequence = account.sequence + 1
        if item.profile is not None:
            account.profile, account.version = item.profile, item.profile.version
        # Half of the cells in a box are only checked, such as the start of a window: they need not be written.
        known = account.cells
        moved = {name: value for name, value in changed.items() if known.get(name, 0) != value}
        known.update(changed)
        self.changed.setdefault(account.id, {}).update(moved)
        self._keys[item.account, item.key] = Duplicate(item.epoch, sequence, item.fingerprint, payload)
        self.events.append((sequence, item, payload))
        if item.ended:
            self.holds[item.account, item.ended] = None
        if item.hold is not None:
            self.holds[item.account, item.hold[0]] = item.hold[1:]
        return Committed(sequence, changed)

    def _fresh(self, item: Commit) -> State:
        # Every cell there is: whatever the new decision needs, a missing name is truly 0.
        account = self.accounts[item.account]
        self._ground.complete(account)
        return account.state({operation[0]: 0 for operation in item.operations} | account.cells)

    def _learn(self, item: Commit) -> None:
        # What was decided again may carry another key; its account is complete since `_fresh`.
        if (item.account, item.key) not in self._keys:
            self._keys |= self._ground.look_up({(item.account, item.key)})

    def touched(self) -> list[Account]:
        """The accounts that took a sequence."""
        return [self.accounts[id_] for id_ in self.changed]

    def cells(self) -> list[tuple[int, str, int]]:
        """(account, name, value) of every cell that was changed; 0: it is absent from now on."""
        return [(id_, name, value) for id_, values in self.changed.items() for name, value in values.items()]

    def profiles(self) -> dict[int, bytes]:
        """The new terms by account, encoded."""
        return {item.account: encode_profile(item.profile) for _, item, _ in self.events if item.profile is not None}
