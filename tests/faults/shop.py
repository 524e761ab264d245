"""A shop on any rung, and what must be true of its books once the faults have stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import spillover
from spillover.access.plain import Access
from spillover.audit import AuditReport, audit
from spillover.bootstrap.addresses import address_of
from spillover.engine.drive import drive
from spillover.engine.reconciling import Looked, look
from spillover.model.reports import BookedEvent, QuarantinedEvent
from tests.rungs.opening import hot_of
from tests.support import policy as shared

POLICY = """
spillover: 1
attributes: [team]
features:
  video: {unit: second, count: seconds, price: {credits: 1}}
  chat: {unit: message, count: requests, price: {credits: 2}}
plans:
  plus:
    rules:
      - for: [chat]
        waterfall: [{from: allowance, windows: [{name: daily, max: 40, every: day, in: UTC}]}]
      - for: [video]
        waterfall:
          - from: allowance
            windows: [{name: hourly, max: 30, every: 1h, starting: first_use}]
          - from: units
          - from: credits
"""
NAMES = ("acme", "bolt", "carl")
CREDITS = 1_000_000
PAGE = 1_000


class Where(NamedTuple):
    """Where hot state and books lie, as `spillover.connect` takes it."""

    url: str
    ledger: str | None = None

    @property
    def line(self) -> str:
        """Both in one address."""
        return f"{self.url}?ledger={self.ledger}" if self.ledger else self.url

    @property
    def books(self) -> str:
        """The database that has the books."""
        address = address_of(self.url, self.ledger)
        return address.path or address.books

    def connect(self, **options: Any) -> Access:
        """An engine there, which settles nothing by itself unless it is told to."""
        return spillover.connect(self.url, ledger=self.ledger, **{"settle": False} | options)


def open_shop(where: Where, names: tuple[str, ...] = NAMES, policy: str = POLICY, **options: Any) -> None:
    """Accounts with more credits than any test uses, brought into force."""
    with where.connect(policy=shared(policy), **options) as access:
        for name in names:
            access.accounts.put(name, "plus")
            access.credits.add(name, CREDITS, key="first")
            access.units.add(name, "video", 50, key="gift")


def booked(access: Access, name: str | None = None) -> list[BookedEvent]:
    """All booked events (of one account), in order."""
    account = access.run(access.desk.account(name)) if name else None
    rows: list[BookedEvent] = []
    after = None
    while True:
        page = drive(access.desk.ledger.events(account=account, limit=PAGE, after=after))
        rows += page.rows
        after = page.after
        if after is None:
            return rows


def quarantined(access: Access) -> tuple[QuarantinedEvent, ...]:
    """What could not be booked."""
    return drive(access.desk.ledger.quarantined())


def looks(access: Access) -> list[Looked]:
    """Hot state and books compared, account by account."""
    store, ledger = access.desk.store, access.desk.ledger
    return [drive(look(store, ledger, one.account)) for one in access.accounts.list().rows]


def audited(where: Where, access: Access) -> AuditReport:
    """All books computed again, with the hot state beside them."""
    return audit(where.books, hot=hot_of(access.desk.store) if where.ledger else None)


@contextmanager
def quiet(where: Where, **options: Any) -> Iterator[Access]:
    """An engine of one who comes when the faults have stopped: everything is settled."""
    with where.connect(**options) as access:
        access.settle()
        yield access


def check_sound(where: Where, told: Mapping[str, int], asked: set[str]) -> list[BookedEvent]:
    """What callers were told is booked once, nothing that nobody asked for is; books, hot state and audit agree.

    `told`: key -> units that an answer granted; `asked`: every key that was sent. The booked events that are no terms.
    """
    with quiet(where) as access:
        assert quarantined(access) == ()
        assert {one.status for one in looks(access)} == {"same"}
        report = audited(where, access)
        assert report.ok, [str(finding) for finding in report.findings]
        assert not report.unsettled
        events = [row for row in booked(access) if row.event.kind != "terms"]
    counts = Counter((row.event.account, row.event.key) for row in events)
    assert max(counts.values(), default=1) == 1, "an event was booked twice"
    by_key = {row.event.key: row.event.granted for row in events}
    lost = {key: units for key, units in told.items() if units and by_key.get(key) != units}
    assert not lost, f"told and not so in the books: {list(lost.items())[:5]}"
    assert by_key.keys() <= asked
    return events
