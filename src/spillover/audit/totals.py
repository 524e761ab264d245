"""What never resets, and what is counted once: totals, open holds, distinct subjects."""

from __future__ import annotations

from spillover.audit.counters import Counter
from spillover.audit.limits import Kind, Limit, Numbers, Windows


class Total(Kind):
    """[used]"""

    @staticmethod
    def cells(name: str, state: Numbers) -> dict[str, int]:
        return {name: state[0]}


class Ever(Limit):
    """Never resets."""

    __slots__ = ()
    tail = ":used"

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state = held.windows.get(name)
        used = state[0] if state is not None else 0
        if amount:
            if state is None:
                held.keep(name, Total, [amount])
            else:
                state[0] = used + amount
            if not used and self.per:
                held.born(1)
        return self.max - used if used < self.max else 0

    def take_back(self, held: Windows, name: str, at: int, amount: int, since: int) -> None:
        state = held.windows.get(name)
        if state is not None and state[0]:
            state[0] = max(state[0] - amount, 0)
            if not state[0] and self.per:
                held.born(-1)


class Subjects:
    """Distinct subjects within a window, or ever: each costs one the first time."""

    __slots__ = ("inner",)

    def __init__(self, inner: Ever | Counter) -> None:
        self.inner = inner

    def need(self, held: Windows, name: str, subject: str, at: int) -> int:
        """1 for a subject that the window at this instant has not counted yet, else 0."""
        member, start = held.windows.get(f"{self.stem(name)}={subject}"), self._start(held, name, at)
        return 0 if member is not None and start and member[0] == start else 1

    def count(self, held: Windows, name: str, subject: str, at: int) -> None:
        """The subject is counted by now."""
        member = f"{self.stem(name)}={subject}"
        state, start = held.windows.get(member), self._start(held, name, at)
        if state is None:
            held.keep(member, Total, [start])
            held.born(1)
        else:
            state[0] = start

    def stem(self, name: str) -> str:
        """The name without what a total ends in."""
        return name.removesuffix(":used")

    def _start(self, held: Windows, name: str, at: int) -> int:
        """The start of the window that counts at this instant, 1 for ever; 0 where a use would open a new one."""
        if isinstance(self.inner, Ever):
            return 1
        return self.inner.standing(held, name, at)
