"""A row as it happens: asked at its start, and where it is a hold, ended at its end, or expired when it was due.

At one instant ends come first, then what expires, then starts. A hold expires at the first instant at which the engine
would expire it, so no denial ever finds one that is due, in whatever batches the steps are asked.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from spillover.core.decide import TOLERANCE
from spillover.core.intake import HOLD_MIN, Ask
from spillover.engine.holding import HoldAsk
from spillover.model.account import NEVER
from spillover.model.errors import TraceError
from spillover.model.policy import Policy
from spillover.replay.requests import Entry

ENDS, EXPIRES, STARTS = range(3)
OPEN_MAX = 1_000_000
"""Holds that may be open at once, all accounts together; their ends are kept in memory."""

Kind = Literal["start", "commit", "release", "expire"]


class Step(NamedTuple):
    """One thing to ask. In this order steps are asked, but for requests that the file gives in another one."""

    at: int
    rank: int
    number: int
    kind: Kind
    entry: Entry
    expires: int = 0
    """Of an end: when its hold expires, unless it has ended by then; NEVER of a late one, as its hold has expired."""

    @property
    def account(self) -> str:
        """Whose step it is."""
        return self.entry.ask.account

    def wish(self) -> Ask | HoldAsk:
        """What the engine is asked."""
        ask, end = self.entry.ask, self.entry.end
        if self.kind == "start":
            return ask
        usage = end.usage if end and self.kind == "commit" else {}
        return HoldAsk(ask.account, ask.key, self.kind, usage, at=self.at)


def start_of(entry: Entry) -> Step:
    """The step that asks for a row."""
    return Step(entry.at, STARTS, entry.number, "start", entry)


def ends_of(entry: Entry, due: int) -> Iterator[Step]:
    """What follows on a hold that was opened and is due then: its end, or its expiry and perhaps a late commit."""
    end, expires = entry.end, due + TOLERANCE
    if end is None or end.at > expires:
        yield Step(expires, EXPIRES, entry.number, "expire", entry, expires)
    if end and (end.at <= expires or end.verb == "commit"):  # what has expired needs no release
        yield Step(end.at, ENDS, entry.number, end.verb, entry, expires if end.at <= expires else NEVER)


class Pending:
    """The ends of open holds that lie behind the rows read so far, the earliest first."""

    def __init__(self) -> None:
        self._heap: list[Step] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, step: Step) -> None:
        """Keep an end for later. Raises TraceError if there are too many."""
        if len(self._heap) >= 2 * OPEN_MAX:
            raise TraceError(f"found more than {OPEN_MAX:,} holds open at once, expected fewer; replay it in parts")
        heapq.heappush(self._heap, step)

    def until(self, at: int | None) -> Iterator[Step]:
        """Take those that are not after an instant; all for None."""
        while self._heap and (at is None or self._heap[0].at <= at):
            yield heapq.heappop(self._heap)


class Batch:
    """Steps that can be asked together: none follows on the answer to another one of its account.

    For a hold that is opened here it is not known yet whether and until when it is open, so whatever lies behind its
    end, or behind the first instant at which it could expire, waits for the next batch. So does what lies behind the
    instant at which a hold that ends here would expire: a denial would find it open and due, a late commit still open.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.steps: list[Step] = []
        self._until: dict[str, int] = {}
        self._waiting: set[str] = set()

    def waits(self, step: Step) -> bool:
        """Whether this step has to wait, and so all later ones of its account."""
        return step.account in self._waiting

    def take(self, step: Step) -> bool:
        """Take a step, if it need not wait."""
        if self.waits(step) or step.at >= self._until.get(step.account, NEVER):
            self._waiting.add(step.account)
            return False
        self.steps.append(step)
        if step.kind != "start":
            self._bound(step.account, step.expires)
        elif step.entry.ask.hold:
            end = step.entry.end
            expires = step.at + self._lasts(step.entry.ask) + TOLERANCE
            self._bound(step.account, min(expires, end.at) if end else expires)
        return True

    def _bound(self, account: str, until: int) -> None:
        self._until[account] = min(until, self._until.get(account, until))

    def _lasts(self, ask: Ask) -> int:
        """The least time that this hold lasts, whatever the account's plan."""
        if ask.hold > 0:
            return ask.hold
        rules = (plan.by_feature.get(ask.feature) for plan in self._policy.plans.values())
        return min((rule.hold.lasts for rule in rules if rule), default=HOLD_MIN)


def merged(steps: Iterable[Step], born: list[Step]) -> list[Step]:
    """What is still to be asked, with ends that have come up meanwhile in their places."""
    return sorted([*steps, *born]) if born else list(steps)
