"""Random stories of two engines on one journal: whatever fails when, each request that was answered is billed once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from spillover.audit import audit
from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.model.errors import SpilloverError, StoreUnavailable
from tests.outage.bed import Bed

MOST = 5
"""Units of chat that the plan admits."""
STEPS = 60


class Story:
    """What was asked and told, by key. `admitted`: units since nothing waited in the journal."""

    def __init__(self, beds: Callable[..., Bed], seed: int) -> None:
        self.chance, self.beds = random.Random(seed), beds
        first = beds()
        first.put()
        first.see()
        first.grant(20)
        self.engines = [first, beds(clock=first.clock)]
        self.engines[1].see(key="second")
        self.asked: dict[str, dict[str, Any]] = {}
        self.told: dict[str, Decision] = {}
        self.admitted = 0

    def run(self) -> None:
        """One step after the other, in and out of outages."""
        away = None
        for _ in range(STEPS):
            step = self.chance.choice(
                ["ask"] * 6 + ["again"] * 3 + ["toggle"] * 2 + ["drain", "clock", "killed", "lost"]
            )
            if step == "toggle":
                away = self._toggle(away)
            elif step == "lost" and away is None:
                self._lost()
            elif step in ("ask", "again"):
                self._ask(again=step == "again")
            elif step == "drain":
                self._drain()
            elif step == "clock":
                self.engines[0].clock.turn(seconds=self.chance.choice([0.2, 5, 3_000]))
            elif step == "killed":
                self._killed(away is not None)
        if away is not None:
            away.__exit__(None, None, None)

    def end(self) -> dict[str, Any]:
        """All is recorded; the events that were booked, by key."""
        for engine in self.engines:
            engine.drain()
        assert self.engines[0].waiting() == []
        assert self.engines[0].refused() == []
        return self.engines[0].booked()

    def _toggle(self, away: Any) -> Any:
        if away is not None:
            away.__exit__(None, None, None)
            return None
        away = self.engines[0].away()
        away.__enter__()
        return away

    def _ask(self, again: bool) -> None:
        engine = self.chance.choice(self.engines)
        key = self.chance.choice(list(self.asked)) if again and self.asked else f"k{len(self.asked)}"
        options = self.asked.setdefault(key, {"mode": self.chance.choice(["exact", "exact", "record"])})
        waited = self._waits(key)
        found = engine.ask(key=key, **options)
        if isinstance(found, SpilloverError):
            assert isinstance(found, StoreUnavailable), found
            assert not waited, "what waits is answered as it was"
            return
        assert isinstance(found, Decision)
        if key in self.told and (waited or not found.journaled):  # in an outage nobody knows what the store had decided
            assert (found.replayed, found.granted) == (True, self.told[key].granted), "the answer of then"
        if found:
            self.told[key] = found
        if found.journaled and not found.replayed and options["mode"] == "exact":
            self.admitted += 1
            assert self.admitted <= MOST, "no more than the plan says"

    def _waits(self, key: str) -> bool:
        return key in self.engines[0].waiting()

    def _lost(self) -> None:
        engine = self.chance.choice(self.engines)
        store, commit = engine.store, engine.store.commit

        async def lost(batch: Any, again: Any = None) -> Any:
            await commit(batch, again)
            raise StoreUnavailable("planted: the answer was lost")

        store.commit = lost  # type: ignore[method-assign]
        try:
            self._ask(again=False) if engine is self.engines[0] else self._ask(again=True)
        finally:
            del store.commit  # type: ignore[method-assign]

    def _drain(self) -> None:
        try:
            drive(self.chance.choice(self.engines).outage.drain())
        except StoreUnavailable:
            return
        if not self.engines[0].waiting():
            self.admitted = 0

    def _killed(self, away: bool) -> None:
        """An engine is gone without a word; another takes its place when the store serves."""
        if len(self.engines) > 1:
            gone = self.engines.pop()
            gone.journal.close()
            drive(gone.desk.close())
        if not away:
            self.engines.append(self.beds(clock=self.engines[0].clock))


def tell(beds: Callable[..., Bed], seed: int) -> None:
    """One story, and what holds at its end."""
    story = Story(beds, seed)
    story.run()
    events = story.end()
    assert set(story.told) <= set(events), "what was answered is on the books"
    assert set(events) - {"first", "second"} <= set(story.asked), "and nothing that nobody asked for"
    report = audit(str(story.engines[0].path))
    assert report.ok, report.findings
    for key in story.told:
        again = story.engines[0].ask(key=key, **story.asked[key])
        assert isinstance(again, Decision)
        assert again.replayed
        assert again.granted == story.told[key].granted == 1


@pytest.mark.parametrize("seed", range(6))
def test_whatever_fails_when_each_request_that_was_answered_is_billed_once(beds, seed):
    tell(beds, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_300))
def test_many_stories(beds, seed):
    tell(beds, seed)
