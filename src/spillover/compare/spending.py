"""How charges spread over time and over accounts; bounded, however long it goes on."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.compare.report import Band, Moment
from spillover.model.amounts import MICRO

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
WIDTHS = (
    _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 28 * _DAY, 364 * _DAY,
)  # fmt: skip
"""Lengths of a moment, each of which holds a whole number of those before it."""
KEPT_MAX = 2_000
"""Moments that are kept; where there would be more, they are made longer."""
SHOWN_MAX = 60
"""Moments of a report."""

EDGES = tuple(step * size * MICRO for size in (1, 10, 100, 1_000, 10_000, 100_000) for step in (1, 2, 5))
"""Where the bands of spending end, in micro-credits; a last one has no end."""


class Timeline:
    """What was charged when, under both policies."""

    def __init__(self) -> None:
        self._width = 0
        self._charged: dict[int, list[int]] = {}

    def add(self, at: int, present: int, proposed: int) -> None:
        """Micro-credits charged at an instant; 0 for nothing, so that the time passes there too."""
        moment = self._charged.get(at // WIDTHS[self._width])
        if moment is None:
            moment = self._charged[at // WIDTHS[self._width]] = [0, 0]
            if len(self._charged) > KEPT_MAX and self._width + 1 < len(WIDTHS):
                self._charged = _widened(self._charged, self._width, self._width + 1)
                self._width += 1
                moment = self._charged[at // WIDTHS[self._width]]
        moment[0] += present
        moment[1] += proposed

    def moments(self) -> tuple[int, tuple[Moment, ...]]:
        """The length of a moment in ms, and all moments from the first to the last, also those without a charge."""
        if not self._charged:
            return WIDTHS[0], ()
        wide = self._width
        charged = self._charged
        while max(charged) - min(charged) >= SHOWN_MAX and wide + 1 < len(WIDTHS):
            charged = _widened(charged, wide, wide + 1)
            wide += 1
        first = max(min(charged), max(charged) - 10 * SHOWN_MAX)  # a bound, should centuries lie between
        span = range(first, max(charged) + 1)
        return WIDTHS[wide], tuple(Moment(n * WIDTHS[wide], *charged.get(n, (0, 0))) for n in span)


def _widened(charged: dict[int, list[int]], now: int, then: int) -> dict[int, list[int]]:
    factor = WIDTHS[then] // WIDTHS[now]
    wider: dict[int, list[int]] = {}
    for number, amounts in charged.items():
        moment = wider.setdefault(number // factor, [0, 0])
        moment[0] += amounts[0]
        moment[1] += amounts[1]
    return wider


def bands_of(spent: Iterable[tuple[int, int]]) -> tuple[Band, ...]:
    """How many accounts spend how much, from (present, proposed) micro-credits of each; as far as any spends."""
    counts = [[0, 0] for _ in range(len(EDGES) + 2)]
    for both in spent:
        for side, amount in enumerate(both):
            counts[_place(amount)][side] += 1
    while len(counts) > 1 and counts[-1] == [0, 0]:
        counts.pop()
    found = []
    for place, (present, proposed) in enumerate(counts):
        above = -1 if place == 0 else 0 if place == 1 else EDGES[place - 2]
        until = 0 if place == 0 else EDGES[place - 1] if place <= len(EDGES) else None
        found.append(Band(above, until, present, proposed))
    return tuple(found)


def _place(amount: int) -> int:
    """0 for nothing, then 1 for the first band."""
    if amount <= 0:
        return 0
    return 1 + sum(amount > edge for edge in EDGES)
