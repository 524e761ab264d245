"""The oracle: the hot store's contract in plain dictionaries, simple enough to be seen right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

from spillover.core.apply import apply
from spillover.model.account import Profile
from spillover.model.commit import (
    Backlog,
    Cells,
    Commit,
    Committed,
    Conflict,
    Duplicate,
    OpenHold,
    Outcome,
    Place,
    Remembered,
    Standing,
    State,
)
from spillover.model.errors import StoreUnavailable
from spillover.model.event import StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again

MINUTE = 60_000

Undo = Callable[[], object]
"""Takes back one item, however much of it was done, if it or a later one of its batch raises. Safe to repeat."""


class _Account:
    """`epoch` is None until the first commit sets it; `cells` never hold a 0."""

    __slots__ = ("cells", "epoch", "profile", "sequence", "shut", "version")

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.sequence = self.version = 0
        self.profile: Profile | None = None
        self.cells: Cells = {}
        self.shut = False

    def state(self, cells: Cells) -> State:
        return State(self.epoch or 0, self.sequence, self.profile, cells, self.shut)

    def place(self, id: int) -> Place:
        return Place(id, self.epoch or 0, self.sequence, self.version, self.shut)


class _Tables:
    __slots__ = ("accounts", "denials", "holds", "keys", "stream")

    def __init__(self) -> None:
        self.accounts: dict[int, _Account] = {}
        self.keys: dict[tuple[int, str], Duplicate] = {}
        self.holds: dict[tuple[int, str], OpenHold] = {}
        self.denials: dict[tuple[int, str, str, int], int] = {}
        self.stream: dict[tuple[int, int, int], StreamEntry] = {}  # in order of arrival


class MemoryHotStore:
    """A `HotStore` for tests and for processes that need no memory of yesterday. Gone when it is closed.

    It keeps every event. `booked` gives the payload behind a key that was put back and whose event is not among them;
    without it that payload is empty, and no key counts as lost when an account is put back. It lives in the engine's
    own process, so a commit's `now` is not compared.
    """

    def __init__(self, booked: Callable[[int, str, int, int], bytes | None] | None = None) -> None:
        self._tables = _Tables()
        self._undo: list[Undo] = []
        self._closed = False
        self._booked = booked

    @property
    def shards(self) -> int:
        return 1

    async def load(self, account: int, names: Sequence[str]) -> State:
        self._require_open()
        known = self._tables.accounts.get(account) or _Account()
        return known.state({name: known.cells.get(name, 0) for name in names})

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome]:
        self._require_open()
        outcomes, undo = list[Outcome](), self._undo
        try:
            for index, item in enumerate(batch):
                outcome = _try(self._tables, item, undo)
                if isinstance(outcome, Conflict) and again is not None and not outcome.state.shut:
                    second = again(index, outcome.state)
                    outcome = outcome if second is None else _try(self._tables, second, undo)
                outcomes.append(outcome)
            undo.clear()
        except BaseException:
            self._take_back()
            raise
        return outcomes

    def _take_back(self) -> None:
        # Each step is forgotten after it was done: if this is interrupted, the next call of the store goes on with it.
        while self._undo:
            self._undo[-1]()
            self._undo.pop()

    async def find(self, account: int, key: str) -> Duplicate | None:
        self._require_open()
        return self._tables.keys.get((account, key))

    async def hold(self, account: int, id: str) -> OpenHold | None:
        self._require_open()
        return self._tables.holds.get((account, id))

    async def holds(self, account: int) -> list[OpenHold]:
        self._require_open()
        return sorted((hold for hold in self._tables.holds.values() if hold.account == account), key=_order)

    async def due(
        self, until: int, limit: int, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        self._require_open()
        if not _asked(shards):
            return []
        found = (h for h in self._tables.holds.values() if h.due <= until and account in (None, h.account))
        return sorted(found, key=_order)[:limit]

    async def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        self._require_open()
        found = [
            DenialCount(feature, reason, minute * MINUTE, count)
            for (whose, feature, reason, minute), count in self._tables.denials.items()
            if whose == account and count and since < (minute + 1) * MINUTE and minute * MINUTE < until
        ]
        return sorted(found, key=lambda one: (one.minute, one.feature, one.reason))[:limit]

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        self._require_open()
        return list(islice(self._tables.stream.values(), limit)) if _asked(shards) else []

    async def entries(self, account: int, limit: int) -> list[StreamEntry]:
        self._require_open()
        return [entry for entry in self._tables.stream.values() if entry.account == account][:limit]

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        self._require_open()
        for entry in entries:
            self._tables.stream.pop((entry.account, entry.epoch, entry.sequence), None)

    async def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        self._require_open()
        stream = self._tables.stream if _asked(shards) else {}
        return Backlog(len(stream), next(iter(stream.values()), None))

    async def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        self._require_open()
        known = self._tables.accounts
        return {account: known[account].place(account) for account in accounts if account in known}

    async def standing(self, account: int) -> Standing | None:
        self._require_open()
        known = self._tables.accounts.get(account)
        if known is None:
            return None
        found = (hold for hold in self._tables.holds.values() if hold.account == account)
        holds = tuple(sorted(found, key=lambda hold: hold.id))
        return Standing(
            account, known.epoch or 0, known.sequence, known.profile, dict(known.cells), holds, shut=known.shut
        )

    async def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        self._require_open()
        return {account: one for account in accounts if (one := await self.standing(account)) is not None}

    async def shut(self, account: int) -> Place:
        self._require_open()
        known = self._tables.accounts.get(account) or _Account()
        known.shut = True
        self._tables.accounts[account] = known
        return known.place(account)

    async def shut_accounts(self, limit: int) -> list[int]:
        self._require_open()
        return sorted(id for id, known in self._tables.accounts.items() if known.shut)[:limit]

    async def put_back(self, standing: Standing) -> bool:
        self._require_open()
        known = self._tables.accounts.get(standing.account) or _Account()
        if standing.epoch <= (known.epoch or 0):
            return False
        self._tables = self._with(standing)  # one step: an interruption finds all of it done, or nothing
        return True

    def _with(self, standing: Standing) -> _Tables:
        old, new, id = self._tables, _Tables(), standing.account
        account = _Account()
        account.epoch, account.sequence, account.profile = standing.epoch, standing.sequence, standing.profile
        account.version = standing.profile.version if standing.profile is not None else 0
        account.cells = {name: value for name, value in standing.cells.items() if value}
        new.accounts = old.accounts | {id: account}
        new.keys = {place: one for place, one in old.keys.items() if place[0] != id or not self._lost(*place, standing)}
        new.keys |= {(id, one.key): self._remembered(id, one) for one in standing.keys}
        new.holds = {place: hold for place, hold in old.holds.items() if hold.account != id}
        new.holds |= {(id, hold.id): hold for hold in standing.holds}
        new.denials, new.stream = old.denials, old.stream
        return new

    def _lost(self, account: int, key: str, standing: Standing) -> bool:
        known = self._tables.keys[account, key]
        if self._booked is None or known.epoch >= standing.epoch:
            return False
        waiting = self._tables.stream.get((account, known.epoch, known.sequence))
        in_stream = waiting is not None and waiting.key == key
        return not in_stream and self._booked(account, key, known.epoch, known.sequence) is None

    def _remembered(self, account: int, one: Remembered) -> Duplicate:
        known = self._tables.keys.get((account, one.key))
        if known is not None and (known.epoch, known.sequence) == (one.epoch, one.sequence):
            return known
        # Another event under this key: what the books say counts.
        payload = self._booked(account, one.key, one.epoch, one.sequence) if self._booked is not None else None
        return Duplicate(one.epoch, one.sequence, one.fingerprint, payload or b"")

    async def close(self) -> None:
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("memory: found the store closed, expected an open one; connect again")
        self._take_back()


def _try(tables: _Tables, item: Commit, undo: list[Undo]) -> Outcome:
    known = tables.keys.get((item.account, item.key))
    if known is not None:
        return known
    account = tables.accounts.get(item.account) or _Account()
    changed = apply(account.cells, item.operations)
    here = account.epoch in (None, item.epoch) and account.version == item.version and account.sequence >= item.seen
    if account.shut or not here or changed is None:
        # Every cell there is: whatever the new decision needs, a missing name is truly 0.
        return Conflict(account.state({operation[0]: 0 for operation in item.operations} | account.cells))
    if item.payload is None:
        if item.denied is not None:
            place = (item.account, *item.denied)
            count = tables.denials.get(place, 0)
            undo.append(partial(tables.denials.__setitem__, place, count))
            tables.denials[place] = count + 1
        return Committed(account.sequence, {name: account.cells.get(name, 0) for name in changed})
    before = {name: account.cells.get(name, 0) for name in changed}
    undo.append(partial(_restore, tables, item, (account.epoch, account.sequence, account.profile), before))
    tables.accounts[item.account] = account
    _set_cells(account, changed)
    account.epoch, account.sequence = item.epoch, account.sequence + 1
    if item.profile is not None:
        account.profile, account.version = item.profile, item.profile.version
    _append(tables, item, account.sequence, item.payload)
    if item.ended:
        _set_hold(tables, (item.account, item.ended), None, undo)
    if item.hold is not None:
        _set_hold(tables, (item.account, item.hold[0]), OpenHold(item.account, *item.hold), undo)
    return Committed(account.sequence, changed)


def _restore(tables: _Tables, item: Commit, place: tuple[int | None, int, Profile | None], before: Cells) -> None:
    account = tables.accounts.setdefault(item.account, _Account())
    account.epoch, account.sequence, account.profile = place
    account.version = item.version
    _set_cells(account, before)
    tables.keys.pop((item.account, item.key), None)
    tables.stream.pop((item.account, item.epoch, account.sequence + 1), None)
    if account.epoch is None:
        tables.accounts.pop(item.account)


def _set_cells(account: _Account, values: Cells) -> None:
    account.cells.update(values)
    for name, value in values.items():
        if not value:
            account.cells.pop(name, None)


def _set_hold(tables: _Tables, place: tuple[int, str], hold: OpenHold | None, undo: list[Undo]) -> None:
    undo.append(partial(_put_hold, tables, place, tables.holds.get(place)))
    _put_hold(tables, place, hold)


def _put_hold(tables: _Tables, place: tuple[int, str], hold: OpenHold | None) -> None:
    tables.holds.pop(place, None)
    if hold is not None:
        tables.holds[place] = hold


def _asked(shards: Sequence[int] | None) -> bool:
    # All accounts lie in shard 0, the only one.
    return shards is None or 0 in shards


def _order(hold: OpenHold) -> tuple[int, int, str]:
    return hold.due, hold.account, hold.id


def _append(tables: _Tables, item: Commit, sequence: int, payload: bytes) -> None:
    tables.keys[item.account, item.key] = Duplicate(item.epoch, sequence, item.fingerprint, payload)
    entry = StreamEntry(item.account, item.epoch, sequence, item.key, payload)
    tables.stream[item.account, item.epoch, sequence] = entry
