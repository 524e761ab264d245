"""Automatic top-ups wired: what the watcher finds, the desk of rules, and the worker that sees to orders."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar, cast

from spillover.access.clock import Clock
from spillover.access.plain import Access
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.policy import Policy
from spillover.notices.watching import Finder, Found, Look
from spillover.ports import Ledger
from spillover.ports.notices import Notices
from spillover.ports.office import Office
from spillover.ports.sales import TOPUP_KEY, Sales
from spillover.selling.charging import Charge, Charging
from spillover.selling.records import Ask, Records
from spillover.selling.topup_desk import TopUpDesk
from spillover.selling.topups import TopUps

T = TypeVar("T")
TIMEOUT_MS = 10_000
"""How long one call to a server may take."""


def topup_finders(notices: Notices, ledger: Ledger, clock: Clock) -> Sequence[Finder]:
    """What the watcher finds besides its own: accounts whose rule orders a pack."""
    topups, sales = TopUps(ledger, clock), cast(Sales, notices)  # the office's tables are one

    async def find(looks: Sequence[Look]) -> Sequence[Found]:
        # Most accounts have no rule. One that is made after these changes were read is not about them.
        changed = [look.account for look in looks if look.changes]
        ruled = await sales.ruled(changed) if changed else ()
        found = []
        for look in looks:
            paid = any(change.cause.startswith(TOPUP_KEY) for change in look.changes)
            about = paid or look.account in ruled
            found.append(Found(also=await topups.find(look.account, look.changes, look.policy) if about else ()))
        return found

    return (find,)


def topup_desk(office: Office, ledger: Ledger, policy: Callable[[], Policy], clock: Clock) -> TopUpDesk:
    """The verbs of top-ups over an office and the books beside it. `policy`: the one in force."""
    return TopUpDesk(cast(Sales, office), ledger, policy, clock)  # the office's tables are one


def asking(office: Office) -> Ask:
    """Work on an office's tables, from any thread, one piece at a time."""
    records, turn = cast(Records, office), Lock()

    class Asking:
        def __call__(self, work: Callable[[Records], Coroutine[Any, Any, T]]) -> T:
            with turn:
                return drive(work(records))

    return Asking()


def charging(office: Office, access: Access, charge: Charge | None) -> Charging:
    """The step that sees to orders, over an office of its own; `charge` as for `Charging`."""
    return Charging(asking(office), access, charge)


@contextmanager
def charging_at(url: str, access: Access, charge: Charge | None) -> Iterator[Charging]:
    """What sees to the orders of the database at an address, with an office of its own: call its `step` now and then.

    `charge` as for `Charging`. Any number may work at the same time. Raises InvalidInput, StoreError.
    """
    office = open_office(address_of(url), TIMEOUT_MS)
    try:
        yield charging(office, access, charge)
    finally:
        drive(office.close())
