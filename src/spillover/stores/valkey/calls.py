"""What is asked of servers, and what comes of it."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.errors import StoreError
from spillover.stores.valkey.link import Command, Reply


class Call(Struct, frozen=True, gc=False):
    """Commands for one slot, in order. `writes`: in mode strict, replicas confirm them. `once`: if its answer is lost
    it is not sent again, but left to its caller."""

    slot: int
    commands: tuple[Command, ...]
    writes: bool = False
    once: bool = False


Replies = list[Reply] | None
"""One for each command of a call; None: the answer to a call that is sent once was lost."""


class Failed(Struct, frozen=True, gc=False):
    """A call that was not served; if it is one that is sent once, nothing of it is under way."""

    error: StoreError
