"""Where the stream begins: a lower bound of the ids that are left, so that reading does not pass over the dead ones.

The stream is a queue: at its head lie the rows that were acknowledged, until vacuum clears them away, and an index scan
walks past each of them. So a reader remembers below which id nothing is left. An id that is lower than one that was
read may still come, of a transaction that took it earlier and commits later. Hence a bound is believed only when every
such transaction has ended: they all began to write before the reading, so their numbers are lower than that of a
transaction that acknowledges after it, and a later snapshot says whether all lower numbers have ended. If some
transaction elsewhere on the server runs for long, the bound stays where it is meanwhile: reading gets slower, never
wrong.
"""

from __future__ import annotations


class Head:
    """The bound for one choice of shards: `sure`, below which nothing is left or will come."""

    __slots__ = ("_next", "_number", "sure")

    def __init__(self) -> None:
        self.sure = 0
        self._next = 0  # what the bound may become when all transactions below `_number` have ended; 0: nothing
        self._number = 0  # 0: nobody has acknowledged since `_next` was read

    def read(self, first: int | None, last: int | None, ended: int) -> None:
        """Ids from `first` to `last` were read from `sure` on (None: none was); numbers below `ended` had ended."""
        if self._number and ended >= self._number:
            self.sure = max(self.sure, self._next if first is None else min(self._next, first))
            self._next = self._number = 0
        if not self._next and last is not None:
            self._next = last + 1

    def acknowledged(self, number: int) -> None:
        """A transaction of this number acknowledges, and began after what was read."""
        if self._next and not self._number:
            self._number = number
