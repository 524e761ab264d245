"""Accounts as a whole: where they stand, shut, put back (decision 0006, rebuilding)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec

from spillover.model.commit import Place, Remembered, Standing, State
from spillover.stores.valkey.exchange import Call
from spillover.stores.valkey.layout import (
    BOOKED,
    NO_ENTRY,
    PLACE,
    account_of,
    encode_profile,
    field_of,
    hold_of,
    pairs,
    place_of,
    rank,
    remembered,
    state_of,
    text_of,
)
from spillover.stores.valkey.shards import Shards, script

KEYS_AT_ONCE = 1_000
FEW_MS = 60_000
"""A key that is put back is known at least so long, however little of its retention is left."""

_encode = msgspec.msgpack.Encoder().encode


class Standings:
    """Used by one thread at a time."""

    def __init__(self, shards: Shards, retention_ms: int) -> None:
        self._shards, self._layout, self._retention = shards, shards.layout, retention_ms

    def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        """Those of the accounts that are known."""
        replies = self._shards.run([
            self._shards.call(account, "HMGET", self._layout.of("a", account), *PLACE) for account in accounts
        ])  # fmt: skip
        found = zip(accounts, replies, strict=True)
        return {account: Place(account, *place_of(values)) for account, values in found if any(values)}

    def whole(self, account: int) -> State:
        """Its place, profile and all its cells, known or not."""
        cells, profile, _ = self._shards.run([self._whole(account)])[0]
        return state_of(cells, profile)

    def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        """Those of the accounts that are known, all asked for at once."""
        replies = self._shards.run([self._whole(account) for account in accounts])
        return {
            account: _standing(account, *reply) for account, reply in zip(accounts, replies, strict=True) if reply[0]
        }

    def _whole(self, account: int) -> Call:
        keys = [self._layout.of(kind, account) for kind in "aph"]
        return Call(self._shards.slot(account), (script("standing", keys),))

    def shut(self, account: int) -> Place:
        """Shut it, known or not."""
        keys = (self._layout.of("a", account), self._shut(self._layout.shard(account)))
        return Place(account, *place_of(self._shards.script("shut", account, keys, (rank(account),), writes=True)))

    def shut_accounts(self, limit: int) -> list[int]:
        """Those that are shut, by id."""
        if limit <= 0:
            return []
        rows = self._shards.run([
            Call(slot, (("ZRANGEBYLEX", self._shut(shard), "-", "+", "LIMIT", 0, limit),))
            for shard, slot in enumerate(self._shards.slots)
        ])  # fmt: skip
        return heapq.nsmallest(limit, (account_of(member) for row in rows for member in row))

    def put_back(self, standing: Standing) -> bool:
        """Replace it, keys first: what an event made stays made, so that does no harm if another is quicker.

        A key that is not among them is free from then on: the script knows it by its older epoch.
        """
        account, of, shard = standing.account, self._layout.of, self._layout.shard(standing.account)
        if int(self._shards.one(account, "HGET", of("a", account), PLACE[0]) or 0) >= standing.epoch:
            return False
        self._put_keys(standing)
        keys = (*(of(kind, account) for kind in "aphd"), f"{self._layout.tags[shard]}due", self._shut(shard))
        command = script("put_back", keys, (_blob(standing),))
        call = Call(self._shards.slot(account), (command,), writes=True, once=True)
        (reply,) = self._shards.exchange.run([call])
        if reply is not None:
            return int(reply[0]) < standing.epoch
        # The answer was lost. If that epoch is there now, it was ours.
        return int(self._shards.script("put_back", account, keys, (_blob(standing),), writes=True)) <= standing.epoch

    def _put_keys(self, standing: Standing) -> None:
        if not standing.keys:
            return
        account = standing.account
        seconds, micros = self._shards.one(account, "TIME")
        now = int(seconds) * 1000 + int(micros) // 1000
        for first in range(0, len(standing.keys), KEYS_AT_ONCE):
            keys = standing.keys[first : first + KEYS_AT_ONCE]
            names = [self._layout.key(account, one.key) for one in keys]
            known = self._shards.run([self._shards.call(account, "GET", name) for name in names])
            values = [_booked(one, value) for one, value in zip(keys, known, strict=True)]
            lasts = [max(min(one.at - now, 0) + self._retention, FEW_MS) for one in keys]
            rows = zip(names, values, lasts, strict=True)
            self._shards.write(account, *[("SET", name, value, "PX", ms) for name, value, ms in rows])

    def _shut(self, shard: int) -> str:
        return f"{self._layout.tags[shard]}shut"


def _standing(account: int, cells: list[bytes], profile: bytes | None, holds: list[bytes]) -> Standing:
    state = state_of(cells, profile)
    found = sorted((hold_of(account, *pair) for pair in pairs(holds).items()), key=lambda hold: hold.id)
    return Standing(account, state.epoch, state.sequence, state.profile, state.cells, tuple(found), (), state.shut)


def _booked(one: Remembered, known: bytes | None) -> bytes:
    """What stands behind a key that is put back; its stream entry, if the same event may still have one."""
    entry = NO_ENTRY
    if known is not None and remembered(known)[:2] == (one.epoch, one.sequence):
        entry = remembered(known)[2]
    return b"%d %d %s%s %s" % (one.epoch, one.sequence, BOOKED, entry, one.fingerprint.encode())


def _blob(standing: Standing) -> bytes:
    profile = standing.profile
    place = (standing.epoch, standing.sequence, profile.version if profile is not None else 0)
    cells = ((field_of(name), value) for name, value in standing.cells.items() if value)
    fields = [str(part) for pair in (*zip(PLACE, place, strict=False), *cells) for part in pair]
    holds = [(hold.id, str(hold.due), text_of(hold.record)) for hold in standing.holds]
    terms = text_of(encode_profile(profile)) if profile is not None else None
    return _encode((standing.epoch, fields, terms, holds, rank(standing.account)))
