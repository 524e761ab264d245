"""Whose hot state a server has: the id of the books stands under a key, so that no others settle what is theirs."""

from __future__ import annotations

from msgspec import Struct
from redis.exceptions import ResponseError

from spillover.model.errors import WrongSettings
from spillover.stores.valkey.faults import kind_of, shown, told
from spillover.stores.valkey.link import Command, Deadline, Later, Link, Reply

_ELSEWHERE = ("MOVED ", "ASK ", "CLUSTERDOWN Hash slot")
"""A node that answers so does not serve the key's slot, or not all of it: who does is asked when it is connected to."""


class Owner(Struct, frozen=True):
    """The books that a store belongs to. `books`: their id, "" for one that asks nothing; `key`: where it stands."""

    key: str
    books: str

    def require(self, link: Link, deadline: Deadline) -> None:
        """Put the id where none stands. Raises WrongSettings where another does; Broken, Later, StoreUnavailable.

        A server that was emptied gets it again, a full one later: settling must go on there.
        """
        if not self.books:
            return
        found = self._asked(link, ("GET", self.key), deadline)
        if found is None and self._asked(link, ("SET", self.key, self.books, "NX"), deadline) is None:
            found = self._asked(link, ("GET", self.key), deadline)  # others were first, or it is not to be had here
        if found is not None and found.decode("utf-8", "replace") != self.books:
            raise WrongSettings(
                f"{link.name}: found the hot state of other books ({self.key} is {shown_id(found)}), expected that of"
                f" {self.books}; use another server, or if these are those books, restored: DEL {self.key}, then"
                " `spillover rebuild --all`"
            )

    @staticmethod
    def _asked(link: Link, command: Command, deadline: Deadline) -> Reply:
        """The answer; None where the key is another node's, or there is no room for it."""
        found = link.try_one(command, deadline)
        if not isinstance(found, ResponseError):
            return found
        if shown(found).startswith(_ELSEWHERE) or kind_of(found) == "full":
            return None
        raise told(link.name, found) if kind_of(found) == "other" else Later(f"{link.name}: {shown(found)}")


def shown_id(found: bytes) -> str:
    """What stands under the key, on one line; never long."""
    return ascii(found.decode("utf-8", "replace")[:60])[1:-1]
