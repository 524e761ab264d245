"""Which logical shard an account lives in: a fixed number of them, far more than nodes (design, section 6)."""

from __future__ import annotations

SHARDS = 64
"""Of a networked hot store. An embedded one has a single stream."""


def shard_of(account: int, shards: int = SHARDS) -> int:
    """The account's shard, from 0 on. Ids are random, so the last bits spread them evenly."""
    return account % shards
