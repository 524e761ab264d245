"""A shadow beside the live engine: each decision is also given to another policy, which only reports what it would say.

It comes after the live answer is durable and can change nothing of it. What it fails with is kept and logged once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from spillover.core.lots import lot_cell
from spillover.engine.answers import Decision
from spillover.engine.asking import Asking
from spillover.engine.drive import drive
from spillover.engine.holding import Holding
from spillover.engine.items import Answer, Item
from spillover.model.decision import Verdict
from spillover.model.request import Request
from spillover.ports import HotStore

if TYPE_CHECKING:
    from spillover.compare import Comparison, Shadow


class Beside:
    """Gives what was decided to a shadow. Used by one thread at a time. `trouble`: what it last failed with."""

    def __init__(self, shadow: Shadow, store: HotStore) -> None:
        self._shadow, self._store = shadow, store
        self.trouble: Exception | None = None

    def comparison(self) -> Comparison:
        """The shadow's figures so far."""
        return self._shadow.comparison()

    def take(self, decided: Sequence[tuple[Item, Answer]]) -> None:
        """What one batch decided, in order. Raises nothing."""
        for place, (item, answer) in enumerate(decided):
            try:
                self._take(item, answer, partial(self._left, item, decided[place:]))
            except Exception as trouble:  # whatever it is: the live answer stands
                self._note(trouble)

    def _take(self, item: Item, answer: Answer, left: Callable[[], Mapping[int, int]]) -> None:
        if isinstance(item, Asking):
            request, verdict = item.request, item.verdict
            if request.hold and verdict.allowed:
                return
        elif isinstance(item, Holding) and item.ask.verb == "commit" and item.usage:
            hold, done = item.hold, item.ended
            request = Request(
                hold.account, hold.feature, item.usage, hold.key, hold.subject, hold.attributes, "record"
            )  # fmt: skip
            verdict = Verdict(True, done.units, done.granted, done.legs, (), done.overshoot)
        else:
            return
        sentence = partial(_sentence, answer)
        self._shadow.take(
            item.name, item.profile, request, item.at, verdict, policy=item.policy, left=left, sentence=sentence
        )

    def _left(self, item: Item, decided: Sequence[tuple[Item, Answer]]) -> Mapping[int, int]:
        """What each lot had left just before: what it has now, and what this decision and those after it changed."""
        assert isinstance(item, Asking | Holding)
        lots = {lot_cell(lot.id): lot.id for lot in item.profile.lots}
        found = {lots[name]: value for name, value in drive(self._store.load(item.account, tuple(lots))).cells.items()}
        for other, _ in decided:
            if other.account != item.account or not isinstance(other, Asking | Holding) or other.is_denied:
                continue
            for name, _, add in other.event.changes if other.event else ():
                if name in lots:
                    found[lots[name]] -= add
        if isinstance(item, Holding) and item.kind == "commit":
            for lot, kept in item.hold.lots.items():
                if lot in found:
                    found[lot] += kept
        return found

    def _note(self, trouble: Exception) -> None:
        before, self.trouble = self.trouble, trouble
        if (type(before), str(before)) == (type(trouble), str(trouble)):
            return
        import logging

        log = logging.getLogger("spillover")
        log.warning("the shadow policy failed, live answers are not touched: %s: %s", type(trouble).__name__, trouble)


def _sentence(answer: Answer) -> str:
    return answer.sentence if isinstance(answer, Decision) else ""
