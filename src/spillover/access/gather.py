"""Concurrent requests share commits: whoever comes while a batch is under way rides in the next one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.model.errors import SpilloverError, StoreUnavailable

GROUP_MAX = 128
"""Requests in one batch: bounds how long one transaction holds the write lock."""

Decide = Callable[[Sequence[Wish]], list[Answer]]


def forked() -> StoreUnavailable:
    """The error for an engine that the parent had open when this process was forked."""
    return StoreUnavailable(
        "engine: found it open since before this process was forked, expected it opened after;"
        " close it before forking and open a new one after the fork, or start processes by spawn"
    )


class _Ticket:
    """One caller's place in the queue. `done`: answered, failed, or its caller has left."""

    __slots__ = ("answer", "ask", "done", "failure")

    def __init__(self, ask: Wish) -> None:
        self.ask = ask
        self.answer: Answer | None = None
        self.failure: SpilloverError | None = None
        self.done = False


class Gather:
    """For threads: the first to get the lock decides for all who wait. One caller alone pays for no hand-over.

    An exception may come at any instruction of a caller (Ctrl-C, a signal's handler), so a ticket stays in the queue
    until it is done: what an interrupted leader leaves behind, the next one decides, and its key makes that safe. The
    queue is bounded by the number of calling threads.
    """

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._waiting: deque[_Ticket] = deque()
        self._leader = Lock()
        self._pid = os.getpid()

    def submit(self, ask: Wish) -> Answer:
        """The answer to one request. Raises what kept its whole batch from being decided.

        A caller that is interrupted leaves; if its batch has begun, its request may be decided all the same.
        """
        if os.getpid() != self._pid:  # before any lock: one that a thread of the parent held stays locked here
            raise forked()
        ticket = _Ticket(ask)
        try:
            self._waiting.append(ticket)
            with self._leader:
                # First come, first served: a ticket that is not done yet is in one of the next groups.
                while not ticket.done:
                    self._serve_group()
        except BaseException:
            ticket.done = True
            raise
        if ticket.failure is not None:
            raise ticket.failure
        assert ticket.answer is not None
        return ticket.answer

    def _serve_group(self) -> None:
        waiting = self._waiting
        front = [waiting[place] for place in range(min(GROUP_MAX, len(waiting)))]
        group = [ticket for ticket in front if not ticket.done]
        if group:
            self._answer(group)
        while waiting and waiting[0].done:  # only who holds the lock takes tickets out
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
