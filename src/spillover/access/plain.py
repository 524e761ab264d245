"""The verbs for plain code, from any number of threads."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from decimal import Decimal
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from spillover.access.checks import check_after, check_grouping, check_limit, check_page
from spillover.access.desk import Desk, Explanation
from spillover.access.gather import GROUP_MAX, Gather, forked
from spillover.access.requests import Asked, asks_of
from spillover.access.settler import Settler
from spillover.core.decide import TOLERANCE
from spillover.core.intake import Ask
from spillover.engine.accounts import credit_grant, unit_grant
from spillover.engine.answers import Decision
from spillover.engine.deciding import Answer
from spillover.engine.drive import drive
from spillover.engine.reading import Balance
from spillover.engine.settlement import Progress
from spillover.model.account import NEVER, AccountState, Lot, Profile
from spillover.model.errors import InvalidInput, SpilloverError, shown
from spillover.model.policy import Policy
from spillover.model.reports import AccountPage, StatementPage, UsagePage
from spillover.ports import Terms

T = TypeVar("T")

TURN_SECONDS = 0.0005
"""How long a verb of many steps rests between two, so that who waits for a turn gets it."""


class Access:
    """An open engine. Made by `spillover.connect`; close it, or use it as a context manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settler: Settler | None = None
        self._lock = Lock()
        self._gather = Gather(self.decide)
        self._pid = os.getpid()
        self.accounts = AccountVerbs(self)
        self.credits = CreditVerbs(self)
        self.units = UnitVerbs(self)

    @property
    def policy(self) -> Policy:
        """The policy that this engine decides by."""
        return self._desk.policy

    @property
    def trouble(self) -> Exception | None:
        """What settlement in the background last failed with (it tries again); None if nothing."""
        return self._settler.trouble if self._settler else None

    def consume(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, mode: str = "exact",
        at: int | None = None,
    ) -> Decision:  # fmt: skip
        """May this request pass, and who pays? A decision is true when it allows; what it granted is then on the books.

        `subject`: who uses, inside the account (a person, a key). `attributes`: labels that prices and limits read;
        names that the policy does not declare are let go of and never stored (`explain` tells them). `mode`: "exact",
        all that is asked for or nothing.

        `usage`: raw counts, or one number where the feature counts one thing; left out, one request. `key`: the same
        key with the same request gives the same answer. `at`: the request's own time, milliseconds since 1970.
        Raises InvalidInput, UnknownName, KeyReused, BoundExceeded, Contended, StoreError; nothing is changed then.
        """
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at}
        answer = self._gather.submit(self.take_in(account, feature, usage, key, options))
        if isinstance(answer, SpilloverError):
            raise answer
        return answer

    def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """Many requests, decided in order and committed in groups; each is answered for itself, errors as values.

        What keeps a later group from being decided is the answer to its requests and all after; of the first, raised.
        """
        if not isinstance(requests, Iterable):
            raise InvalidInput("requests", shown(requests), "a list of requests")
        asks = [_ask_of(self._desk, request) for request in requests]
        good = [ask for ask in asks if isinstance(ask, Ask)]
        answers: list[Answer] = []
        for start in range(0, len(good), GROUP_MAX):
            try:
                answers += self.decide(good[start : start + GROUP_MAX])
            except SpilloverError as error:
                if not start:
                    raise
                answers += [error] * (len(good) - start)
                break
        decided = iter(answers)
        return [next(decided) if isinstance(ask, Ask) else ask for ask in asks]

    def check(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
        attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """What `consume` would answer now. Nothing is changed, and nothing is kept free for later."""
        options = {"subject": subject, "attributes": attributes, "at": at}
        return self.run(self._desk.check(self.take_in(account, feature, usage, None, options)))

    def explain(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
        attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Explanation:  # fmt: skip
        """What `consume` would answer now, with the room of every layer, what blocks, and both ways out."""
        options = {"subject": subject, "attributes": attributes, "at": at}
        return self.run(self._desk.explain(self.take_in(account, feature, usage, None, options)))

    def balance(self, account: str) -> Balance:
        """What the account has now, in credits and gifted units: available, held, settled, and its lots."""
        return self.run(self._desk.balance(account))

    def usage(
        self, account: str, *, by: Sequence[str] = ("feature",), since: int = 0, until: int = NEVER, limit: int = 1000,
        after: tuple[str, ...] | None = None,
    ) -> UsagePage:  # fmt: skip
        """What was used and who paid, as booked so far, grouped by "feature", "subject", "day" or attributes.

        Instants are milliseconds, since <= at < until. Pages go on with `after`.
        """
        names, group = check_grouping(by, after)
        page = check_page(since, until, limit)
        found = self.run(self._desk.account(account))
        return self.look(self._desk.ledger.usage(found, by=names, after=group, **page))

    def statement(
        self, account: str, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
    ) -> StatementPage:
        """Each change of a balance, as booked so far: what, why, by whom, and the balance after it."""
        page, place = check_page(since, until, limit), check_after(after)
        found = self.run(self._desk.account(account))
        return self.look(self._desk.ledger.statement(found, after=place, **page))

    def settle_with(self, settler: Settler) -> None:
        """Settle in the background until this is closed."""
        self._settler = settler
        settler.start()

    def settle(self) -> Progress:
        """Book what was decided before this call. Other verbs get their turns meanwhile."""
        settling, end = self._desk.settling(), self._desk.clock() + TOLERANCE
        self.run(self._desk.push())
        total = Progress(0, 0, 0)
        # Who goes on deciding must not keep this from ending.
        while (step := self.run(settling.step())).done and not settling.is_past(end):
            total = total.plus(step)
            time.sleep(TURN_SECONDS)
        return total.plus(step)

    def close(self) -> None:
        """Stop settling and give back the file. What is not settled yet waits in the stream. Safe to repeat.

        In a forked child it leaves the parent's engine alone.
        """
        if os.getpid() != self._pid:
            return
        if self._settler:
            self._settler.stop()
        self.run(self._desk.close())

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, verb: Coroutine[Any, Any, T]) -> T:
        """Run one verb of the desk to its end, alone. Raises StoreUnavailable in a forked child."""
        try:
            if os.getpid() != self._pid:  # before the lock: one that a thread of the parent held stays locked here
                raise forked()
            with self._lock:
                return drive(verb)
        finally:
            verb.close()

    def look(self, verb: Coroutine[Any, Any, T]) -> T:
        """Run a verb of the ledger, which serves several threads, beside all others. Raises as `run` does."""
        try:
            if os.getpid() != self._pid:
                raise forked()
            return drive(verb)
        finally:
            verb.close()

    def take_in(
        self,
        account: str,
        feature: str,
        usage: Mapping[str, int] | int | None,
        key: str | None,
        options: Mapping[str, Any],
    ) -> Ask:
        """A checked request, without waiting for anything."""
        return self._desk.take_in(account, feature, usage, key, options)

    def decide(self, asks: Sequence[Ask]) -> list[Answer]:
        """Decide checked requests as one batch."""
        return self.run(self._desk.decide(asks))


def _ask_of(desk: Desk, request: object) -> Ask | SpilloverError:
    if not isinstance(request, Ask | Mapping):
        return InvalidInput("request", shown(request), "a mapping with account, feature, usage and key")
    return asks_of(desk, [request])[0]


class AccountVerbs:
    """`access.accounts`: who pays."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def put(
        self, account: str, plan: str | None = None, *, zone: str | None = None, billing_day: int | None = None,
        consent: bool | None = None, state: AccountState | None = None, reason: str = "", actor: str = "",
        at: int | None = None,
    ) -> Profile:  # fmt: skip
        """Create an account, or change what is given; in force when this returns. Safe to repeat.

        `billing_day`: the instant (milliseconds) that fixed windows start from; a new account's is now.
        `consent`: whether the customer lets credits pay where the plan asks for it.
        """
        terms = Terms(plan, zone, billing_day, consent, state)
        accounts = self._access._desk.accounts
        return self._access.run(accounts.put(account, terms, reason=reason, actor=actor, at=at))

    def list(self, *, limit: int = 1000, after: int = 0) -> AccountPage:
        """All accounts in the order of their internal ids, erased ones without a name. Pages go on with `after`."""
        limit, after = check_limit(limit), check_after(after)
        return self._access.look(self._access._desk.ledger.accounts(limit=limit, after=after))

    def erase(self, account: str) -> None:
        """Forget the account's name, its subjects and unpriced attributes, for good. Books and chains stay whole."""
        self._access.run(self._access._desk.accounts.erase(account))


class CreditVerbs:
    """`access.credits`: lots of credits."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(
        self, account: str, credits: str | int | Decimal, *, key: str, paid: str | None = None, tax: str = "",
        ref: str = "", reason: str = "", actor: str = "", priority: int = 100, effective: int = 0,
        expires: int | None = None, at: int | None = None,
    ) -> Lot:  # fmt: skip
        """Raise a lot of credits: bought if `paid` ("45.00 EUR") is given, else promotional. Once for each key."""
        grant = credit_grant(
            credits, key=key, paid=paid, tax=tax, ref=ref, reason=reason, actor=actor, priority=priority,
            effective=effective, expires=expires,
        )  # fmt: skip
        return self._access.run(self._access._desk.accounts.add_lot(account, grant, at=at))


class UnitVerbs:
    """`access.units`: lots of a feature's own units."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(
        self, account: str, feature: str, units: int, *, key: str, reason: str = "", actor: str = "",
        priority: int = 100, effective: int = 0, expires: int | None = None, at: int | None = None,
    ) -> Lot:  # fmt: skip
        """Give units of a feature (micro-credits for a feature counted by its cost). Once for each key."""
        grant = unit_grant(
            self._access.policy, feature, units, key=key, reason=reason, actor=actor, priority=priority,
            effective=effective, expires=expires,
        )  # fmt: skip
        return self._access.run(self._access._desk.accounts.add_lot(account, grant, at=at))
