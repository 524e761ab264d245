"""The oracle: the hot store's contract in plain dictionaries, simple enough to be seen right."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spillover.core.apply import apply
from spillover.model.account import Profile
from spillover.model.commit import Cells, Commit, Committed, Conflict, Duplicate, Outcome, State
from spillover.model.errors import StoreUnavailable
from spillover.model.event import StreamEntry
from spillover.ports import Again


@dataclass(frozen=True, slots=True)
class _Account:
    """Replaced at each change. `epoch` is None until the first commit sets it; `cells` never hold a 0."""

    epoch: int | None = None
    sequence: int = 0
    version: int = 0
    profile: Profile | None = None
    cells: Cells = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Tables:
    accounts: ChainMap[int, _Account] = field(default_factory=ChainMap)
    keys: ChainMap[tuple[int, str], Duplicate] = field(default_factory=ChainMap)
    denials: ChainMap[tuple[int, str, str, int], int] = field(default_factory=ChainMap)
    stream: ChainMap[tuple[int, int, int], StreamEntry] = field(default_factory=ChainMap)  # in order of arrival

    def draft(self) -> _Tables:
        """The same content; what is written to it stays apart until it is kept."""
        return _Tables(
            self.accounts.new_child(), self.keys.new_child(), self.denials.new_child(), self.stream.new_child()
        )

    def keep(self, draft: _Tables) -> None:
        """Take over what was written to the draft."""
        self.accounts.update(draft.accounts.maps[0])
        self.keys.update(draft.keys.maps[0])
        self.denials.update(draft.denials.maps[0])
        self.stream.update(draft.stream.maps[0])


class MemoryHotStore:
    """A `HotStore` for tests and for processes that need no memory of yesterday. Gone when it is closed."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._closed = False

    @property
    def denials(self) -> dict[tuple[int, str, str, int], int]:
        """(account, feature, reason, minute) -> how many denials were confirmed."""
        return dict(self._tables.denials)

    async def load(self, account: int, names: Sequence[str]) -> State:
        self._require_open()
        known = self._tables.accounts.get(account, _Account())
        return State(
            known.epoch or 0, known.sequence, known.profile, {name: known.cells.get(name, 0) for name in names}
        )

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome]:
        self._require_open()
        draft, outcomes = self._tables.draft(), list[Outcome]()
        for index, item in enumerate(batch):
            outcome = _try(draft, item)
            if isinstance(outcome, Conflict) and again is not None:
                second = again(index, outcome.state)
                outcome = outcome if second is None else _try(draft, second)
            outcomes.append(outcome)
        self._tables.keep(draft)
        return outcomes

    async def read(self, limit: int) -> list[StreamEntry]:
        self._require_open()
        return list(self._tables.stream.values())[:limit]

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        self._require_open()
        for entry in entries:
            self._tables.stream.pop((entry.account, entry.epoch, entry.sequence), None)

    async def close(self) -> None:
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("memory: found the store closed, expected an open one; connect again")


def _try(tables: _Tables, item: Commit) -> Outcome:
    if (item.account, item.key) in tables.keys:
        return tables.keys[item.account, item.key]
    account = tables.accounts.get(item.account, _Account())
    changed = apply(account.cells, item.operations)
    if account.epoch not in (None, item.epoch) or account.version != item.version or changed is None:
        # Every cell there is: whatever the new decision needs, a missing name is truly 0.
        cells = {operation[0]: 0 for operation in item.operations} | account.cells
        return Conflict(State(account.epoch or 0, account.sequence, account.profile, cells))
    if item.payload is None:
        if item.denied is not None:
            place = (item.account, *item.denied)
            tables.denials[place] = tables.denials.get(place, 0) + 1
        return Committed(account.sequence, {name: account.cells.get(name, 0) for name in changed})
    cells = {name: value for name, value in (account.cells | changed).items() if value != 0}
    account = replace(account, epoch=item.epoch, sequence=account.sequence + 1, cells=cells)
    if item.profile is not None:
        account = replace(account, profile=item.profile, version=item.profile.version)
    tables.accounts[item.account] = account
    _append(tables, item, account.sequence, item.payload)
    return Committed(account.sequence, changed)


def _append(tables: _Tables, item: Commit, sequence: int, payload: bytes) -> None:
    tables.keys[item.account, item.key] = Duplicate(item.epoch, sequence, item.fingerprint, payload)
    entry = StreamEntry(item.account, item.epoch, sequence, item.key, payload)
    tables.stream[item.account, item.epoch, sequence] = entry
