"""A hot state that lies elsewhere, in Valkey say: nothing makes its moment that of the books.

What is decided between the books' moment and the look at an account's hot state stands in the stream, or was settled
meanwhile: then it is read from the books as they are now, and is no difference. Where that does not explain what is
found, such as new terms, the account is looked at again, at a new moment, until nothing is found, or the same twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from spillover.audit.report import Finding
from spillover.audit.state import HotAccount
from spillover.model.commit import Standing
from spillover.model.event import StreamEntry

TRIES_MAX = 12
"""How often an account is looked at again while it moves."""
ENTRIES_MAX = 1_000_000
"""Events of one account in the stream that are read."""

HotSource = Callable[[int], HotAccount | None]
"""The hot state of an account; None for one that it does not know."""
Place = tuple[int, int]
Entry = tuple[int, int, str, bytes]


class StoredHot:
    """The hot state by what a store says: `standing(account)` and `entries(account, limit)`, as in its port."""

    def __init__(
        self, standing: Callable[[int], Standing | None], entries: Callable[[int, int], Sequence[StreamEntry]]
    ) -> None:
        self._standing, self._entries = standing, entries

    def __call__(self, account: int) -> HotAccount | None:
        """All of it."""
        return self.beyond(account, (-1, 0))

    def beyond(self, account: int, settled: Place) -> HotAccount | None:
        """All of it; of the stream only if it is ahead of the books, for to find an account's part reads all of it."""
        state = self._standing(account)
        if state is None:
            return None
        place = (state.epoch, state.sequence)
        waiting = self._entries(account, ENTRIES_MAX) if place != settled else ()
        stream = tuple(
            (one.epoch, one.sequence, one.key, one.payload) for one in waiting if (one.epoch, one.sequence) <= place
        )
        holds = {hold.id: (hold.due, hold.record) for hold in state.holds}
        version = state.profile.version if state.profile is not None else 0
        return HotAccount(
            state.epoch, state.sequence, version, state.profile, state.cells, stream, holds, state.shut
        )  # fmt: skip


def bridged(hot: HotAccount, settled: Place, events: Callable[[int, int, int], Iterable[Entry]]) -> HotAccount:
    """The same with what was settled and left the stream since the books stood at `settled`.

    `events(epoch, first, last)` gives events as they are booked now.
    """
    epoch, last = settled
    first = min([one[1] for one in hot.stream if one[0] == epoch], default=hot.sequence + 1)
    if hot.epoch != epoch or first <= last + 1:
        return hot
    return replace(hot, stream=(*events(epoch, last + 1, first - 1), *hot.stream))


Found = tuple[list[Finding], dict[str, int]]
"""Findings that were kept, and how many there are of each check."""


def settled_down(found: Found, look: Callable[[], Found]) -> Found:
    """What is found of an account that may move while it is looked at."""
    for _ in range(TRIES_MAX):
        if not found[1]:
            break
        before, found = found, look()
        if found == before:
            break
    return found
