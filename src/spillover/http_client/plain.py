"""The client for plain code, from any number of threads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, cast

from spillover.access.hold import HoldContext
from spillover.access.requests import Asked
from spillover.engine.answers import Decision
from spillover.http_client import orders, packs, reports, requests
from spillover.http_client.address import ServiceAddress
from spillover.http_client.admit import Admit
from spillover.http_client.calls import Call, plainly
from spillover.http_client.holding import Holder, Skew, hold_ask
from spillover.http_client.lacking import Lacking
from spillover.http_client.many import Many
from spillover.http_client.pool import Pool
from spillover.http_client.sending import answered
from spillover.http_client.standin_made import journal_of, standin_of
from spillover.http_client.standing import JournalStatus
from spillover.http_client.tries import Tries
from spillover.model.errors import SpilloverError

T = TypeVar("T")


class Group:
    """A group of verbs of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(self, call: Call[T]) -> T:
        """Make a call."""
        return self._client.ask(call)


class AccountVerbs(Group):
    """`access.accounts`: who pays."""

    put = plainly(orders.put)
    plan = plainly(orders.plan)
    suspend = plainly(orders.suspend)
    erase = plainly(orders.erase)
    list = plainly(orders.accounts_list)


class CreditVerbs(Group):
    """`access.credits`: lots of credits."""

    add = plainly(orders.add_credits)


class UnitVerbs(Group):
    """`access.units`: lots of a feature's own units."""

    add = plainly(orders.add_units)


class HoldVerbs(Group):
    """`access.holds`: what is open, and how it ends."""

    list = plainly(requests.holds_list)
    extend = plainly(requests.extend)
    commit = plainly(requests.commit)
    release = plainly(requests.release)


class LotVerbs(Group):
    """`access.lots`: the blocks of credits and units that an account holds."""

    list = plainly(orders.lots_list)
    revoke = plainly(orders.revoke)
    adjust = plainly(orders.adjust)
    reverse = plainly(orders.reverse)


class LimitVerbs(Group):
    """`access.limits`: another maximum for one account."""

    set = plainly(orders.set_limit)


class WindowVerbs(Group):
    """`access.windows`: what was counted."""

    reset = plainly(orders.reset)


class PolicyVerbs(Group):
    """`access.policies`: which policy decides when."""

    publish = plainly(reports.publish)
    withdraw = plainly(reports.withdraw)
    list = plainly(reports.publications)
    get = plainly(reports.published)


class PackVerbs(Group):
    """`access.packs`: what can be bought."""

    list = plainly(packs.packs_list)
    grant = plainly(packs.grant)


class Client(Lacking):
    """The verbs of `Access`, answered by a service. Made by `spillover.connect("http://...")`; close it, or use it as a
    context manager. Nothing is asked before the first verb.

    Errors are those of `Access`; besides, StoreUnavailable where no service answers in time (nothing is admitted then)
    and NotAllowed where the key does not open what is asked. It may be used after a fork, by parent and child.
    It has no `policy`, `shadow`, `trouble`, `tend` or `desk`: they are the service's own. `denial.closes_at` is told by
    `check` and `explain` alone.
    """

    def __init__(
        self, address: ServiceAddress, headers: dict[str, str], deadline: float, admit: Admit | None = None
    ) -> None:
        self._address, self._deadline = address.text, deadline
        self._pool, self._skew = Pool(address, headers), Skew()
        self._standin = standin_of(admit, address, headers, self._skew, deadline)
        self.accounts = AccountVerbs(self)
        self.credits = CreditVerbs(self)
        self.units = UnitVerbs(self)
        self.holds = HoldVerbs(self)
        self.lots = LotVerbs(self)
        self.limits = LimitVerbs(self)
        self.windows = WindowVerbs(self)
        self.policies = PolicyVerbs(self)
        self.packs = PackVerbs(self)

    consume = plainly(requests.consume)
    record = plainly(requests.record)
    check = plainly(requests.check)
    explain = plainly(requests.explain)
    open_hold = plainly(requests.open_hold)
    opened = plainly(requests.opened)
    refund = plainly(orders.refund)
    overview = plainly(reports.overview)
    balance = plainly(reports.balance)
    balance_at = plainly(reports.balance_at)
    usage = plainly(reports.usage)
    denials = plainly(reports.denials)
    statement = plainly(reports.statement)
    receipt = plainly(reports.receipt)
    settle = plainly(reports.settle)

    def hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    ) -> HoldContext:  # fmt: skip
        """See `Access.hold`."""
        call = requests.open_hold(
            account, feature, estimate, key=key, subject=subject, attributes=attributes, lasts=lasts
        )
        return HoldContext(Holder(self, call, self._skew), hold_ask(call, feature, lasts))

    def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """See `Access.consume_many`. Requests go in calls of at most 500."""
        many = Many(requests)
        for call in many.calls():
            try:
                many.take(self.ask(call))
            except SpilloverError as error:
                many.fail(error)
                break
        return many.answers()

    def ask(self, call: Call[T]) -> T:
        """Make a call, again where that is safe and nothing came back. Raises what it tells, StoreUnavailable."""
        tries = Tries(call, self._address, self._deadline, time.monotonic())
        standin = self._standin
        if standin is None:
            return answered(self._pool, self._skew, call, tries)
        found = standin.before(call)
        if found is None:
            try:
                found = answered(self._pool, self._skew, call, tries)
            except SpilloverError as error:
                found = standin.instead(call, error, tries.is_away)
                if found is None:
                    raise
            else:
                if standin.heard(call, found):
                    found = cast(T, standin.mended(call, cast("list[Any]", found)))
        return found

    def open_until(self, until: int | str | None, *, reason: str = "", actor: str = "") -> None:
        """Until then (ms since 1970, or text with its zone; at most 24 h from now) all requests are admitted here and
        journaled, without asking the service; None: ask it again. `reason` is kept in the journal.

        It goes on when the program is started again. What is admitted is charged all the same: it is recorded at its
        own time while the service answers. Needs `when_unreachable=Admit(...)`. Raises InvalidInput, StoreError.
        """
        journal_of(self._standin).open_until(until, reason, actor)

    def journal_status(self) -> JournalStatus:
        """What waits to be recorded, what was refused, and what operators have set. Raises InvalidInput without a
        journal, StoreError."""
        return journal_of(self._standin).status()

    def close(self) -> None:
        """Record what the journal has, if the service answers, and close all connections. Safe to repeat."""
        if self._standin is not None:
            self._standin.close()
        self._pool.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
