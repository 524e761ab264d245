"""What was admitted while the service could not be reached is recorded when it answers again.

Each entry is recorded under its own key, which makes every step safe to repeat: what the service had taken before its
answer was lost is found under it, and so is what was recorded just before a process was killed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from spillover.engine.answers import Decision
from spillover.engine.journal import Admitted, Journal, Refused
from spillover.http_client.calls import Call
from spillover.http_client.entries import REQUESTS, calls_of, recording
from spillover.http_client.holding import Skew
from spillover.http_client.many import Many
from spillover.http_client.pool import Pool
from spillover.http_client.problems import NotAllowed
from spillover.http_client.sending import answered
from spillover.http_client.tries import Tries
from spillover.model.errors import Contended, Fault, InvalidInput, KeyReused, SpilloverError, StoreError, UnknownName

STEP_MAX = 100
"""Entries that are recorded at a time; fewer while the service does not get through so many before the deadline."""
SHRINK = 4
UNSERVED_MAX = 3
"""Entries of a step that the service may say it cannot serve now, as of an account that is shut; then it is away."""
LATER = (StoreError, Contended, Fault, NotAllowed)
"""What keeps an entry from being recorded now, and says nothing against it."""


class Recorded(Struct, frozen=True):
    """What one step did. `answers`: what each recorded entry was answered. `trouble`: why it went no further."""

    answers: tuple[tuple[Admitted, Any], ...] = ()
    refused: tuple[Refused, ...] = ()
    trouble: SpilloverError | None = None
    heard: bool = False


class Recording:
    """Records what waits in a journal, over connections of its own. For one thread at a time."""

    def __init__(self, journal: Journal, pool: Pool, skew: Skew, address: str, deadline: float) -> None:
        self._journal, self._pool, self._skew = journal, pool, skew
        self._address, self._deadline = address, deadline
        self._after = self._unserved = 0
        self._size = STEP_MAX

    def step(self) -> Recorded:
        """Record the oldest, or those behind what the step before could not. The journal is not told: `end` it.

        Raises StoreError where the journal cannot serve.
        """
        self._unserved = 0
        size = self._size
        entries = self._journal.waiting(size, self._after)
        if not entries and self._after:
            self._after = 0
            entries = self._journal.waiting(size)
        self._after = entries[-1].number if len(entries) == size else 0
        done, refused = list[tuple[Admitted, Any]](), list[Refused]()
        trouble: SpilloverError | None = None
        heard = False
        requests = [entry for entry in entries if entry.mode in REQUESTS]
        first: dict[int, Any] = {}
        try:
            first = dict(zip((one.number for one in requests), self._at_once(requests), strict=True))
            heard = bool(requests)
            self._size = min(2 * size, STEP_MAX)
            for entry in entries:
                answer = self._recorded(entry, first.get(entry.number))
                heard = heard or not isinstance(answer, StoreError)
                if isinstance(answer, LATER):
                    trouble = answer
                elif isinstance(answer, SpilloverError):
                    refused.append(Refused(entry, " ".join(str(answer).split())))
                elif isinstance(answer, Decision) and not answer:
                    refused.append(Refused(entry, answer.sentence))
                else:
                    done.append((entry, answer))
        except Away as away:
            trouble = away.why
            self._size, self._after = max(size // SHRINK, 1), 0
        return Recorded(tuple(done), tuple(refused), trouble, heard)

    def _at_once(self, entries: Sequence[Admitted]) -> list[Any]:
        """What each is answered, recorded at its own time. Raises Away."""
        if not entries:
            return []
        given = [{name: told for name, told in recording(one).items() if told is not None} for one in entries]
        many = Many(given)
        for call in many.calls():
            found = self._ask(call)
            if isinstance(found, SpilloverError):
                if len(entries) == 1:
                    return [found]
                raise Away(found)  # one of them may be to blame, as one that the key does not open: fewer are tried
            many.take(found)
        return many.answers()

    def _recorded(self, entry: Admitted, answer: Any) -> Any:  # noqa: ANN401  # a decision, an ending, an error
        """What the entry is answered in the end. Raises Away."""
        if entry.mode not in REQUESTS and entry.key and _is_release(entry):
            answer = self._ask(calls_of(entry)[0])
            return answer if isinstance(answer, LATER) else True
        calls = calls_of(entry)
        for call in calls[1:] if answer is not None else calls:
            if answer is not None and not _goes_on(answer):
                return answer
            answer = self._ask(call)
        return answer

    def _ask(self, call: Call[Any]) -> Any:  # noqa: ANN401  # what it reads, or the error that it tells
        tries = Tries(call, self._address, self._deadline, time.monotonic())
        try:
            return answered(self._pool, self._skew, call, tries)
        except SpilloverError as error:
            self._unserved += tries.is_away
            if tries.is_away and (not tries.has_told or self._unserved > UNSERVED_MAX):
                raise Away(error) from error
            return error


class Away(Exception):
    """The service does not answer."""

    def __init__(self, why: SpilloverError) -> None:
        super().__init__(str(why))
        self.why = why


def _is_release(entry: Admitted) -> bool:
    return entry.mode not in (*REQUESTS, "commit", "estimate")


def _goes_on(answer: object) -> bool:
    """Whether the next way to record it is to be tried."""
    if isinstance(answer, Decision):
        return answer.denial is not None and any(one.kind == "late" for one in answer.denial.blockers)
    if isinstance(answer, UnknownName):
        return answer.field == "hold"
    return isinstance(answer, KeyReused) or (isinstance(answer, InvalidInput) and answer.field == "at")
