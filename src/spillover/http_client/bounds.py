"""How much of the bounds of an outage is used, by account and feature."""

from __future__ import annotations

from collections import Counter

Pair = tuple[str, str]
"""An account and a feature."""


class Bounds:
    """What is admitted and not recorded yet. A pair's bound is whole again when nothing of it waits."""

    def __init__(self, accounts_max: int) -> None:
        self._accounts_max = accounts_max
        self._units: Counter[Pair] = Counter()
        self._waiting: Counter[Pair] = Counter()
        self._accounts: Counter[str] = Counter()

    def has_room(self, pair: Pair, units: int, most: int) -> bool:
        """Whether so many units more may be admitted."""
        known = pair[0] in self._accounts
        return self._units[pair] + units <= most and (known or len(self._accounts) < self._accounts_max)

    def take(self, pair: Pair, units: int) -> None:
        """One more waits; `units` is what it has of the bound."""
        self._units[pair] += units
        self._waiting[pair] += 1
        self._accounts[pair[0]] += 1

    def change(self, pair: Pair, units: int) -> None:
        """What waits has so much more of the bound, or less."""
        self._units[pair] += units

    def give_back(self, pair: Pair) -> None:
        """One waits no more."""
        self._waiting[pair] -= 1
        if self._waiting[pair] <= 0:
            del self._waiting[pair], self._units[pair]
        self._accounts[pair[0]] -= 1
        if self._accounts[pair[0]] <= 0:
            del self._accounts[pair[0]]
