"""What happened to an account, kept for ever: what each limit counted in which of its windows, what lots gave."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from spillover.model.account import Profile
from spillover.model.leg import Leg
from spillover.model.policy import Policy

FOREVER = -1
"""The number of the one window of a limit that never resets."""


class Poured(NamedTuple):
    """Something that went out of a bucket of so many units, or (`back`, in milliseconds of refilling) into it again."""

    at: int
    amount: int
    most: int
    unit: Fraction
    back: Fraction | None = None


class Uses:
    """What one limit has counted for one scope.

    `windows`: how much in which window, by the number of a period or slot, or the opening instant of a session. Those
    that were opened stay, also where all of it was given back. `members`: who was counted in which window, where
    distinct subjects are counted. `pours`: what a bucket gave, in the order in which it was granted.
    """

    def __init__(self) -> None:
        self.windows: dict[int, int] = {}
        self.members: defaultdict[int, set[str]] = defaultdict(set)
        self.pours: list[Poured] = []
        self.met: set[str] = set()  # distinct subjects ever counted, resets or not

    def count(self, window: int, amount: int) -> None:
        self.windows[window] = self.windows.get(window, 0) + amount

    def forget(self) -> None:
        """A reset: windows stay open, and nothing has been counted in them; a bucket is full."""
        self.windows = dict.fromkeys(self.windows, 0)
        self.pours = [pour._replace(amount=0) for pour in self.pours if pour.back is None][-1:]

    @property
    def lives(self) -> bool:
        """Whether anything is counted: in a window that was ever opened, or for good."""
        return bool(self.pours) or any(count or window != FOREVER for window, count in self.windows.items())

    @property
    def newest(self) -> int:
        return max(self.windows)

    def full_at(self, now: int, most: int, unit: Fraction) -> Fraction:
        """The instant at which the bucket, of `most` units now, is full again; it was full at first.

        It never overflows. Under another maximum, what is missing in it then is carried over in whole units (law 12).
        """
        full, before = Fraction(0), None
        for pour in [*self.pours, Poured(now, 0, most, unit)]:
            if pour.back is not None:
                full = max(full, pour.at + pour.back) - pour.back
                continue
            if before is not None and before.most != pour.most:
                full = pour.at + max(0, ceil((full - pour.at) / before.unit)) * pour.unit
            if pour.amount:
                full = max(full, Fraction(pour.at)) + pour.amount * pour.unit
            before = pour
        return full


class Counted(NamedTuple):
    """So much was counted there by a draw; what `of`. Of a bucket: the instant at which it has come back, and the
    maximum it was drawn under."""

    uses: Uses
    of: str
    kind: str
    window: int
    amount: int
    back_at: Fraction = Fraction(0)
    most: int = 0
    unit: Fraction = Fraction(0)
    slots: int = 0
    counts: str = ""  # which usage
    remembers: bool = False  # law 13: late usage may count in the window before
    place: tuple[str, str] = ("", "")  # the limit's cell and its scope

    @property
    def spot(self) -> tuple[object, ...]:
        """Where exactly: of which limit, for whom, in which window."""
        return (*self.place, self.window, self.back_at, self.most)


class Part(NamedTuple):
    """One leg and where it was counted."""

    leg: Leg
    counted: list[Counted]


class Kept:
    """An open hold: what it was opened on, and what it keeps."""

    def __init__(self, key: str, policy: Policy, plan: str, feature: str, subject: str, attributes: dict[str, str]):
        self.key, self.policy, self.plan, self.feature = key, policy, plan, feature
        self.subject, self.attributes = subject, attributes
        self.usage: dict[str, int] = {}
        self.due = 0
        self.parts: list[Part] = []
        self.ceilings: list[Counted] = []
        self.expires: dict[int, int] = {}  # of the lots that it drew on

    @property
    def units(self) -> int:
        return sum(part.leg.units for part in self.parts)


class Account:
    """All that is known of one account: its present terms, and what was used and drawn so far."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.newest = 0
        self.uses: defaultdict[tuple[str, str | None], Uses] = defaultdict(Uses)  # scope None: of the whole account
        self.lots: defaultdict[int, list[int]] = defaultdict(list)  # raises above zero, draws below
        self.advanced: list[int] = []  # what the overage line paid, and what it was relieved of
        self.owed: list[int] = []  # what overshoot left to be paid, and what was paid of it
        self.holds: dict[str, Kept] = {}
        self.expired: dict[str, Kept] = {}

    def left(self, lot: int) -> int:
        """What is left of a lot."""
        return sum(self.lots[lot])

    def live_scopes(self) -> int:
        """Law 14: the values for which something is counted apart, each once for each limit that does so."""
        return sum(len(uses.met) + (scope is not None and uses.lives) for (_, scope), uses in self.uses.items())
