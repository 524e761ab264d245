"""What stands in while the service cannot be reached: bounded, journaled, and recorded when it answers again.

A request is asked first. Where nothing answers it is admitted here; from then on, until the service is heard of again
(it is looked for once a second), what has room is admitted without asking. Any thread may use this, of one process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from threading import RLock
from typing import Any, TypeVar, cast

from spillover.access.clock import system_clock
from spillover.engine.answers import Decision
from spillover.engine.journal import Admitted
from spillover.http_client.admit import Admit
from spillover.http_client.admitting import Admitting
from spillover.http_client.calls import Call
from spillover.http_client.drainer import LOOK_SECONDS, Drainer
from spillover.http_client.entries import Words, words_of
from spillover.http_client.holding import Skew
from spillover.http_client.keeping import Keeping
from spillover.http_client.memory import Memory
from spillover.http_client.pool import Pool
from spillover.http_client.recording import Recording
from spillover.http_client.settled import Settled
from spillover.http_client.standing import JournalStatus
from spillover.model.errors import KeyReused, Overloaded, SpilloverError, StoreError, StoreUnavailable

T = TypeVar("T")

TAKEN = ("consume", "record", "holds/open", "holds/extend", "holds/commit", "holds/release", "opened", "consume-many")
"""The calls that can be answered here."""


class Standin:
    """See the head of this file. In a forked child it does nothing: the journal is the parent's."""

    def __init__(self, admit: Admit, pool: Pool, skew: Skew, address: str, deadline: float) -> None:
        """`pool`: for this alone. Raises InvalidInput for a journal that another client has, StoreError."""
        self._pid, self._turn = os.getpid(), RLock()
        self._memory, self._settled = Memory(), Settled()
        self._keeping = Keeping(admit, system_clock)
        self._admitting = Admitting(
            self._keeping, self._memory, self._settled, lambda feature: admit.features.get(feature, 0), skew.clock
        )
        self._away, self._away_since = False, 0.0
        self._pool = pool
        recording = Recording(self._keeping.journal, pool, skew, address, deadline)
        self._drainer = Drainer(recording, self._keeping, self._turn, self._recorded)
        if self._keeping.waiting:
            self._drainer.wake()

    def may_answer(self, call: Call[Any]) -> bool:
        """Whether `before` has to be asked. Waits for nothing."""
        if call.path not in TAKEN or os.getpid() != self._pid:
            return False
        keeping = self._keeping
        known = keeping.waiting or keeping.held or (call.account, call.key) in self._settled
        return bool(known or self._away or keeping.switch.may_be_set)

    def before(self, call: Call[T]) -> T | None:
        """What is answered without asking the service; None where it is to be asked. Raises KeyReused, HoldEnded."""
        if not self.may_answer(call):
            return None
        with self._turn:
            if self._keeping.is_closed:
                return None
            found = self._admitting.known(call)
            if found is None and (why := self._keeping.why_open()):
                found = self._admitting.taken(call, why, bounded=False, asked=False)
            elif found is None and self._is_away():
                found = self._admitting.taken(call, "", bounded=True, asked=False)
        self._wake()
        return cast("T | None", found)

    def instead(self, call: Call[T], error: SpilloverError, away: bool) -> T | None:
        """The answer to a call that failed so; None where it is the error. `away`: no service served it."""
        if os.getpid() != self._pid or self._keeping.is_closed:
            return None
        if not (away or isinstance(error, Overloaded)):
            self._memory.learn_error(call.account, error)
            if not isinstance(error, StoreError):
                self._away = False
            return None
        if call.path not in TAKEN:
            return None
        with self._turn:
            found = self._admitting.known(call)
            if found is None:
                found = self._admitting.taken(call, "", bounded=True, asked=True, error=error)
            if found is not None and call.path != "opened":
                self._away, self._away_since = True, time.monotonic()
        self._wake()
        return cast("T | None", found)

    def heard(self, call: Call[Any], answer: object) -> bool:
        """An answer of the service, from which is learnt what is wanted in an outage. Whether to ask `mended`."""
        if os.getpid() != self._pid:
            return False
        if self._away:
            self._away = False
            self._wake()
        if isinstance(answer, Decision):
            self._memory.learn(call, answer)
        if call.path != "consume-many" or not isinstance(answer, list):
            return False
        for one in answer:
            if isinstance(one, Decision):
                self._memory.learn(call, one)
        return any(isinstance(one, KeyReused | StoreUnavailable) for one in answer)

    def mended(self, call: Call[Any], answers: Sequence[Any]) -> list[Any]:
        """The answers to `consume_many` with those that are known here, or admitted, in place of errors."""
        return [self._mended(words, one) for words, one in zip(words_of(call)["requests"], answers, strict=True)]

    def _mended(self, words: Words, answer: Any) -> Any:  # noqa: ANN401  # a decision or an error
        if not isinstance(answer, KeyReused | StoreUnavailable):
            return answer
        with self._turn:
            try:
                found = None if self._keeping.is_closed else self._admitting.known_request(words)
                if found is None and isinstance(answer, StoreUnavailable) and not self._keeping.is_closed:
                    found = self._admitting.request(words, "", bounded=True)
            except KeyReused as reused:
                return reused
        self._wake()
        return found or answer

    def open_until(self, until: object, reason: object, actor: object) -> None:
        """See `Client.open_until`."""
        with self._turn:
            self._require_open()
            self._keeping.switch.set(until, reason, actor)

    def status(self) -> JournalStatus:
        """See `Client.journal_status`."""
        with self._turn:
            self._require_open()
            return self._keeping.status(self._away, self._drainer.trouble)

    def close(self) -> None:
        """Record what waits if the service answers, and give back the journal. Safe to repeat."""
        if os.getpid() == self._pid:
            self._drainer.close()
            self._pool.close()
            with self._turn:
                self._keeping.close()

    def _require_open(self) -> None:
        if os.getpid() != self._pid or self._keeping.is_closed:
            raise StoreUnavailable("journal: found it closed, or another process's; expected an open client's own")

    def _wake(self) -> None:
        if self._keeping.waiting:
            self._drainer.wake()

    def _recorded(self, done: Sequence[tuple[Admitted, Any]], heard: bool) -> None:
        """What the drainer did."""
        self._away = self._away and not heard
        self._settled.put(done)
        for _, answer in done:
            if isinstance(answer, Decision):
                self._memory.describe(answer.counted)

    def _is_away(self) -> bool:
        """Whether the service is still not to be asked. Where nothing waits, nobody looks for it: it is asked again."""
        if self._away and not self._keeping.waiting and time.monotonic() - self._away_since > LOOK_SECONDS:
            self._away = False
        return self._away
