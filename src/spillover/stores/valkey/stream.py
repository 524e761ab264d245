"""The streams, one a shard: read fairly, acknowledged by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from spillover.model.commit import Backlog
from spillover.model.errors import StoreFull
from spillover.model.event import StreamEntry
from spillover.stores.valkey.exchange import Call
from spillover.stores.valkey.layout import entry_of, remembered
from spillover.stores.valkey.shards import Shards

READ_MAX = 100_000
"""Entries whose ids are remembered until they are acknowledged; the oldest is forgotten first."""
PAGE = 1_000
SCAN_MAX = 100
"""Pages of one stream that are looked through for entries that this object neither read nor finds by their keys."""
DELETED_AT_ONCE = 1_000
MARK_MS = 86_400_000
"""How long the mark of a shard stays that is written for its replicas to confirm."""

Row = list[Any]
"""An id and the entry's fields."""
Identity = tuple[int, int, int]
"""Account, epoch, sequence."""


class Streams:
    """Used by one thread at a time."""

    def __init__(self, shards: Shards) -> None:
        self._shards, self._layout, self._slots = shards, shards.layout, shards.slots
        self._ids: dict[Identity, bytes] = {}

    def read(self, limit: int, shards: Sequence[int] | None) -> list[StreamEntry]:
        """The oldest of each shard, with an equal part of the limit for each that has enough."""
        wanted = self._shards.wanted(shards)
        lengths = dict(zip(wanted, self._each(wanted, "XLEN"), strict=True))
        parts = _parts(limit, {shard: length for shard, length in lengths.items() if length})
        replies = self._shards.run([self._range(shard, count) for shard, count in parts.items()])
        rows = sorted((row for rows in replies for row in rows), key=lambda row: _order(row[0]))
        self._confirm_to_settle(parts)
        return [self._entry(row) for row in rows]

    def entries(self, account: int, limit: int) -> list[StreamEntry]:
        """One account's, by going through its shard's stream."""
        found: list[StreamEntry] = []
        text = str(account).encode()
        start = "-"
        while len(found) < limit:
            (rows,) = self._shards.run([self._range(self._layout.shard(account), PAGE, start)])
            found += [self._entry(row) for row in rows if row[1][1] == text]
            if len(rows) < PAGE:
                break
            start = f"({rows[-1][0].decode()}"
        if found:
            self._confirm_to_settle((self._layout.shard(account),))
        return found[:limit]

    def confirm(self, shards: Iterable[int]) -> None:
        """What was read of them is as safe as what is answered: on a replica, in mode strict and where there are some.

        Raises StoreFull where a full server has no mark of the shard yet.
        """
        if not self._shards.exchange.servers.replicated:
            return
        # WAIT goes by our own writes. A full server takes one to what is there.
        marks = {shard: f"{self._layout.tags[shard]}x:found" for shard in shards}
        done = self._mark(marks, "PEXPIRE", MARK_MS)
        self._mark({shard: mark for (shard, mark), was in zip(marks.items(), done, strict=True) if not was}, "SET", 1)

    def _mark(self, marks: dict[int, str], command: str, value: int) -> list[Any]:
        return self._shards.run(
            [Call(self._slots[shard], ((command, mark, value),), True) for shard, mark in marks.items()]
        )

    def _confirm_to_settle(self, shards: Iterable[int]) -> None:
        """Else the books could know an event that a failover loses, and another would be answered for in its place."""
        with suppress(StoreFull):  # settlement makes room
            self.confirm(shards)

    def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        """Delete them, wherever their ids are known from."""
        ids: dict[int, list[bytes]] = {}
        strangers: list[StreamEntry] = []
        for entry in entries:
            known = self._ids.get((entry.account, entry.epoch, entry.sequence))
            if known is None:
                strangers.append(entry)
            else:
                ids.setdefault(self._layout.shard(entry.account), []).append(known)
        for shard, id_ in self._looked_up(strangers):
            ids.setdefault(shard, []).append(id_)
        self._shards.run([
            Call(self._slots[shard], (("XDEL", self._layout.streams[shard], *some[at : at + DELETED_AT_ONCE]),), True)
            for shard, some in ids.items() for at in range(0, len(some), DELETED_AT_ONCE)
        ])  # fmt: skip
        for entry in entries:
            self._ids.pop((entry.account, entry.epoch, entry.sequence), None)

    def backlog(self, shards: Sequence[int] | None) -> Backlog:
        """How many there are, and the oldest by the servers' clocks."""
        wanted = self._shards.wanted(shards)
        entries = sum(self._each(wanted, "XLEN"))
        rows = [row for rows in self._shards.run([self._range(shard, 1) for shard in wanted]) for row in rows]
        return Backlog(entries, entry_of(min(rows, key=lambda row: _order(row[0]))[1]) if rows else None)

    def payload(self, account: int, epoch: int, sequence: int, id: bytes) -> bytes | None:
        """The payload of that entry, if the stream still has it under that id."""
        shard = self._layout.shard(account)
        command = ("XRANGE", self._layout.streams[shard], id, id)
        (rows,) = self._shards.run([Call(self._slots[shard], (command,))])
        found = [
            entry for entry in (entry_of(row[1]) for row in rows) if _identity(entry) == (account, epoch, sequence)
        ]
        return found[0].payload if found else None

    def _looked_up(self, entries: Sequence[StreamEntry]) -> list[tuple[int, bytes]]:
        """Shard and id of those still there: the key knows the id, else the stream is looked through."""
        shard_of, found = self._layout.shard, list[tuple[int, bytes]]()
        calls = [self._shards.call(e.account, "GET", self._layout.key(e.account, e.key)) for e in entries]
        missing: dict[int, set[Identity]] = {}
        for entry, value in zip(entries, self._shards.run(calls), strict=True):
            shard = shard_of(entry.account)
            epoch, sequence, id_, _ = remembered(value) if value is not None else (0, 0, b"0-0", "")
            if id_ != b"0-0" and (epoch, sequence) == (entry.epoch, entry.sequence):
                found.append((shard, id_))
            else:
                missing.setdefault(shard, set()).add(_identity(entry))
        for shard, identities in missing.items():
            found += [(shard, id_) for id_ in self._scanned(shard, identities)]
        return found

    def _scanned(self, shard: int, identities: set[Identity]) -> list[bytes]:
        found: list[bytes] = []
        start = "-"
        for _ in range(SCAN_MAX):
            (rows,) = self._shards.run([self._range(shard, PAGE, start)])
            found += [row[0] for row in rows if _identity(entry_of(row[1])) in identities]
            if len(rows) < PAGE or len(found) >= len(identities):
                break
            start = f"({rows[-1][0].decode()}"
        return found

    def _each(self, shards: Sequence[int], command: str) -> list[Any]:
        return self._shards.run(
            [Call(self._slots[shard], ((command, self._layout.streams[shard]),)) for shard in shards]
        )

    def _range(self, shard: int, count: int, start: str = "-") -> Call:
        return Call(self._slots[shard], (("XRANGE", self._layout.streams[shard], start, "+", "COUNT", count),))

    def _entry(self, row: Row) -> StreamEntry:
        entry = entry_of(row[1])
        self._ids[_identity(entry)] = row[0]
        if len(self._ids) > READ_MAX:
            del self._ids[next(iter(self._ids))]
        return entry


def _identity(entry: StreamEntry) -> Identity:
    return entry.account, entry.epoch, entry.sequence


def _order(id: bytes) -> tuple[int, int]:
    first, _, second = id.partition(b"-")
    return int(first), int(second)


def _parts(limit: int, lengths: dict[int, int]) -> dict[int, int]:
    """How many to read of each shard: equal parts; what one does not need, and what is left over, go to longer ones."""
    parts: dict[int, int] = {}
    waiting = sorted(lengths, key=lambda shard: lengths[shard])
    for place, shard in enumerate(waiting):
        parts[shard] = min(lengths[shard], limit // (len(waiting) - place))
        limit -= parts[shard]
    return {shard: parts[shard] for shard in sorted(parts) if parts[shard] > 0}
