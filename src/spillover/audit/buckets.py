"""Buckets: what is taken comes back evenly. Kept as the tick at which the bucket would be full again."""

from __future__ import annotations

from fractions import Fraction

from spillover.audit.limits import NUMBER_MAX, Kind, Limit, Numbers, Windows

TICKS_FROM = 1_577_836_800_000  # 2020-01-01
TICKS_UNTIL = 2_082_758_400_000  # 2036-01-01


class Bucket(Kind):
    """[tick at which it would be full again, the maximum that it was written under]."""

    @staticmethod
    def cells(name: str, state: Numbers) -> dict[str, int]:
        return {name: state[0], f"{name}:max": state[1]}

    @staticmethod
    def alive(state: Numbers) -> bool:
        return state[1] != 0


class Refill(Limit):
    """A bucket: units come back evenly, one every `spacing` ticks, `ticks` of which make a millisecond."""

    __slots__ = ("length", "spacing", "ticks")
    length: int
    spacing: int
    ticks: int

    @property
    def marked(self) -> int:
        return self.max

    def rescale(self) -> None:
        if self.max:
            self.spacing, self.ticks = spaced(self.length, self.max)

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        if not self.max:  # as an override may make it: it never gives anything, and counts nothing
            return 0
        now = (at - TICKS_FROM) * self.ticks
        full, state = now, held.windows.get(name)
        if state is not None:
            if state[1] != self.max:  # under another maximum a tick was another time: whole units are carried over
                full += missing(*spaced(self.length, state[1]), state[0], at) * self.spacing
                full = min(full, NUMBER_MAX)
            elif state[0] > now:
                full = state[0]
        if amount:
            after = min(full + amount * self.spacing, NUMBER_MAX)  # a cell holds no more
            if state is None:
                held.keep(name, Bucket, [after, self.max])
                if self.per:
                    held.born(1)
            else:
                state[:] = after, self.max
        if full == now:
            return self.max
        room = self.max + (now - full) // self.spacing  # a unit that has begun to come back is still missing
        return room if room > 0 else 0

    def since(self, held: Windows, name: str, at: int, later: int) -> int:
        return held.windows[name][0] - later * self.spacing

    def take_back(self, held: Windows, name: str, at: int, amount: int, since: int) -> None:
        """Only what has not come back by itself meanwhile."""
        state = held.windows.get(name)
        if state is not None and state[1] == self.max:
            now = (at - TICKS_FROM) * self.ticks
            back = min(amount * self.spacing, since - now)
            if back > 0:
                state[0] = max(state[0] - back, now)


def missing(spacing: int, ticks: int, full: int, at: int) -> int:
    """Units that a bucket lacks until it is full again; one that has begun to come back is still missing."""
    lacking = full - (at - TICKS_FROM) * ticks
    return -(-lacking // spacing) if lacking > 0 else 0


def spaced(length: int, most: int) -> tuple[int, int]:
    """(spacing, ticks) of a bucket of `most` units in `length` milliseconds; rounded up where ticks would be too fine.

    Ticks count from 2020 and stay below 2^53 until 2036.
    """
    exact = Fraction(length, most)
    finest = NUMBER_MAX // (TICKS_UNTIL - TICKS_FROM + length)
    if exact.denominator <= finest:
        return exact.numerator, exact.denominator
    return -(-length * finest // most), finest
