"""Whose hot state a server has, and whether it is the one that those books go with.

Beside the hot state stand the id of the books that it belongs to, so that no others settle what is theirs, and a random
id of its own, which the books keep too: so a wrong address is never taken for a hot state that was lost, and what was
lost and comes back is not served beside what took its place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, Literal, Protocol

from redis.exceptions import ResponseError

from spillover.model.errors import StoreUnavailable, WrongSettings
from spillover.stores.valkey.faults import kind_of, shown, told
from spillover.stores.valkey.link import Command, Deadline, Later, Link, Reply

_ELSEWHERE = ("MOVED ", "ASK ", "CLUSTERDOWN Hash slot")
"""A node that answers so does not serve the key's slot, or not all of it: who does is asked when it is connected to."""
NOT_HERE: Final = "not here"
"""In place of an answer: the keys are another node's, or there is no room for them."""
ROUNDS_MAX = 4
"""How often the ids are read again after some were put: others may be first with each."""

Bind = Literal["bind", "look", "take"]
"""What opening does about ids. "bind": puts those that nobody has put yet, and refuses others; "look": refuses them,
and puts none; "take": refuses other books alone, and puts none until `take`."""


class Binding(Protocol):
    """The books' side: which hot store they go with. Both raise WrongSettings where their own database has it."""

    def hot_store(self) -> str | None: ...

    def bind_hot_store(self, id: str, instead_of: str | None, *, reason: str, actor: str = "") -> str: ...


class Owner:
    """The ids beside the hot state, under `keys`: that of the books and its own.

    `books`: the books' id, "" for who does not ask for it; `binding`: None for who does not ask for the store's own.
    `seen`: the latter, as it stood when it was opened rightly, now or before by this process; "" while it was not.
    A server that was emptied since gets both again, a full one later: settling must go on there.
    """

    def __init__(
        self, keys: tuple[str, str], books: str, binding: Binding | None = None, bind: Bind = "bind", seen: str = ""
    ) -> None:
        self.keys, self.books, self.seen = keys, books, seen
        self._binding, self._bind = binding, bind

    @property
    def asks(self) -> bool:
        """Whether it is asked whose a server is."""
        return bool(self.books) or self._binding is not None

    @property
    def read(self) -> Command:
        """The command that gives both ids."""
        return ("MGET", *self.keys)

    def require(self, link: Link, where: str, deadline: Deadline) -> None:
        """Raises WrongSettings for a server, named so, that is not theirs; Broken, Later, StoreUnavailable."""
        if self.asks:
            self.hold(lambda command: self._asked(link, command, deadline), where)

    def hold(self, ask: Callable[[Command], Reply], where: str) -> None:
        """Read what stands there, and put what is missing. Raises WrongSettings, and what `ask` raises."""
        for _ in range(ROUNDS_MAX):
            found = ask(self.read)
            if found == NOT_HERE:
                return
            puts = self._missing(where, *map(_text, found))
            if not puts or [ask(put) for put in puts].count(NOT_HERE):
                return

    def take(self, ask: Callable[[Command], Reply], where: str, *, reason: str, actor: str) -> bool:
        """Bind the books to this store, whatever they were bound to; whether they were not yet. As `hold`."""
        if self._binding is None:
            return False
        before = self._binding.hot_store()
        for put in (("SET", self.keys[0], self.books, "NX"), ("SET", self.keys[1], _new(), "NX")):
            ask(put)
        books, found = map(_text, ask(self.read))
        self._require_books(where, books)
        if found is None:
            raise StoreUnavailable(f"{where}: found no room for {self.keys[1]}, expected to keep it; raise maxmemory")
        if before != found and self._binding.bind_hot_store(found, before, reason=reason, actor=actor) != found:
            raise self._another(where, found, self._binding.hot_store() or "")
        self.seen, self._bind = found, "bind"
        return before != found

    def _missing(self, where: str, books: str | None, store: str | None) -> list[Command]:
        """What is to be put. Raises WrongSettings."""
        self._require_books(where, books)
        if self._bind == "take":
            if self._binding is not None:
                self._binding.hot_store()  # raises where no store that lies apart may be taken
            return []
        named: list[Command] = [("SET", self.keys[0], self.books, "NX")] if self.books and books is None else []
        if self._binding is None:
            return named
        bound = self._bound(self._binding, store)
        if bound is None and self._bind == "bind":
            if store is None or named:  # what is theirs says so before the books do
                return [*named, ("SET", self.keys[1], _new(), "NX")]
            bound = self._binding.bind_hot_store(store, None, reason="first opened")
        if bound is not None and store != bound:
            if store is not None or bound != self.seen or self._bind == "look":
                raise self._another(where, store, bound)
            return [*named, ("SET", self.keys[1], bound, "NX")]
        self.seen = bound or ""
        return named if self._bind == "bind" else []

    def _bound(self, binding: Binding, store: str | None) -> str | None:
        try:
            return binding.hot_store()
        except StoreUnavailable:
            if store is None or store != self.seen:
                raise
            return self.seen  # the books are away; that they go with another one now is asked at the next chance

    def _require_books(self, where: str, found: str | None) -> None:
        if self.books and found is not None and found != self.books:
            raise WrongSettings(
                f"{where}: found the hot state of other books ({self.keys[0]} is {ascii(found[:60])[1:-1]}), expected"
                f" that of {self.books}; use another server, or if these are those books, restored: DEL {self.keys[0]},"
                " then `spillover rebuild --all --check`, which lists what is lost, then `spillover rebuild --all`"
            )

    def _another(self, where: str, found: str | None, bound: str) -> WrongSettings:
        there = f"hot state {ascii(found[:60])[1:-1]}" if found else f"no hot state ({self.keys[1]} is missing)"
        return WrongSettings(
            f"{where}: found {there}, expected {bound}, which the books go with; correct host and database in the"
            " address, or if that hot state is lost for good: `spillover rebuild --all --db ADDRESS`"
        )

    @staticmethod
    def _asked(link: Link, command: Command, deadline: Deadline) -> Reply:
        """The answer; NOT_HERE where the keys are another node's, or there is no room for them."""
        found = link.try_one(command, deadline)
        if not isinstance(found, ResponseError):
            return found
        if shown(found).startswith(_ELSEWHERE) or kind_of(found) == "full":
            return NOT_HERE
        raise told(link.name, found) if kind_of(found) == "other" else Later(f"{link.name}: {shown(found)}")


def _new() -> str:
    return secrets.token_hex(8)


def _text(found: bytes | None) -> str | None:
    return None if found is None else found.decode("utf-8", "replace")
