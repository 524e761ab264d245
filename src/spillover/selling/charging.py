"""Charging what was ordered: each order's charge is asked for under its key until it is paid, or has failed.

At least once: whoever charges must do it once for a key. The charge comes first, then the lot under the same key, then
the order's end; who is killed between is followed by who asks again, and the books decide.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from spillover.access.packs import grant_pack, pack_grant
from spillover.access.plain import Access
from spillover.model.errors import KeyReused, UnknownName
from spillover.ports.sales import TopUp
from spillover.selling.records import Ask

LOG = logging.getLogger("spillover.selling")
TRIES = 3
"""Charges that are refused before an order has failed."""
AFTER_MS = (21_600_000, 64_800_000)
"""After the first refusal, and after the second: the third is a day after the first."""
LEASE_MS = 600_000
"""For so long nobody else asks for the same charge."""
WAITING_MS = 3_600_000
"""How long a charge that waits for a bank is left alone."""
LOOK_AGAIN_MS = 60_000
"""How often the books are asked whether an order was paid, where somebody else charges."""
BATCH = 100
ACTOR = "topups"


class Outcome(Protocol):
    """What became of a charge: paid (`reference` of the payment), failed (`why`), or waiting for somebody's bank."""

    @property
    def state(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def why(self) -> str: ...


class Charged(Struct, frozen=True):
    """An outcome."""

    state: Literal["paid", "failed", "waiting"]
    reference: str = ""
    why: str = ""


Charge = Callable[[TopUp, str], Outcome]
"""Charges an order, of the account of that name, once for its key (`order.key`). What it raises is a refusal, too."""


class Charging:
    """A worker's step. Used by one thread at a time; any number of processes may do it.

    `charge`: None where whoever receives `topup.wanted` charges, and grants the pack under the order's key.
    """

    def __init__(self, ask: Ask, access: Access, charge: Charge | None, clock: Callable[[], int] | None = None) -> None:
        self._ask, self._access, self._charge = ask, access, charge
        self._clock = clock or access.desk.clock

    def step(self) -> int:
        """See to orders that are due; how many there were. Raises StoreError, and begins with the same again."""
        now = self._clock()
        due = self._ask(lambda records: records.due_topups(now, BATCH))
        for order in due:
            self._see_to(order, now)
        return len(due)

    def _see_to(self, order: TopUp, now: int) -> None:
        access, name = self._access, self._access.look(self._access.desk.ledger.account_name(order.account))
        if access.look(access.desk.ledger.ordered(order.account, order.key)):
            self._end(order, "paid")
        elif name is None:
            self._end(order, "failed", "the account was erased", now)
        elif self._charge is None:
            self._put_off(order, now + LOOK_AGAIN_MS)
        elif self._put_off(order, now + LEASE_MS):
            self._ask_for(self._charge, replace(order, due=now + LEASE_MS), name)

    def _ask_for(self, charge: Charge, order: TopUp, name: str) -> None:
        try:
            outcome = charge(order, name)
        except Exception as error:  # whatever it is: it was not paid as far as is known, and is asked for again
            LOG.warning("order %s could not be charged: %s: %s", order.key, type(error).__name__, error)
            outcome = Charged("failed", why=type(error).__name__)  # its words may name somebody
        now = self._clock()
        match outcome.state:
            case "paid":
                self._paid(order, name, outcome.reference)
            case "waiting":
                self._put_off(order, now + WAITING_MS)
            case _ if order.tries + 1 >= TRIES:
                self._end(order, "failed", outcome.why, now)
            case _:
                self._put_off(order, now + AFTER_MS[order.tries], order.tries + 1, outcome.why)

    def _paid(self, order: TopUp, name: str, reference: str) -> None:
        try:
            self._grant(order, name, reference)
        except UnknownName:  # erased while it was charged: the money is the operator's to give back
            LOG.warning("order %s was charged, and its account erased meanwhile", order.key)
            self._end(order, "failed", f"erased, but charged as {reference}: give it back", self._clock())
        else:
            self._end(order, "paid")

    def _grant(self, order: TopUp, name: str, reference: str) -> None:
        """Book its lot. Raises UnknownName where the account was erased, and where its name is another's since."""
        if self._access.run(self._access.desk.account(name)) != order.account:
            raise UnknownName("account", f"{name}, which is another since", "the one that was charged")
        wanted = pack_grant(order.pack, order.key, None, reference, "top-up", ACTOR)
        try:
            self._access.run(grant_pack(self._access.desk, name, wanted))
        except KeyReused:  # somebody else has granted it, with words of his own
            LOG.info("order %s was granted before", order.key)

    def _put_off(self, order: TopUp, due: int, tries: int | None = None, note: str | None = None) -> bool:
        tries, note = order.tries if tries is None else tries, order.note if note is None else note
        return self._ask(lambda records: records.put_off_topup(order, due, tries=tries, note=note))

    def _end(self, order: TopUp, state: Literal["paid", "failed"], note: str = "", at: int = 0) -> None:
        self._ask(lambda records: records.end_topup(order, state, note, at=at))
