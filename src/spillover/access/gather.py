"""Concurrent requests share commits: whoever comes while a batch is under way rides in the next one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock, RLock

from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.model.errors import Overloaded, SpilloverError, StoreUnavailable

GROUP_MAX = 128
"""Requests in one batch: bounds how long one transaction holds the write lock."""
DEADLINE_SECONDS = 2.0
"""How long a caller waits at most for its batch to begin. One that has begun is bounded by the store's own limits."""
THREADS_MAX = 10_000
"""Threads that wait at the same time; one beyond them is refused at once."""

Decide = Callable[[Sequence[Wish]], list[Answer]]
Instead = Callable[[Sequence[Wish], Sequence[SpilloverError]], list[Answer]]
"""Answers wishes that were not begun: admitted otherwise (`engine.outage`), or their failures. For any thread."""


def forked() -> StoreUnavailable:
    """The error for an engine that the parent had open when this process was forked."""
    return StoreUnavailable(
        "engine: found it open since before this process was forked, expected it opened after;"
        " close it before forking and open a new one after the fork, or start processes by spawn"
    )


def too_late(waiting: int, deadline: float) -> Overloaded:
    """The error for a request whose batch did not begin in time."""
    return Overloaded(
        f"engine: found {waiting:,} requests waiting and no turn within {deadline:g} s, expected one by then;"
        " this request was not begun: send it again under the same key, later or from fewer callers"
    )


def too_many(waiting: int) -> Overloaded:
    """The error for a request that comes to a full queue."""
    return Overloaded(
        f"engine: found {waiting:,} requests waiting, expected fewer than that;"
        " this request was not begun: send it again under the same key, later or from fewer callers"
    )


class _Ticket:
    """One caller's place in the queue. `begun`: given to `decide`. `done`: answered, failed, or its caller has left."""

    __slots__ = ("answer", "ask", "begun", "done", "failure")

    def __init__(self, ask: Wish) -> None:
        self.ask = ask
        self.answer: Answer | None = None
        self.failure: SpilloverError | None = None
        self.begun = self.done = False


class Gather:
    """For threads: the first to get the lock decides for all who wait. One caller alone pays for no hand-over.

    An exception may come at any instruction of a caller (Ctrl-C, a signal's handler), so a ticket stays in the queue
    until it is done: what an interrupted leader leaves behind, the next one decides, and its key makes that safe.
    """

    def __init__(
        self, decide: Decide, *, deadline: float = DEADLINE_SECONDS, waiting_max: int = THREADS_MAX,
        instead: Instead | None = None,
    ) -> None:  # fmt: skip
        """`deadline` is in seconds. `instead` answers what was not begun; without it that is Overloaded."""
        self._decide, self._instead = decide, instead
        self._deadline, self._waiting_max = deadline, waiting_max
        self._waiting: deque[_Ticket] = deque()
        self._leader = RLock()  # it knows whose it is, so who was interrupted while getting it gives it back or not
        self._gate = Lock()  # a ticket is either begun or left; only behind it they are taken out of the queue
        self._pid = os.getpid()

    def submit(self, ask: Wish) -> Answer:
        """The answer to one request. Raises what kept its whole batch from being decided, or from beginning in time.

        A caller that is interrupted leaves; if its batch has begun, its request may be decided all the same.
        """
        if os.getpid() != self._pid:  # before any lock: one that a thread of the parent held stays locked here
            raise forked()
        if len(self._waiting) >= self._waiting_max:
            return self._not_begun(ask, too_many(len(self._waiting)))
        ticket = _Ticket(ask)
        try:
            self._waiting.append(ticket)
            if self._leader.acquire(timeout=self._deadline) or (not self._leaves(ticket) and self._leader.acquire()):
                # First come, first served: a ticket that is not done yet is in one of the next groups.
                while not ticket.done:
                    self._serve_group()
        except BaseException:
            ticket.done = True
            raise
        finally:
            try:  # noqa: SIM105  # no call before the release: an exception that comes behind it would keep the lock
                self._leader.release()
            except RuntimeError:
                pass  # it is not this thread's: the caller left, or was interrupted, before it had it
        if ticket.failure is not None:
            raise ticket.failure
        if ticket.answer is None:
            return self._not_begun(ask, too_late(len(self._waiting), self._deadline))
        return ticket.answer

    def _leaves(self, ticket: _Ticket) -> bool:
        """Whether a caller that waited too long leaves: not if its ticket has begun, or is done already."""
        with self._gate:
            if not ticket.begun:
                ticket.done = True
                self._waiting.remove(ticket)
        return ticket.done

    def _not_begun(self, ask: Wish, failure: Overloaded) -> Answer:
        if self._instead is None:
            raise failure
        [answer] = self._instead([ask], [failure])
        if answer is failure:
            raise failure
        return answer

    def _serve_group(self) -> None:
        waiting = self._waiting
        with self._gate:
            front = [waiting[place] for place in range(min(GROUP_MAX, len(waiting)))]
            group = [ticket for ticket in front if not ticket.done]
            for ticket in group:
                ticket.begun = True
        if group:
            self._answer(group)
        with self._gate:
            while waiting and waiting[0].done:
                waiting.popleft()

    def _answer(self, group: list[_Ticket]) -> None:
        try:
            answers = self._decide([ticket.ask for ticket in group])
        except SpilloverError as failure:
            # Only what is known to concern the whole batch: anything else is the leader's own, and the others go on.
            for ticket in group:
                ticket.failure = failure
                ticket.done = True
            return
        for ticket, answer in zip(group, answers, strict=True):
            ticket.answer = answer
            ticket.done = True
