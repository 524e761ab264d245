"""One call of `commit.lua`: what goes into it, and what its answer says of each item."""

from __future__ import annotations

import itertools
import operator
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
_name, _values = operator.itemgetter(0), itertools.chain.from_iterable
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
        self._layout, self._clocks, self._marks = layout, clocks, len(cancelled)
        known: dict[str, int] = {}
        states: list[str] = []
        accounts: dict[int, int] = {}
        item_keys, key_of, first = list[int](), layout.key, len(cancelled) + 2
        for item in items:
            account = item.account
            item_keys.append(known.setdefault(key_of(account, item.key), len(known) + first))
            if account not in accounts:
                accounts[account] = len(accounts) + 1
                states += layout.state(account)
        self._item_keys, self._known, self._accounts = item_keys, len(known), accounts
        self._keys = [mark, *cancelled, *known, *states]
        self._places: dict[str, int] = {}

    def command(self, sha: str, retention_ms: int, *, durable: bool) -> Command:
        """`durable`: what is known already is to be confirmed like what is written."""
        accounts, ids = self._accounts, list[int | str]()
        for account in accounts:
            ids += (self._place(self._layout.stream(account)), str(account))
        # One list of all values: the script would spend most of its time on making tables of tables.
        flat: list[object] = []
        more: dict[int, tuple[object, ...]] = {}
        payloads: list[bytes] = []
        for number, (item, key) in enumerate(zip(self.items, self._item_keys, strict=True), 1):
            at = None
            if item.payload is not None:
                payloads.append(item.payload)
                at = len(payloads) + 1
            operations = item.operations
            flat += (
                key, accounts[item.account], item.epoch, item.version, item.seen, item.key, item.fingerprint, at,
                len(operations),
            )  # fmt: skip
            flat += _values(operations)
            if item.profile is not None or item.denied is not None or item.hold is not None or item.ended:
                more[number] = self._more(item)
        call = (
            *self._clocks.box(), retention_ms, durable, self._marks, self._known, ids, len(self.items), flat, more,
        )  # fmt: skip
        return ("EVALSHA", sha, len(self._keys), *self._keys, _encode(call), *payloads)

    def _place(self, key: str) -> int:
        """Where a key stands that is of no item or account alone; it is put there if it is new."""
        place = self._places.get(key)
        if place is None:
            self._keys.append(key)
            place = self._places[key] = len(self._keys)
        return place

    def _more(self, item: Commit) -> tuple[object, ...]:
        profile = item.profile
        terms = (None, None) if profile is None else (text_of(encode_profile(profile)), profile.version)
        return (*terms, self._denied(item), *self._holds(item))

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
        numbers, known, states = iter(_numbers(first)), iter(reply[1]), reply[2]
        outcomes: list[Committed | Duplicate | None] = []
        for item in self.items:
            number = next(numbers)
            if number >= 0:
                # The names come first: where they end, no number has been taken that is the next item's.
                cells = dict(zip(map(_name, item.operations), numbers, strict=False))
                outcomes.append(Committed(number, cells))
            elif number == CONFLICT:
                outcomes.append(None)
            elif number == KNOWN:
                value, payload = next(known)
                outcomes.append(known_key(item.account, item.key, value, payload, booked))
            else:
                outcomes.append(_same(self.items[KNOWN - number - 1], outcomes[KNOWN - number - 1]))
        fresh: dict[int, State] = {}
        if states:
            accounts = list(self._accounts)
            fresh = {accounts[number - 1]: state_of(cells, profile) for number, profile, cells in states}
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
