"""Concurrent requests share commits: whoever comes while a batch is under way rides in the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from spillover.core.intake import Ask
from spillover.engine.deciding import Answer

GROUP_MAX = 128
"""Requests in one batch: bounds how long one transaction holds the write lock."""

Decide = Callable[[Sequence[Ask]], list[Answer]]


class _Ticket:
    """One caller's place in the queue."""

    __slots__ = ("answer", "ask", "failure")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answer: Answer | None = None
        self.failure: BaseException | None = None


class Gather:
    """For threads: the first to get the lock decides for all who wait. One caller alone pays for no hand-over.

    The queue is bounded by the number of calling threads.
    """

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._waiting: deque[_Ticket] = deque()
        self._leader = Lock()

    def submit(self, ask: Ask) -> Answer:
        """The answer to one request. Raises what kept its whole batch from being decided."""
        ticket = _Ticket(ask)
        self._waiting.append(ticket)
        with self._leader:
            # The queue is first come, first served, so a ticket not answered yet is in one of the next groups.
            while ticket.answer is None and ticket.failure is None:
                self._serve_group()
        if ticket.failure is not None:
            raise ticket.failure
        assert ticket.answer is not None
        return ticket.answer

    def _serve_group(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
        try:
            answers = self._decide([ticket.ask for ticket in group])
        except BaseException as failure:
            for ticket in group:
                ticket.failure = failure
            return
        for ticket, answer in zip(group, answers, strict=True):
            ticket.answer = answer
