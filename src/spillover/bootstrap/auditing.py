"""The audit of everything behind an address: the books, and the hot state, also where it lies apart from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spillover.audit import AuditReport, HotSource, StoredHot, audit
from spillover.audit.run import Progress
from spillover.bootstrap.accepting import Accepted, without_accepted
from spillover.bootstrap.addresses import Address
from spillover.engine.drive import drive

TIMEOUT_MS = 60_000


def audit_of(address: Address, *, progress: Progress | None, processes: int | None) -> AuditReport:
    """Compute all books behind the address again, and compare; nothing is changed. Raises what `audit` raises, and
    StoreError, InvalidInput where the hot state cannot be reached. What was accepted of quarantine stands apart.
    """
    with _elsewhere(address) as hot:
        report = audit(address.path or address.books, progress=progress, processes=processes, hot=hot)
    return without_accepted(report, Accepted(address, TIMEOUT_MS))


class _Bound:
    """Tells which hot store books go with, read with nothing brought up to date."""

    def __init__(self, url: str) -> None:
        self._url = url

    def hot_store(self) -> str | None:
        """Its id; None for none yet. Raises WrongSettings, StoreErrors, InvalidInput."""
        import psycopg

        from spillover.audit.postgres.opening import open_to_read
        from spillover.ledgers.postgres.binding import bound_by
        from spillover.postgres.faults import parameters, shown, translate

        given = parameters(self._url)
        try:
            with open_to_read(given, shown(given)) as connection:
                return bound_by(connection, shown(given))
        except psycopg.Error as error:
            raise translate(error, shown(given), given.get("password", "")) from error

    def bind_hot_store(self, id: str, instead_of: str | None, *, reason: str, actor: str = "") -> str:
        """Never: an audit changes nothing."""
        raise NotImplementedError


@contextmanager
def _elsewhere(address: Address) -> Iterator[HotSource | None]:
    """Gives hot accounts where they lie in Valkey; None where they lie beside the books.

    The store alone is opened: opening the ledger as well would bring its schema up to date. Raises WrongSettings for
    one that the books do not go with, and for that of other books: it would differ in everything.
    """
    if address.kind != "valkey":
        yield None
        return
    from spillover.postgres.facts import identity_of
    from spillover.stores.valkey import ValkeyHotStore

    store = ValkeyHotStore(
        address.hot, "fast", booked=lambda *_: None, books=identity_of(address.books, TIMEOUT_MS),
        binding=_Bound(address.books), bind="look", timeout_ms=TIMEOUT_MS,
    )  # fmt: skip
    try:
        yield StoredHot(lambda account: drive(store.standing(account)), lambda a, most: drive(store.entries(a, most)))
    finally:
        drive(store.close())
