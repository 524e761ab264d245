"""The rungs of the ladder: from an address to a hot store, a ledger, and the claims of their settlers."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from spillover.bootstrap.addresses import Address
from spillover.core.shards import SHARDS
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput, WrongSettings
from spillover.ports import Claims, Durability, HotStore, Ledger
from spillover.ports.office import Office
from spillover.sqlite.claim import Claim

if TYPE_CHECKING:
    from spillover.stores.valkey import ValkeyHotStore
    from spillover.stores.valkey.owner import Bind

TIMEOUT_MS = 10_000
FILE_BATCH, SERVER_BATCH = 512, 2_048
"""Events booked in one transaction: on a server a larger one costs nobody a turn, and fewer round trips."""


class Rung(Struct, frozen=True):
    """Open handles on one database. `batch`: how many events its settler books at a time.

    `apart`: the hot store, where it lies apart from the books and each must know the other; `bound` asks the books.
    """

    store: HotStore
    ledger: Ledger
    batch: int = FILE_BATCH
    apart: ValkeyHotStore | None = None
    bound: Callable[[], str | None] | None = None

    @property
    def seen(self) -> str:
        """The id of the hot store that lies apart, for who opens it again (`open_rung`); "" for none."""
        return self.apart.id if self.apart else ""

    def take(self, *, reason: str, actor: str) -> bool:
        """Bind the books to the hot store that lies apart, whatever they were bound to; whether they were not yet."""
        return self.apart is not None and self.apart.take(reason=reason, actor=actor)

    def require_own(self) -> None:
        """Raises WrongSettings where the books go with another hot store by now, one that lies apart; StoreError."""
        if self.apart is not None:
            self.apart.require_own()

    def is_left(self) -> bool:
        """Whether the books go with another hot store than they did; asked of them alone, from any thread."""
        try:
            return self.bound is not None and self.seen not in ("", self.bound())
        except WrongSettings:
            return True  # with the one in their own database

    def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        drive(self.store.close())
        drive(self.ledger.close())


class FileClaims:
    """The claims of an embedded rung: one stream, and a lock file that vanishes with a killed process."""

    def __init__(self, path: str) -> None:
        self._claim = Claim(path, "settler")

    async def take(self) -> list[int]:
        """The one shard, if it is this process's."""
        return [0] if self._claim.take() else []

    async def release(self) -> None:
        """Leave it to others."""
        self._claim.release()

    async def close(self) -> None:
        """The same: the claim is all that is held."""
        self._claim.release()


def open_rung(
    address: Address, durability: Durability, timeout_ms: int, *, bind: Bind = "bind", seen: str = ""
) -> Rung:
    """The hot store and the ledger behind an address. Raises StoreError; InvalidInput where a driver is missing.

    `timeout_ms`: how long one call to a server may take. A hot store that lies apart from the books is refused
    (WrongSettings) unless it is the one that they go with; books that go with none yet are bound to it. `bind="look"`:
    nothing is bound; "take": any is accepted, but that of other books, and bound by `Rung.take`. `seen`: the id of the
    store as this process has opened it before; one that was emptied since is not refused but healed.
    Where PostgreSQL has the hot state as well, that is for good: books that go with none yet are bound to it at once.
    """
    match address.kind:
        case "memory":
            return _memory()
        case "sqlite":
            return _file(address.hot, durability)
        case "postgres":
            return _postgres(address, durability, timeout_ms, bind)
        case "valkey":
            return _valkey(address, durability, timeout_ms, bind, seen)


def open_as_set(address: Address, timeout_ms: int, *, bind: Bind = "bind") -> Rung:
    """The rung in the durability that its server is set for: for who only does what others have decided.

    Raises as `open_rung`.
    """
    try:
        return open_rung(address, "strict", timeout_ms, bind=bind)
    except WrongSettings:
        return open_rung(address, "fast", timeout_ms, bind=bind)


def open_claims(address: Address, timeout_ms: int) -> Claims:
    """The claims by which settlers share the streams behind an address that is not in memory."""
    if address.path is not None:
        return FileClaims(address.path)
    _require("psycopg", "postgres")
    from spillover.ledgers.postgres import PostgresClaims

    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    return PostgresClaims(address.books, owner, shards=SHARDS, timeout_ms=timeout_ms)


def open_office(address: Address, timeout_ms: int) -> Office:
    """What a service remembers that is not books, in their database. Raises StoreError; InvalidInput as `open_rung`.

    `timeout_ms`: how long one call to a server may take. In memory it is gone when closed.
    """
    if not address.books:
        from spillover.office.sqlite import SQLiteOffice

        return SQLiteOffice(address.path)
    _require("psycopg", address.kind)
    from spillover.office.postgres import PostgresOffice

    return PostgresOffice(address.books, timeout_ms=timeout_ms)


def is_there(address: Address) -> bool:
    """Whether a server has Spillover's books behind that address. Nothing is made."""
    _require("psycopg", address.kind)
    from spillover.postgres.facts import is_there as has_books

    return has_books(address.books, TIMEOUT_MS)


def _memory() -> Rung:
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.stores.memory import MemoryHotStore

    ledger = SQLiteLedger.in_memory()
    return Rung(MemoryHotStore(booked=_booked(ledger)), ledger)


def _file(path: str, durability: Durability) -> Rung:
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.stores.sqlite import SQLiteHotStore

    store = SQLiteHotStore(path, durability)
    try:
        return Rung(store, SQLiteLedger(path))
    except BaseException:
        drive(store.close())
        raise


def _postgres(address: Address, durability: Durability, timeout_ms: int, bind: Bind) -> Rung:
    _require("psycopg", "postgres")
    from spillover.ledgers.postgres import PostgresLedger
    from spillover.stores.postgres import PostgresHotStore

    ledger = PostgresLedger(address.books, timeout_ms=timeout_ms)
    try:
        ledger.keep_hot_here(look=bind == "look")  # before its tables are made
        store = PostgresHotStore(
            address.hot, durability, booked=_booked(ledger), timeout_ms=timeout_ms, **_remembers(address)
        )
        return Rung(store, ledger, SERVER_BATCH)
    except BaseException:
        drive(ledger.close())
        raise


def _valkey(address: Address, durability: Durability, timeout_ms: int, bind: Bind, seen: str) -> Rung:
    _require("psycopg", "valkey")
    _require("redis", "valkey")
    from spillover.ledgers.postgres import PostgresLedger
    from spillover.postgres.facts import identity_of
    from spillover.stores.valkey import ValkeyHotStore

    ledger = PostgresLedger(address.books, timeout_ms=timeout_ms)
    try:
        books = identity_of(address.books, timeout_ms)
        store = ValkeyHotStore(
            address.hot, durability, booked=_booked(ledger), books=books, binding=ledger, bind=bind, seen=seen,
            timeout_ms=timeout_ms, **_remembers(address),
        )  # fmt: skip
        return Rung(store, ledger, SERVER_BATCH, store, ledger.hot_store)
    except BaseException:
        drive(ledger.close())
        raise


def _remembers(address: Address) -> dict[str, Any]:
    """For how long keys are known, where the address says it."""
    return {} if address.remember is None else {"retention_ms": address.remember}


def _booked(ledger: Ledger) -> Callable[[int, str, int, int], bytes | None]:
    """Gives the payload behind a key and a place whose entry the stream has forgotten."""
    return lambda account, key, epoch, sequence: drive(ledger.payload(account, key, epoch, sequence))


def _require(module: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        expected = f"the extra {extra}: pip install 'spillover[{extra}]', or '.[{extra}]' in a checkout"
        raise InvalidInput("address", f"no {module} installed", expected)
