"""What one call used: as the model reports it, or, where it does not, as its text tells."""

from __future__ import annotations

from typing import Any

from spillover.integrations.openai_tokens import (
    Count,
    Tokens,
    Usage,
    text_of_answer,
    text_of_piece,
    tokens_of,
)
from spillover.model.errors import Denied

PENDING_MAX = 256
"""Characters that wait before they are counted, so that rounding each of many small pieces does not add up."""


class Meter:
    """Counts one call under its hold, which is entered and left by who makes the call."""

    def __init__(self, hold: Any, usage: Usage, count_tokens: Count, prompt: str) -> None:  # noqa: ANN401  # two kinds
        self.hold, self.over = hold, False
        self._usage, self._count, self._prompt = usage, count_tokens, prompt
        self._pending = ""
        self._rough = Tokens(0)
        self._told: Tokens | None = None
        self._is_last = False

    @property
    def counts(self) -> dict[str, int]:
        """What the call used, as far as is known."""
        return dict(self.hold.reported if self._told is None else self._usage(self._told))

    def check_names(self) -> None:
        """Raises InvalidInput where the feature does not count what `usage` gives: before anything is sent."""
        self.hold.report(**dict.fromkeys(self._usage(Tokens(0)), 0))

    def answered(self, answer: Any) -> None:  # noqa: ANN401  # of either API
        """The whole answer."""
        self._told = tokens_of(getattr(answer, "usage", None))
        if self._told is None:
            self._begin()
            self._pending = text_of_answer(answer)
        self.close(whole=True)

    def take(self, piece: Any) -> bool:  # noqa: ANN401  # a chunk, or an event
        """Count a piece of a stream; whether it is the extra one that holds nothing but the usage.

        Raises Denied where the hold is short and the policy says `when_short: stop`.
        """
        self._begin()
        inner = getattr(piece, "response", None)
        told = tokens_of(getattr(piece if inner is None else inner, "usage", None))
        extra = told is not None and getattr(piece, "choices", None) == []
        if told is not None:
            self._told, self._is_last = told, extra or inner is not None
        self._pending += text_of_piece(piece)
        if len(self._pending) >= PENDING_MAX:
            self._flush()
        return extra

    def close(self, *, whole: bool) -> None:
        """No more comes. `whole`: the stream ended by itself. The hold knows then what to end with."""
        self.over = True
        if self._told is not None and (whole or self._is_last):
            counts = self._usage(self._told)
            if any(counts.values()):
                self.hold.exact(**counts)
            return
        try:
            self._flush()
            if self._told is not None:  # what it told meanwhile may be more than its text
                self._report(self._told)
        except Denied:  # it is counted all the same, and this is the end already
            pass

    def _begin(self) -> None:
        """An answer has come, so the prompt was read."""
        if not self._rough.prompt and self._prompt:
            self._rough = Tokens(self._count(self._prompt))

    def _flush(self) -> None:
        text, self._pending = self._pending, ""
        if text:
            self._rough = self._rough._replace(output=self._rough.output + self._count(text))
        if any(self._rough):
            self._report(self._rough)

    def _report(self, tokens: Tokens) -> None:
        """Report up to so many tokens in all."""
        before = self.hold.reported
        more = {name: count - before.get(name, 0) for name, count in self._usage(tokens).items()}
        self.hold.report(**{name: count for name, count in more.items() if count > 0})
