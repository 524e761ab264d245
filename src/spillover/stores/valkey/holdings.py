"""Open holds, by id, by account and by due time; and what was denied."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge

from spillover.model.commit import OpenHold
from spillover.model.reports import DenialCount
from spillover.stores.valkey.exchange import Call
from spillover.stores.valkey.layout import COUNTS, account_of, hold_of, pairs
from spillover.stores.valkey.shards import Shards

MINUTE = 60_000
RANK = 16

Due = tuple[int, int, bytes]
"""Due time, account and id: the order in which holds fall due."""


class Holdings:
    """Used by one thread at a time."""

    def __init__(self, shards: Shards) -> None:
        self._shards, self._layout, self._slots = shards, shards.layout, shards.slots

    def hold(self, account: int, id: str) -> OpenHold | None:
        """One."""
        (value,) = self._shards.run([self._shards.call(account, "HGET", self._layout.of("h", account), id)])
        return hold_of(account, id.encode(), value) if value is not None else None

    def holds(self, account: int) -> list[OpenHold]:
        """All of an account."""
        (flat,) = self._shards.run([self._shards.call(account, "HGETALL", self._layout.of("h", account))])
        return sorted((hold_of(account, *pair) for pair in pairs(flat).items()), key=_order)

    def due(self, until: int, limit: int, account: int | None, shards: Sequence[int] | None) -> list[OpenHold]:
        """Those due by then. One that ended or was put off while they were read is left out."""
        if limit <= 0:
            return []
        places = self._due_of(account, until, limit) if account is not None else self._due(until, limit, shards)
        values = self._shards.run(
            [self._shards.call(of, "HGET", self._layout.of("h", of), id_) for _, of, id_ in places]
        )
        found = [
            hold_of(of, id_, value) for (_, of, id_), value in zip(places, values, strict=True) if value is not None
        ]
        return sorted((hold for hold in found if hold.due <= until), key=_order)

    def _due_of(self, account: int, until: int, limit: int) -> list[Due]:
        command = ("ZRANGEBYSCORE", self._layout.of("d", account), "-inf", until, "LIMIT", 0, limit)
        (ids,) = self._shards.run([self._shards.call(account, *command)])
        return [(0, account, id_) for id_ in ids]

    def _due(self, until: int, limit: int, shards: Sequence[int] | None) -> list[Due]:
        wanted = self._shards.wanted(shards)
        rows = self._shards.run([
            Call(self._slots[shard], ((
                "ZRANGEBYSCORE", f"{self._layout.tags[shard]}due", "-inf", until, "WITHSCORES", "LIMIT", 0, limit
            ),))
            for shard in wanted
        ])  # fmt: skip
        # Members of one due time sort as their accounts and ids do, so each row is in order.
        each = [[_due(member, score) for member, score in pairs(row).items()] for row in rows]
        return list(merge(*each))[:limit]

    def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        """What was denied in minutes that touch the time."""
        if limit <= 0:
            return []
        first, end = since // MINUTE, -(-until // MINUTE)
        found = self._counts(account, first, end, limit)
        if len(found) == limit:  # the last minute may be cut within
            last = found[-1].minute // MINUTE
            found = [one for one in found if one.minute < last * MINUTE] + self._counts(account, last, last + 1, -1)
        return sorted(found, key=lambda one: (one.minute, one.feature, one.reason))[:limit]

    def _counts(self, account: int, first: int, end: int, limit: int) -> list[DenialCount]:
        command = (
            "ZRANGEBYSCORE", self._layout.of("n", account), first * COUNTS, f"({end * COUNTS}", "WITHSCORES",
            "LIMIT", 0, limit,
        )  # fmt: skip
        (flat,) = self._shards.run([self._shards.call(account, *command)])
        found = []
        for member, score in pairs(flat).items():
            feature, reason, minute = member.decode().split("\0")
            found.append(DenialCount(feature, reason, int(minute) * MINUTE, int(float(score)) - int(minute) * COUNTS))
        return found


def _due(member: bytes, score: bytes) -> Due:
    return int(float(score)), account_of(member[:RANK]), member[RANK:]


def _order(hold: OpenHold) -> tuple[int, int, str]:
    return hold.due, hold.account, hold.id
