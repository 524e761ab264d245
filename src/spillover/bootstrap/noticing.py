"""Webhooks at work: the books are watched, and what is to be told is sent. In `serve`, or alone; any number may run.

A worker has handles of its own, so that decisions never wait for it, and what ails it is told and tried again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from threading import Event, Thread
from typing import Any, cast

from msgspec import Struct

from spillover.access.clock import Clock, system_clock
from spillover.bootstrap.addresses import Address, address_of
from spillover.bootstrap.connect import read_document
from spillover.bootstrap.rungs import open_office
from spillover.bootstrap.topping import topup_finders
from spillover.bootstrap.working import Each
from spillover.documents.audits import AuditReport
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.notices.delivery import Delivery
from spillover.notices.desk import Books, NoticeDesk
from spillover.notices.findings import finding_messages
from spillover.notices.sending import Rules
from spillover.notices.watching import ACCOUNTS, Finder, Watcher, rest_s
from spillover.ports import Ledger
from spillover.ports.notices import Message, Notices
from spillover.ports.office import Office
from spillover.ports.sales import Sales
from spillover.selling.turning import order_again

TIMEOUT_MS = 10_000
"""How long one call to a server may take."""
IDLE_SECONDS, BACKOFF_SECONDS_MAX = 0.25, 5.0
"""How long a worker rests when there was nothing to do; and at most, after something failed."""
TURN_SECONDS = 60.0
"""How often it is looked whether a month has turned, for accounts whose month was full of top-ups."""
FORGET_SECONDS = 3_600.0
"""How often messages that ended long ago are forgotten."""
LOG = logging.getLogger("spillover.webhooks")

Finders = Callable[[Notices, Ledger, Clock], Sequence[Finder]]
"""Gives what else is found in the books, over a worker's own handles. All workers find the same: what one of them has
moved past is found by no other."""


class Told(Struct, frozen=True):
    """What a worker did: accounts that it looked at, and tries by what became of them. `trouble`: what failed last."""

    looked: int
    tries: dict[str, int]
    trouble: str = ""


class Worker:
    """Watches and sends. Used by one thread at a time, the one that calls `step` first."""

    def __init__(
        self, address: Address, rules: Rules, *, clock: Clock = system_clock, counted: Counter[str] | None = None,
        finders: Finders = topup_finders,
    ) -> None:  # fmt: skip
        """`counted`: where tries are counted. Books in memory are watched by nobody: no other handle sees them."""
        self._address, self._rules, self._clock, self._finders = address, rules, clock, finders
        self.counted: Counter[str] = Counter() if counted is None else counted
        self.looked = 0
        self._opened: tuple[Office, Ledger, Watcher, Delivery] | None = None
        self._next_look = 0.0
        self._forgetting = Each(FORGET_SECONDS, at_once=True)
        self._turning = Each(TURN_SECONDS, at_once=True)

    def step(self) -> int:
        """Look at the books when it is time, send what is due; how much was done. Raises StoreError; call it again."""
        office, _, watcher, delivery = self._handles()
        try:
            looked = self._look(watcher)
        finally:  # what keeps the books, or one account of them, from being read must keep nothing else from being done
            sent = delivery.step()
            if self._turning():
                self._order_again()
            if self._forgetting():
                while drive(cast(Notices, office).drop_old(self._clock())):
                    pass
        return looked + sent

    def run(self) -> None:
        """Everything that is to be found and due now, to its end. Raises StoreError."""
        _, _, watcher, delivery = self._handles()
        while looked := drive(watcher.step()):
            self.looked += looked
        self._order_again()
        delivery.run()

    def rest_s(self) -> float:
        """Seconds until the books are looked at again, at most IDLE_SECONDS."""
        return min(max(self._next_look - time.monotonic(), 0.0), IDLE_SECONDS)

    def told(self, trouble: str = "") -> Told:
        """What it did so far."""
        return Told(self.looked, dict(self.counted), trouble)

    def close(self) -> None:
        """Wait for the tries under way, then give back the handles. Safe to repeat."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        office, ledger, _, delivery = opened
        try:
            delivery.close()
        finally:
            drive(office.close())
            drive(ledger.close())

    def _look(self, watcher: Watcher) -> int:
        begun = time.monotonic()
        if begun < self._next_look:
            return 0
        looked = drive(watcher.step())
        self._next_look = time.monotonic() + rest_s(time.monotonic() - begun, looked >= ACCOUNTS)
        self.looked += looked
        return looked

    def _order_again(self) -> None:
        office, ledger, _, _ = self._handles()
        sales, notices, after = cast(Sales, office), cast(Notices, office), 0
        while after := drive(order_again(sales, notices, ledger, self._clock(), after)):
            pass

    def _handles(self) -> tuple[Office, Ledger, Watcher, Delivery]:
        if self._opened is None:
            ledger = open_ledger(self._address, TIMEOUT_MS)
            try:
                office = open_office(self._address, TIMEOUT_MS)
            except BaseException:
                drive(ledger.close())
                raise
            notices = cast(Notices, office)  # the office's tables are one, whatever port they are asked by
            watcher = Watcher(ledger, notices, clock=self._clock, finders=self._finders(notices, ledger, self._clock))
            delivery = Delivery(notices, ledger, self._clock, self._rules, counted=self.counted)
            self._opened = office, ledger, watcher, delivery
        return self._opened


