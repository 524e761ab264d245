"""Answers that were given elsewhere, as nouns: they are what the engine gives, and say what was said of them there.

What an answer works out when it is asked (its sentence, what unlocks a denial and when it opens) was worked out where
it was decided, on the state it was decided on; nobody else could.
"""

from __future__ import annotations

from collections.abc import Callable

from spillover.core.unlocking import Unlock
from spillover.engine import answers
from spillover.model.decision import Blocker, Verdict
from spillover.model.policy import Feature, Pack


class ToldDenial(answers.Denial):
    """A denial that was decided elsewhere: it says what it was told, and works out nothing. It knows no `rule`."""

    def __init__(
        self, blockers: tuple[Blocker, ...], feature: Feature, zone: str, opens_at: int | None, remedy: Unlock | None,
        closing: Callable[[], int | None], unlock: str, sentence: str, pack: Pack | None = None, checkout: str = "",
    ) -> None:  # fmt: skip
        """`closing` is asked once, when somebody asks for `closes_at`."""
        verdict = Verdict(False, 0, 0, (), blockers)
        super().__init__(
            verdict, feature, zone, lambda: opens_at, lambda: remedy, lambda _: closing(), selling=lambda _: pack
        )
        self.checkout = checkout
        self._unlock, self._sentence = unlock, sentence

    @property
    def unlock(self) -> str:
        """As it was told."""
        return self._unlock

    @property
    def sentence(self) -> str:
        """As it was told."""
        return self._sentence


class ToldDecision(answers.Decision, frozen=True, eq=False, gc=False, kw_only=True):
    """A decision that was made elsewhere, with the sentence that was said of it there."""

    told: str

    @property
    def sentence(self) -> str:
        """As it was told."""
        return self.told


class ToldEnding(answers.Ending, frozen=True, eq=False, gc=False, kw_only=True):
    """The end of a hold that was decided elsewhere, with the sentence that was said of it there."""

    told: str

    @property
    def sentence(self) -> str:
        """As it was told."""
        return self.told
