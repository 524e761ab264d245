"""Calls to servers, all under way together; see `trying` for what becomes of each."""

from __future__ import annotations

from collections.abc import Sequence

from spillover.stores.valkey.calls import Call, Failed, Replies
from spillover.stores.valkey.doubts import Doubts
from spillover.stores.valkey.link import Deadline
from spillover.stores.valkey.servers import Servers
from spillover.stores.valkey.trying import Trying

__all__ = ["Call", "Exchange", "Failed", "Replies"]


class Exchange:
    """Used by one thread at a time."""

    def __init__(self, servers: Servers, timeout_ms: float) -> None:
        self.servers, self.timeout_ms = servers, timeout_ms
        self._doubts = Doubts()

    def deadline(self) -> Deadline:
        """The time limit of what begins now."""
        return Deadline(self.timeout_ms)

    def run(self, calls: Sequence[Call], deadline: Deadline | None = None) -> list[Replies]:
        """The replies, in the order of the calls. Raises StoreUnavailable, StoreFull, WrongSettings."""
        replies: list[Replies] = []
        for reply in self._tried(calls, deadline or self.deadline(), whole=True):
            if isinstance(reply, Failed):
                raise reply.error
            replies.append(reply)
        return replies

    def each(self, calls: Sequence[Call], deadline: Deadline) -> list[Replies | Failed]:
        """The same, where what one call fails with is its own."""
        return self._tried(calls, deadline, whole=False)

    def _tried(self, calls: Sequence[Call], deadline: Deadline, *, whole: bool) -> list[Replies | Failed]:
        return Trying(self.servers, self._doubts, calls, deadline, self.timeout_ms, whole=whole).to_the_end()