class Noticing:
    """A worker in a thread of its own. `trouble` is what its last step failed with, None if nothing.

    Each change of trouble is logged once, under "spillover.webhooks".
    """

    def __init__(self, worker: Worker, tell: Callable[[Told], None] = lambda _: None) -> None:
        self._worker, self._tell = worker, tell
        self._stop = Event()
        self._thread = Thread(target=self.run, name="spillover-webhooks", daemon=True)
        self.trouble: Exception | None = None

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the tries under way, and end. Safe to repeat."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self, stop: Event | None = None) -> None:
        """Until it is stopped, in the caller's thread; every second it tells what was done so far."""
        stop, pause, telling = stop or self._stop, IDLE_SECONDS, Each(1.0, at_once=True)
        try:
            while not stop.is_set():
                try:
                    done, pause = self._worker.step(), self._worker.rest_s()
                    self._note(None)
                except Exception as trouble:  # whatever it is: a thread that ended would be missed by nobody
                    done, pause = 0, min(max(pause, IDLE_SECONDS) * 2, BACKOFF_SECONDS_MAX)
                    self._note(trouble)
                if telling():
                    self._tell(self._worker.told(str(self.trouble or "")))
                if not done:
                    stop.wait(pause)
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._worker.close()
        except Exception as trouble:  # what was not written down is sent again, under its id
            LOG.warning("webhooks: the last tries could not be written down: %s", trouble)

    def _note(self, trouble: Exception | None) -> None:
        before, self.trouble = self.trouble, trouble
        if (type(before), str(before)) == (type(trouble), str(trouble)):
            return
        if trouble is None:
            LOG.info("webhooks go on")
        else:
            LOG.warning("webhooks failed and are tried again: %s: %s", type(trouble).__name__, trouble)


def open_ledger(address: Address, timeout_ms: int) -> Ledger:
    """The books alone, without the hot state. Raises StoreError; InvalidInput for books in memory."""
    if address.kind == "memory":
        expected = "sqlite:///FILE or a server; what is in memory ends with its program"
        raise InvalidInput("address", "memory://", expected)
    if address.path is not None:
        from spillover.ledgers.sqlite import SQLiteLedger

        return SQLiteLedger(address.path)
    from spillover.ledgers.postgres import PostgresLedger

    return PostgresLedger(address.books, timeout_ms=timeout_ms)


def worker_at(url: str, *, allow_private: bool) -> Worker:
    """A worker over the database behind an address. Raises InvalidInput."""
    return Worker(address_of(url), Rules(allow_private=allow_private))


def desk_over(
    office: Office, ledger: Ledger, policy: Callable[[], Policy], clock: Clock, *, allow_private: bool
) -> NoticeDesk:  # fmt: skip
    """The verbs of webhooks and alerts over an office and the books beside it. `policy`: the one in force."""
    books = Books(lambda name: drive(ledger.find_account(name)), lambda id: drive(ledger.account_name(id)), policy)
    return NoticeDesk(cast(Notices, office), books, clock, allow_private=allow_private)


def tell_findings(office: Office, report: AuditReport, now: int) -> Coroutine[Any, Any, Sequence[Message]]:
    """Write what an audit found as messages; those that are new."""
    return cast(Notices, office).put_messages(finding_messages(report, now), now)


def policy_of(ledger: Ledger, clock: Clock = system_clock) -> Policy:
    """The policy in force, by the books alone. Raises InvalidInput where there is none."""
    document = drive(ledger.policy_document(at=clock()))
    if document is None:
        raise InvalidInput("policy", "none", "one in force; spillover policy publish")
    return read_document(document)
