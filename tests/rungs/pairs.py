"""Two engines on one place of a rung, beside one in memory: told the same, compared after each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from msgspec.structs import replace

import spillover
from tests.audit.worlds import START
from tests.rungs.opening import ORACLE, Fixture, Hands, Opened, dice, opened, place
from tests.rungs.playing import Said, parting, take
from tests.rungs.worlds import Step

ENGINES = 2
MOVING = {"late", "owed", "bound"}
"""Blockers whose numbers are those of the state that the engine has seen, though the denial is true in others too."""


class Act(NamedTuple):
    """A step at one of the engines; without a step it is closed and opened again."""

    engine: int
    step: Step | None

    def __str__(self) -> str:
        return f"engine {self.engine}: {self.step or 'closed and opened again'}"


class Pair:
    """See the head of this file."""

    def __init__(self, oracle: Opened, engines: list[Opened]) -> None:
        self.oracle, self.engines = oracle, engines

    def act(self, act: Act) -> str:
        """How they part at this act; "" if they do not."""
        step = act.step
        if step is None:
            self._open_again(act.engine)
            return ""
        complaint = self.compare(act.engine, step)
        if step.verb == "accounts.erase":  # others learn of it by one denial, which is not said in memory
            self._open_again(1 - act.engine)
        if step.verb == "settle" and not complaint:
            complaint = self.unsound(act.engine)
        return complaint

    def compare(self, engine: int, step: Step) -> str:
        expected, found = loose(take(self.oracle, step)), loose(take(self.engines[engine], step))
        return "" if found == expected else f"{step}: {parting(expected, found)}"

    def unsound(self, engine: int) -> str:
        """What the audit finds, or reconciliation, or how the books differ from those in memory."""
        try:
            found, expected = self.engines[engine].sound(), self.oracle.sound()
        except AssertionError as error:
            return f"after settling: {error}"
        return "" if found == expected else f"after settling: digest {found} beside {expected}"

    def _open_again(self, engine: int) -> None:
        """What an engine remembers is never a meaning."""
        old = self.engines[engine]
        old.close()
        self.engines[engine] = old.another()


def loose(said: Said) -> Said:
    """An answer without those numbers and what follows from them: two engines on one place have not seen the same."""
    if isinstance(said, tuple):
        return tuple(map(loose, said))
    if not isinstance(said, dict) or "denial" not in said:
        return said
    denial = dict(said["denial"])
    if not {blocker.kind for blocker in denial["blockers"]} & MOVING:
        return said
    denial["blockers"] = [
        replace(blocker, room=0, short=0) if blocker.kind in MOVING else blocker for blocker in denial["blockers"]
    ]
    for worked_out in ("opens_at", "closes_at", "remedy", "unlock", "status", "sentence"):
        denial.pop(worked_out, None)
    return {**said, "denial": denial, "sentence": ""}


@contextmanager
def paired(rung: str, fixture: Fixture, policy: spillover.Policy) -> Iterator[Pair]:
    """Both sides on empty places."""
    with ExitStack() as stack:
        oracle = stack.enter_context(opened(ORACLE, fixture, policy, START))
        where, clock, bits = stack.enter_context(place(rung, fixture)), Hands(START), dice()
        pair = Pair(oracle, [Opened(where, policy, clock, bits) for _ in range(ENGINES)])
        try:
            yield pair
        finally:
            for engine in pair.engines:
                engine.close()


def complaint_of(acts: Sequence[Act], rung: str, fixture: Fixture, policy: spillover.Policy) -> str:
    """How both sides part when these acts are played anew; "" if they do not."""
    with paired(rung, fixture, policy) as pair:
        return next((said for act in acts if (said := pair.act(act))), "")
