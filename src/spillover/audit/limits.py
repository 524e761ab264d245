"""Limits, counted anew from the events alone (invariant 14): what each had room for when an event took from it.

Each kind has one verb: `admit(held, name, at, amount)` answers the room that there was and counts the amount. What is
counted is kept by the name of the limit's cells, so that in the end it can be laid beside the settled state:

    session, fixed, calendar   counters.py, in cells NAME:start and NAME:used, NAME:past and NAME:past-used
    sliding                    rings.py, in cells NAME:head and NAME:0 ...
    refill                     buckets.py, in cells NAME and NAME:max: the tick at which it would be full again
    ever, open holds           totals.py, in cell NAME, which ends in :used
    distinct subjects          totals.py, in cell NAME=SUBJECT, beside the window or total that counts them

`take_back` is the way back for what a hold gives up; `since` tells in which window an amount was counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from copy import copy
from typing import Protocol

from spillover.audit.scopes import Only, fits, in_cell

NUMBER_MAX = 2**53 - 1


class Terms(Protocol):
    """What a window may depend on, of the account's terms in force."""

    @property
    def zone(self) -> str: ...
    @property
    def anchor(self) -> int: ...


Numbers = list[int]
"""What one limit has counted; what each number is says its kind."""


class Kind:
    """One way of keeping what a limit has counted."""

    @staticmethod
    def cells(name: str, state: Numbers) -> dict[str, int]:
        """As cells, zeros among them."""
        raise NotImplementedError

    @staticmethod
    def counted(state: Numbers) -> int:
        """What stands against the maximum."""
        return state[0]

    @staticmethod
    def alive(state: Numbers) -> bool:
        """Whether its first cell is not 0: so long it is a scope value of the account, if it counts per one."""
        return state[0] != 0

    @classmethod
    def forget(cls, name: str, state: Numbers, cells: Set[str]) -> None:
        """Those of its cells that are named are 0 from here on."""
        for at, cell in enumerate(cls.cells(name, state)):
            if cell in cells:
                state[at] = 0


class Windows(Protocol):
    """What limits keep for an account. `late`: usage may belong to the window before the standing one (law 13)."""

    @property
    def windows(self) -> dict[str, Numbers]: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def late(self) -> bool: ...

    def keep(self, name: str, kind: type[Kind], state: Numbers) -> None:
        """A limit counts under this name from here on."""

    def born(self, count: int) -> None:
        """So many scope values more (or fewer) are live (law 14)."""


class Distinct(Protocol):
    """How distinct subjects are told apart."""

    def need(self, held: Windows, name: str, subject: str, at: int) -> int: ...
    def count(self, held: Windows, name: str, subject: str, at: int) -> None: ...


class Limit:
    """What all kinds share. `of`: what is counted; `per` is "", subject, or an attribute; `cell` begins its cells.

    `quick`: units or requests are counted of every request alike. `scoped`: it is to be asked whom it counts for.
    `subjects`: how distinct ones are told apart.
    """

    __slots__ = (
        "_under", "cell", "counts", "max", "name", "of", "only", "per", "quick", "requests", "scoped", "stem",
        "subjects", "title",
    )  # fmt: skip
    tail = ""

    def __init__(self, name: str, cell: str, most: int, per: str = "", of: str = "units") -> None:
        self.name, self.cell, self.max, self.per, self.of = name, cell, most, per, of
        self.only: Only = ()
        self.counts = self.title = ""
        self.requests = of == "requests"
        self.stem = cell if per else cell + self.tail
        self.scoped = bool(per)
        self.quick = of in ("units", "requests") and not per
        self.subjects: Distinct | None = None
        self._under: dict[int, Limit] = {}

    def restrict(self, only: Only) -> None:
        """It counts only for requests that fit."""
        self.only = only
        if only:
            self.scoped, self.quick = True, False

    def scope(self, feature: str, subject: str, attributes: Mapping[str, str]) -> str | None:
        """The value that it counts per, "" for the whole account; None where it does not apply."""
        if self.only and not fits(self.only, feature, subject, attributes):
            return None
        if not self.per:
            return ""
        return subject if self.per == "subject" else attributes.get(self.per)

    def named(self, scope: str, rules: int) -> str:
        """By what name it counts for a scope value."""
        return f"{self.cell}@{in_cell(scope, rules)}{self.tail}" if self.per else self.stem

    def under(self, most: int) -> Limit:
        """The same limit with another maximum (an override)."""
        found = self._under.get(most)
        if found is None:
            found = self._under[most] = copy(self)
            found.max = most
            found.rescale()
        return found

    @property
    def marked(self) -> int:
        """The maximum that a mark of it has to say: of a bucket only."""
        return 0

    def rescale(self) -> None:
        """What follows from the maximum."""

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        """The room at this instant, before the amount is counted; 0 or more."""
        raise NotImplementedError

    def since(self, held: Windows, name: str, at: int, later: int) -> int:
        """In which window it counted at that instant, just now; `later`: what was counted there after it."""
        return 0

    def take_back(self, held: Windows, name: str, at: int, amount: int, since: int) -> None:
        """An amount is given up that was counted in the window `since`; it counts no more if that still stands."""
        raise NotImplementedError
