"""Servers of a Cluster that failed last, and slots on their way between two: who asks for them waits no more for them.

Batches go one behind the other, so what one waits for a dead server all accounts wait. The first to meet it waits up to
its time limit, as it cannot tell dead from slow. From then on:

- A server that is silent rests, and calls to it fail at once: for REST times what the last short try was given. Then
  one call tries again: the server has SHORT to answer PING, twice as long each time that it does not, LONGEST at most.
  So a dead server costs the others at most a sixth of their time, and one that is back is asked after 2 s at most.
- One none of whose replicas confirms what is written (mode strict) rests likewise, from writes alone; what is written
  next is to be confirmed in as short a time as it would have for PING.
- One that says at once that it cannot serve (no process there, loading, busy) is asked each time, and not waited for;
  where it would not take writes (no replica, say) until it takes one.
- Who serves its slots is looked up each LOOK, and before each try: after a failover the accounts go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from spillover.stores.valkey.address import Node

SHORT = 0.05
"""Seconds that a server which was silent has to say that it is there, at first."""
LONGEST = 0.4
"""And at most: an answer must be possible over any network that hot state is kept over."""
REST = 5
"""How many times as long it is left alone."""
LOOK = 0.25
"""Seconds between two looks at who serves what."""
LAPSE = 10.0
"""Seconds after which a slot that was waited for in vain may be waited for again."""


class _Doubt:
    """What is held against one server."""

    __slots__ = ("limit", "looked", "problem", "until", "writes")

    def __init__(self) -> None:
        self.limit, self.until, self.looked, self.problem, self.writes = SHORT / 2, 0.0, 0.0, "", False


class Doubts:
    """Used by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, and never back."""
        self._clock = clock
        self._nodes: dict[Node, _Doubt] = {}
        self._slots: dict[int, float] = {}

    def failed(self, node: Node, problem: str, *, silent: bool, writes: bool = False) -> None:
        """It gave no answer, or (not `silent`) one that says at once that it cannot serve; `writes`: writes alone."""
        doubt, now = self._nodes.setdefault(node, _Doubt()), self._clock()
        doubt.problem, doubt.writes = problem, writes
        if silent:
            doubt.limit = min(2 * doubt.limit, LONGEST)
            doubt.until = now + REST * doubt.limit

    def answered(self, node: Node, *, wrote: bool) -> None:
        """It served a call, which `wrote`: all is forgotten, unless it was writes that it did not serve."""
        doubt = self._nodes.get(node)
        if doubt is not None and (wrote or not doubt.writes):
            del self._nodes[node]

    def waited(self, slot: int) -> None:
        """The slot was waited for in vain."""
        self._slots[slot] = self._clock() + LAPSE

    def has(self, place: Node | int) -> bool:
        """Whether the server failed last, or the slot was waited for in vain: it is tried and not waited for."""
        if isinstance(place, int):
            return self._slots.get(place, 0.0) > self._clock()
        return place in self._nodes

    def resting(self, node: Node, *, writes: bool) -> str | None:
        """What it failed with, while it is not to be asked at all for this, which `writes`."""
        doubt = self._against(node, writes)
        return doubt.problem if doubt is not None and self._clock() < doubt.until else None

    def try_ms(self, node: Node, *, writes: bool) -> float:
        """How long it has to say that it is there, before this, which `writes`, is asked of it; 0: as long as all."""
        doubt = self._against(node, writes)
        return 1000 * doubt.limit if doubt is not None and doubt.limit >= SHORT else 0.0

    def _against(self, node: Node, writes: bool) -> _Doubt | None:
        doubt = self._nodes.get(node)
        return doubt if doubt is not None and (writes or not doubt.writes) else None

    def looks(self, node: Node) -> bool:
        """Whether it is time to look who serves its slots by now; then the time counts anew."""
        doubt, now = self._nodes.get(node), self._clock()
        if doubt is None or now < doubt.looked + LOOK:
            return False
        doubt.looked = now
        return True
