"""One call of `commit.lua`: what goes into it, and what its answer says of each item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from spillover.core.decide import TOLERANCE
from spillover.model.commit import Commit, Committed, Duplicate, State
from spillover.model.errors import ClockAhead, ClockBehind, StoreError, StoreUnavailable
from spillover.stores.valkey.layout import COUNTS, Layout, encode_profile, rank, remembered, state_of, text_of
from spillover.stores.valkey.link import Command, Reply

Booked = Callable[[int, str, int, int], bytes | None]
"""The payload that the books have of (account, key, epoch, sequence); None where they have none."""
Answer = tuple[list[Committed | Duplicate | None], dict[int, State]]
"""For each item its outcome, None for a conflict or what came after one; the states of accounts with a conflict."""

_encode = msgspec.msgpack.Encoder().encode
_numbers = msgspec.msgpack.Decoder(list[int]).decode
KNOWN, CONFLICT = -2, -1
BEHIND_MS = 10_000
"""How far a clock may be behind the store's own. More than TOLERANCE, as what was decided waits for its turn: the
store's own time limit counts on top where it is longer."""


class Clocks(NamedTuple):
    """The instants (ms) that a batch was decided at, by clocks that are not turned by hand; 0: none was told."""

    earliest: int = 0
    latest: int = 0
    behind: int = BEHIND_MS

    @classmethod
    def of(cls, items: Iterable[Commit], timeout_ms: float) -> Clocks:
        """Of all items that go together, wherever each of them goes. `timeout_ms`: how long they may wait to begin."""
        told = [item.now for item in items if item.now > 0]
        return cls(min(told), max(told), max(BEHIND_MS, int(timeout_ms) + TOLERANCE)) if told else cls()

    def box(self) -> tuple[int, int]:
        """From when to when a server's clock agrees; (0, 0): always."""
        return (self.latest - TOLERANCE, self.earliest + self.behind) if self.latest else (0, 0)

    def refused(self, where: str, own: int) -> StoreError:
        """The error where the server's clock shows `own`."""
        mend = "let both follow the same time server, then send the same keys again"
        if self.latest > own + TOLERANCE:
            ahead = f"{where}: found this machine's clock {self.latest - own} ms ahead of the server's"
            return ClockAhead(f"{ahead}, expected at most {TOLERANCE} ms; {mend}")
        behind = f"{where}: found this machine's clock {own - self.earliest} ms behind the server's"
        return ClockBehind(f"{behind}, expected at most {self.behind} ms; {mend}")


class Batch:
    """Items for one server, in order, as one call of the script."""

    def __init__(
        self, layout: Layout, items: Sequence[Commit], mark: str, cancelled: Sequence[str], clocks: Clocks
    ) -> None:
        """`mark`: the key by which this call can be called off; `cancelled`: those of calls that shall be."""
        self.items = items
        self._layout, self._clocks = layout, clocks
        self._places: dict[str, int] = {}
        self._keys: list[str] = []
        for key in (mark, *cancelled):
            self._place(key)
        self._marks = len(self._keys) - 1
        key_of, place = layout.key, self._place
        self._item_keys = [place(key_of(item.account, item.key)) for item in items]
        self._known = len(self._keys) - 1 - self._marks
        self._accounts: dict[int, int] = {}
        self._account_rows: list[tuple[int, int, int, str]] = []

    def command(self, sha: str, retention_ms: int, *, durable: bool) -> Command:
        """`durable`: what is known already is to be confirmed like what is written."""
        rows = [self._row(item, key) for item, key in zip(self.items, self._item_keys, strict=True)]
        call = (*self._clocks.box(), retention_ms, durable, self._marks, self._known, self._account_rows, rows)
        return ("EVALSHA", sha, len(self._keys), *self._keys, _encode(call))

    def _place(self, key: str) -> int:
        place = self._places.get(key)
        if place is None:
            self._keys.append(key)
            place = self._places[key] = len(self._keys)
        return place

    def _account(self, account: int) -> int:
        found = self._accounts.get(account)
        if found is None:
            of, place, text = self._layout.of, self._place, str(account)
            stream = self._layout.streams[self._layout.shard(account)]
            row = (place(of("a", account)), place(of("p", account)), place(stream), text)
            self._account_rows.append(row)
            found = self._accounts[account] = len(self._account_rows)
        return found

    def _row(self, item: Commit, key: int) -> tuple[object, ...]:
        row = (
            key, self._account(item.account), item.epoch, item.version, item.seen, item.operations, item.key,
            item.fingerprint, None if item.payload is None else text_of(item.payload),
        )  # fmt: skip
        if item.profile is None and item.denied is None and item.hold is None and not item.ended:
            return row
        terms = (
            (text_of(encode_profile(item.profile)), item.profile.version) if item.profile is not None else (None, None)
        )
        return (*row, *terms, self._denied(item), *self._holds(item))

    def _denied(self, item: Commit) -> tuple[int, str, int] | None:
        if item.denied is None:
            return None
        feature, reason, minute = item.denied
        return self._place(self._layout.of("n", item.account)), f"{feature}\0{reason}\0{minute}", minute * COUNTS

    def _holds(self, item: Commit) -> tuple[object, object]:
        if item.hold is None and not item.ended:
            return None, None
        account, place, of = item.account, self._place, self._layout.of
        due = f"{self._layout.tags[self._layout.shard(account)]}due"
        keys = (place(of("h", account)), place(of("d", account)), place(due), rank(account))
        hold = (*item.hold[:2], text_of(item.hold[2]), *keys) if item.hold else None
        return hold, (item.ended, *keys) if item.ended else None

    def answer(self, reply: Reply, where: str, booked: Booked) -> Answer:
        """What the script said. Raises ClockAhead, ClockBehind, where nothing of this call was done."""
        first = reply[0]
        if first == b"clock":
            raise self._clocks.refused(where, int(reply[1]))
        if first == b"cancelled":  # only a call that was given up before can be
            raise StoreUnavailable(f"{where}: found the call called off, expected it to be awaited; send it again")
        numbers, known, states = _numbers(first), iter(reply[1]), reply[2]
        outcomes: list[Committed | Duplicate | None] = []
        at = 0
        for item in self.items:
            number = numbers[at]
            at += 1
            if number >= 0:
                operations = item.operations
                end = at + len(operations)
                cells = dict(zip([operation[0] for operation in operations], numbers[at:end], strict=True))
                outcomes.append(Committed(number, cells))
                at = end
            elif number == CONFLICT:
                outcomes.append(None)
            elif number == KNOWN:
                value, payload = next(known)
                outcomes.append(known_key(item.account, item.key, value, payload, booked))
            else:
                outcomes.append(_same(self.items[KNOWN - number - 1], outcomes[KNOWN - number - 1]))
        by_place = {place: account for account, place in self._accounts.items()}
        fresh = {by_place[place]: state_of(cells, profile) for place, profile, cells in states}
        return outcomes, fresh


def known_key(account: int, key: str, value: bytes, payload: bytes | None, booked: Booked) -> Duplicate:
    """The event behind a remembered key; its payload is empty where neither stream nor books have it."""
    epoch, sequence, _, fingerprint = remembered(value)
    if payload is None:
        payload = booked(account, key, epoch, sequence)
    return Duplicate(epoch, sequence, fingerprint, payload or b"")


def _same(item: Commit, outcome: Committed | Duplicate | None) -> Duplicate | None:
    """The answer to a key that an earlier item of the same call made."""
    assert isinstance(outcome, Committed)
    return Duplicate(item.epoch, outcome.sequence, item.fingerprint, item.payload or b"")
