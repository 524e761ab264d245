"""The worker that sends messages: it leases what is due, sends a few at a time, and writes down how each try ended.

A try is written down after it was made, so one that a killed worker made is made again when its lease ends: under the
same `webhook-id`, by which receivers tell. Any number of workers may run.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import msgspec

from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
from spillover.notices import retries
from spillover.notices.endpoints import good_secrets
from spillover.notices.payloads import body_of
from spillover.notices.sending import Outcome, Rules, send
from spillover.notices.signing import signed
from spillover.ports import Ledger
from spillover.ports.notices import Due, Notices, Try

LEASE_MS = 60_000
"""Several times what a try takes."""
AT_ONCE = 16
EACH = 4
"""Tries under way at a time: in all, and to one endpoint."""
SLOW_MS, SLOW_AT_ONCE = 1_000, 8
"""An endpoint whose last try took so long, or failed, is slow; tries under way to all such together."""
LOOK_SECONDS = 0.2
"""How long a step waits for tries under way, before it looks for what else is due."""

LOST, DROPPED = "lost", "dropped"
"""How a try ended where it is no state of its sending: another worker had it; its account was erased."""

USUAL = Rules()
LOG = logging.getLogger("spillover.webhooks")


class Delivery:
    """One worker. Used by one thread at a time; tries are made in threads of its own."""

    def __init__(
        self, notices: Notices, ledger: Ledger, clock: Callable[[], int], rules: Rules = USUAL, *,
        chance: Callable[[], float] = random.random, counted: Counter[str] | None = None,
    ) -> None:  # fmt: skip
        """`clock`: ms since 1970. `counted`: where tries are counted, by what the sending became, LOST or DROPPED."""
        self._notices, self._ledger, self._clock, self._rules, self._chance = notices, ledger, clock, rules, chance
        self.counted: Counter[str] = Counter() if counted is None else counted
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="spillover-webhook")
        self._under_way: dict[Future[Outcome], tuple[Due, int]] = {}
        self._slow: set[str] = set()

    def step(self, seconds: float = LOOK_SECONDS) -> int:
        """Begin what is due, wait so long for one to end, write down those that did; how many began or ended.

        Raises StoreError; call it again.
        """
        begun = self._begin()
        if not self._under_way:
            return begun
        done, _ = wait(self._under_way, seconds, FIRST_COMPLETED)
        for future in done:
            self._finish(future)
        return begun + len(done)

    def run(self) -> Counter[str]:
        """All that is due now, to its end; how it ended. What is due again later is left. Raises StoreError."""
        before = self.counted.copy()
        while self.step(self._rules.seconds) or self._under_way:
            pass
        return self.counted - before

    def close(self) -> None:
        """Wait for the tries under way, at most as long as one takes, and write them down. Safe to repeat."""
        try:
            while self._under_way:
                done, _ = wait(self._under_way, None, FIRST_COMPLETED)
                for future in done:
                    self._finish(future)
        finally:
            self._under_way.clear()
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> int:
        free = AT_ONCE - len(self._under_way)
        if not free:
            return 0
        now = self._clock()
        slow = sum(
            1 for due, _ in self._under_way.values() if due.endpoint.failing_since or due.endpoint.id in self._slow
        )  # fmt: skip
        found = drive(
            self._notices.lease(free, now, LEASE_MS, EACH, slow=self._slow, slow_limit=max(SLOW_AT_ONCE - slow, 0))
        )
        names: dict[int, Mapping[str, str]] = {}
        for due in found:
            self._send(due, now, names)
        return len(found)

    def _send(self, due: Due, now: int, names: dict[int, Mapping[str, str]]) -> None:
        """Hand one to a thread; `names` keeps those of accounts that several messages of this step are about."""
        account, message = due.message.account, due.message
        name = drive(self._ledger.account_name(account)) if account else None
        if account and name is None:
            drive(self._notices.drop_sending(due.sending))
            self.counted[DROPPED] += 1
            return

        def named() -> Mapping[str, str]:
            if account not in names:
                names[account] = drive(self._ledger.names(account)) if account else {}
            return names[account]

        try:
            body = body_of(message, name, named)
            headers = signed(message.id, now, body, good_secrets(due.endpoint, now))
        except (InvalidInput, msgspec.MsgspecError) as odd:  # it must not keep others from being sent
            self._record(due, now, Outcome(0, 0, f"cannot be made: {odd}"))
            return
        future = self._threads.submit(send, due.endpoint.url, headers, body, now, self._rules)
        self._under_way[future] = (due, now)

    def _finish(self, future: Future[Outcome]) -> None:
        due, at = self._under_way.pop(future)
        try:
            outcome = future.result()
        except Exception as fault:
            LOG.exception("fault in sending to %s", due.endpoint.id)
            outcome = Outcome(0, 0, f"a fault of the program: {type(fault).__name__}")
        (self._slow.add if outcome.ms >= SLOW_MS else self._slow.discard)(due.endpoint.id)
        self._record(due, at, outcome)

    def _record(self, due: Due, at: int, outcome: Outcome) -> None:
        """Write down a try that began at that instant, and what follows it."""
        sending = due.sending
        follows = retries.after(sending, due.endpoint, outcome, self._clock(), self._chance())
        tried = Try(
            sending.message, sending.endpoint, sending.tries + 1, at, outcome.status, outcome.ms, outcome.error
        )  # fmt: skip
        own = drive(self._notices.finish(sending, tried, follows.state, due=follows.due, pause=follows.pause))
        self.counted[follows.state if own else LOST] += 1
        if own and follows.pause:
            LOG.warning("endpoint %s is paused: %s; spillover webhooks resume", sending.endpoint, outcome.error)
