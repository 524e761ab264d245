"""The verbs for plain code, from any number of threads."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from spillover.access.beside import Beside
from spillover.access.checks import check_lasts
from spillover.access.desk import Desk, OpenedHold
from spillover.access.gather import GROUP_MAX
from spillover.access.hold import HoldContext
from spillover.access.packs import PackVerbs
from spillover.access.questions import Questions
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
from spillover.engine.answers import Decision
from spillover.engine.settlement import Progress
from spillover.model.errors import InvalidInput, PartUnavailable, SpilloverError, StoreFull, shown
from spillover.model.policy import Policy
from spillover.ports import Refunded

if TYPE_CHECKING:
    from spillover.compare.report import Comparison

TENDING_MAX = 1_000
"""Steps of `tend`, of which each sees to a bounded part."""
TURN_SECONDS = 0.0005
"""How long a verb of many steps rests between two, so that who waits for a turn gets it."""


class Access(Questions):
    """An open engine. Made by `spillover.connect`; close it, or use it as a context manager."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._settler: Settler | None = None
        self._beside: Beside | None = None
        self.accounts = AccountVerbs(self)
        self.credits = CreditVerbs(self)
        self.units = UnitVerbs(self)
        self.holds = HoldVerbs(self)
        self.lots = LotVerbs(self)
        self.limits = LimitVerbs(self)
        self.windows = WindowVerbs(self)
        self.policies = PolicyVerbs(self)
        self.packs = PackVerbs(self)

    @property
    def policy(self) -> Policy:
        """The policy that this engine decides by."""
        return self._desk.policy

    @property
    def trouble(self) -> Exception | None:
        """What the work in the background last failed with (it is tried again), or the shadow; None if nothing."""
        settling = self._settler.trouble if self._settler else None
        return settling or (self._beside.trouble if self._beside else None)

    @property
    def shadow(self) -> Comparison | None:
        """What the shadow policy would have answered so far, beside the live answers; None without one."""
        if self._beside is None:
            return None
        with self._lock:
            return self._beside.comparison()

    def watched_by(self, beside: Beside) -> None:
        """From now on each decision is also given to a shadow."""
        self._beside = beside
        self._desk.deciding.rounds.watch = beside.take

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
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at, "hold": check_lasts(lasts)}
        return decision_of(self.submit(self.take_in(account, feature, estimate, key, options)))

    def hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    ) -> HoldContext:  # fmt: skip
        """`with access.hold(...) as hold:` holds before and commits the true usage after; see `HoldContext`."""
        options = {"subject": subject, "attributes": attributes, "hold": check_lasts(lasts)}
        return HoldContext(self, self.take_in(account, feature, estimate, key, options))

    def opened(self, account: str, key: str) -> OpenedHold:
        """What an open hold is on, and what happens when it is short. Raises UnknownName."""
        return self.run(self._desk.opened(account, key))

    def refund(
        self, account: str, event_key: str, *, units: int | None = None, key: str, reason: str = "", actor: str = ""
    ) -> Refunded:
        """Give back the charge of a settled event, or its last `units`, to the lots it came from. Once for each key.

        It restores lots, never windows. Raises NotSettled, UnknownName, InvalidInput for more than is left.
        """
        orders = self._desk.orders
        return self.run(orders.refund(account, event_key, units=units, key=key, reason=reason, actor=actor))

    def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """Many requests, decided in order and committed in groups; each is answered for itself, errors as values.

        What keeps a later group from being decided is the answer to its requests and all after; of the first, raised.
        """
        given: object = requests
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | bytearray | Mapping):
            raise InvalidInput("requests", shown(requests), "a list of requests")
        asks = [_ask_of(self._desk, request) for request in requests]
        good = [ask for ask in asks if isinstance(ask, Ask)]
        answers: list[Decision | SpilloverError] = []
        for start in range(0, len(good), GROUP_MAX):
            group = good[start : start + GROUP_MAX]
            try:
                answers += [plain_answer(answer) for answer in self.decide(group)]
            except PartUnavailable as error:  # all of this group are on servers that fail, others may not be
                if len(good) <= GROUP_MAX:
                    raise
                answers += [error] * len(group)
            except SpilloverError as error:
                if not start:
                    raise
                answers += [error] * (len(good) - start)
                break
        decided = iter(answers)
        return [next(decided) if isinstance(ask, Ask) else ask for ask in asks]

    def settle_with(self, settler: Settler) -> None:
        """Settle in the background, or only look after this engine, until it is closed."""
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
        self.run(self._desk.drain())
        self.run(self._desk.push())
        behind = tend and not self._tended()
        total = Progress(0, 0, 0)
        # Who goes on deciding must not keep this from ending.
        while (step := self.run(settling.step())).done and not settling.is_past(end):
            total = total.plus(step)
            time.sleep(TURN_SECONDS)
        if behind:
            self._tended()  # what was booked has made room, perhaps
        return total.plus(step)

    def _tended(self) -> bool:
        """See to what falls due; False where a store is full or a part of it away, which keeps nothing from being
        booked, and shows in `doctor`."""
        try:
            self.tend()
        except (StoreFull, PartUnavailable):
            return False
        return True

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


def _ask_of(desk: Desk, request: object) -> Ask | SpilloverError:
    if not isinstance(request, Ask | Mapping):
        return InvalidInput("request", shown(request), "a mapping with account, feature, usage and key")
    return asks_of(desk, [request])[0]
