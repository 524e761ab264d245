"""Reading all shards where some of them cannot be read: one dead server keeps nobody from work on the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from spillover.model.errors import PartUnavailable

T = TypeVar("T")

Read = Callable[[int, Sequence[int] | None], Awaitable[list[T]]]
"""At most so many, of these shards or of all."""


async def readable(
    read: Read[T], limit: int, shards: Sequence[int] | None, count: int
) -> tuple[list[T], PartUnavailable | None]:
    """What can be read of these shards (of `count`), and the error that some of them met, to be raised in the end.

    Then each shard is read alone, an equal part of the limit. Raises the error if nothing was found, and StoreError.
    """
    try:
        return await read(limit, shards), None
    except PartUnavailable as error:
        failure = error
    found: list[T] = []
    wanted = range(count) if shards is None else shards
    for shard in wanted:
        try:
            found += await read(-(-limit // len(wanted)), (shard,))
        except PartUnavailable:
            continue
    if not found:
        raise failure
    return found, failure
