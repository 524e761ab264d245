"""The verbs for plain code, from any number of threads."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from spillover.access.checks import check_after, check_grouping, check_page
from spillover.access.desk import Desk, Explanation, OpenedHold
from spillover.access.gather import GROUP_MAX, Gather, forked
from spillover.access.hold import HoldContext
from spillover.access.requests import Asked, asks_of
from spillover.access.settler import Settler
from spillover.access.verbs import (
    AccountVerbs,
    CreditVerbs,
    HoldVerbs,
    LimitVerbs,
    LotVerbs,
    PolicyVerbs,
    UnitVerbs,
    WindowVerbs,
    decision_of,
    plain_answer,
)
from spillover.core.decide import TOLERANCE
from spillover.core.intake import Ask
from spillover.engine.accounts import check_instant
from spillover.engine.answers import Decision
from spillover.engine.deciding import Wish
from spillover.engine.drive import drive
from spillover.engine.items import Answer
from spillover.engine.reading import Balance
from spillover.engine.settlement import Progress
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, SpilloverError, shown
from spillover.model.policy import Policy
from spillover.model.reports import PastBalance, StatementPage, UsagePage
from spillover.ports import Refunded

T = TypeVar("T")

TENDING_MAX = 1_000
"""Steps of `tend`, of which each sees to a bounded part."""
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
        self.holds = HoldVerbs(self)
        self.lots = LotVerbs(self)
        self.limits = LimitVerbs(self)
        self.windows = WindowVerbs(self)
        self.policies = PolicyVerbs(self)

    @property
    def desk(self) -> Desk:
        """The use cases behind the verbs."""
        return self._desk

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
        all that is asked for or nothing; "partial", as much as there is; "record", see `record`.

        `usage`: raw counts, or one number where the feature counts one thing; left out, one request. `key`: the same
        key with the same request gives the same answer. `at`: the request's own time, milliseconds since 1970.
        Raises InvalidInput, UnknownName, KeyReused, BoundExceeded, Contended, StoreError; nothing is changed then.
        """
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at}
        return decision_of(self.submit(self.take_in(account, feature, usage, key, options)))

    def record(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """It happened already: counted and paid as far as layers can, never denied for what they cannot.

        What no layer can pay is overshoot: forgiven as the policy says, or owed. Raises as `consume` does.
        """
        options = {"subject": subject, "attributes": attributes, "mode": "record", "at": at}
        return decision_of(self.submit(self.take_in(account, feature, usage, key, options)))

    def open_hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
        mode: str = "exact", at: int | None = None,
    ) -> Decision:  # fmt: skip
        """Hold what an estimate needs until the true usage is known: `holds.commit`, `holds.release`, or it expires.

        The hold is known by the decision's key. `estimate` may be left out where the policy has a default. `lasts`: ms,
        the policy's own if left out. Raises as `consume` does.
        """
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at, "hold": lasts}
        return decision_of(self.submit(self.take_in(account, feature, estimate, key, options)))

    def hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    ) -> HoldContext:  # fmt: skip
        """`with access.hold(...) as hold:` holds before and commits the true usage after; see `HoldContext`."""
        options = {"subject": subject, "attributes": attributes, "hold": lasts}
        return HoldContext(self, self.take_in(account, feature, estimate, key, options))

    def opened(self, account: str, key: str) -> OpenedHold:
        """What an open hold is on, and what happens when it is short. Raises UnknownName."""
        return self.run(self._desk.opened(account, key))

    def submit(self, wish: Wish) -> Answer:
        """The answer to one checked wish, gathered with those of other threads."""
        return self._gather.submit(wish)

    def refund(
        self, account: str, event_key: str, *, units: int | None = None, key: str, reason: str = "", actor: str = ""
    ) -> Refunded:
        """Give back the charge of a settled event, or its last `units`, to the lots it came from. Once for each key.

        It restores lots, never windows. Raises NotSettled, UnknownName, InvalidInput for more than is left.
        """
        return self.run(
            self._desk.orders.refund(account, event_key, units=units, key=key, reason=reason, actor=actor)
        )  # fmt: skip

    def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """Many requests, decided in order and committed in groups; each is answered for itself, errors as values.

        What keeps a later group from being decided is the answer to its requests and all after; of the first, raised.
        """
        if not isinstance(requests, Iterable):
            raise InvalidInput("requests", shown(requests), "a list of requests")
        asks = [_ask_of(self._desk, request) for request in requests]
        good = [ask for ask in asks if isinstance(ask, Ask)]
        answers: list[Decision | SpilloverError] = []
        for start in range(0, len(good), GROUP_MAX):
            try:
                answers += [plain_answer(answer) for answer in self.decide(good[start : start + GROUP_MAX])]
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

    def balance_at(self, account: str, at: int) -> tuple[PastBalance, ...]:
        """What the books say the account had at the end of a past instant (ms), in each measure."""
        check_instant("at", at)
        found = self.run(self._desk.account(account))
        return self.look(self._desk.ledger.balance_at(found, at))

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

    def tend(self) -> int:
        """See to what has fallen due: holds expire, lots end, gifts come, plans change. How many.

        An open engine does so by itself, about once a second.
        """
        total = 0
        for _ in range(TENDING_MAX):
            done = self.run(self._desk.tend())
            total += done
            if not done:
                break
        return total

    def settle(self, *, tend: bool = True) -> Progress:
        """Book what was decided before this call, after what has fallen due (`tend`). Others get their turns."""
        settling, end = self._desk.settling(), self._desk.clock() + TOLERANCE
        self.run(self._desk.push())
        if tend:
            self.tend()
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

    def decide(self, wishes: Sequence[Wish]) -> list[Answer]:
        """Decide checked requests as one batch."""
        return self.run(self._desk.decide(wishes))


def _ask_of(desk: Desk, request: object) -> Ask | SpilloverError:
    if not isinstance(request, Ask | Mapping):
        return InvalidInput("request", shown(request), "a mapping with account, feature, usage and key")
    return asks_of(desk, [request])[0]
