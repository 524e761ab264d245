"""The audit of everything behind an address: the books, and the hot state, also where it lies apart from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spillover.audit import AuditReport, HotSource, StoredHot, audit
from spillover.audit.run import Progress
from spillover.bootstrap.addresses import Address
from spillover.engine.drive import drive

TIMEOUT_MS = 60_000


def audit_of(address: Address, *, progress: Progress | None, processes: int | None) -> AuditReport:
    """Compute all books behind the address again, and compare; nothing is changed. Raises what `audit` raises, and
    StoreError, InvalidInput where the hot state cannot be reached."""
    with _elsewhere(address) as hot:
        return audit(address.path or address.books, progress=progress, processes=processes, hot=hot)


@contextmanager
def _elsewhere(address: Address) -> Iterator[HotSource | None]:
    """Gives hot accounts where they lie in Valkey; None where they lie beside the books.

    The store alone is opened: opening the ledger as well would bring its schema up to date.
    """
    if address.kind != "valkey":
        yield None
        return
    from spillover.stores.valkey import ValkeyHotStore

    store = ValkeyHotStore(address.hot, "fast", booked=lambda *_: None, timeout_ms=TIMEOUT_MS)
    try:
        yield StoredHot(lambda account: drive(store.standing(account)), lambda a, most: drive(store.entries(a, most)))
    finally:
        drive(store.close())
