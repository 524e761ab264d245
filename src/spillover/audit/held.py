"""What an account has as of an event: its terms, its lots, what its limits have counted, what it keeps and owes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from spillover.audit.keeping import Keeping
from spillover.audit.limits import Kind, Limit, Numbers
from spillover.audit.scopes import Only, fits
from spillover.model.account import Profile
from spillover.model.hold import Hold

Parts = tuple[tuple[int, int], ...]
Burning = tuple[int, int, int, Only]
"""A lot: its id, from when and until when it may be spent, and on what."""

NOTHING: Parts = ()


class Drawing(Protocol):
    """Who draws, when, and for what."""

    @property
    def at(self) -> int: ...
    @property
    def feature(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


_ALWAYS = 1 << 64
"""Later than anything that an event can say."""


class Held:
    """The account's state as the audit reckons it.

    `holds` are the open ones by id, `expired` those that a late commit may still come for. `late`: the policy at hand
    counts usage that comes late in the window that it belongs to. `rules` are those of the event at hand. `loose`: open
    holds of which only the record is known, as limits could not be followed.
    """

    __slots__ = (
        "debt", "expired", "holds", "kinds", "late", "loose", "newest", "order", "remaining", "rules", "scopes",
        "terms", "until", "windows",
    )  # fmt: skip

    def __init__(self, terms: Profile) -> None:
        self.newest = self.debt = self.scopes = 0
        self.late, self.rules = False, 2
        self.remaining: dict[int, int] = {}
        self.windows: dict[str, Numbers] = {}
        self.kinds: dict[str, type[Kind]] = {}
        self.order: dict[str, list[Burning]] = {}
        self.holds: dict[str, Keeping] = {}
        self.expired: dict[str, Keeping] = {}
        self.loose: dict[str, Hold] = {}
        self.put(terms)

    def put(self, terms: Profile) -> None:
        """These terms are in force from here on."""
        self.terms = terms
        self.until = terms.next_at if terms.next_plan else _ALWAYS
        self.order = {}
        # Lower priority number, earlier expiry, promotional before paid, earlier effective time, lower id.
        for lot in sorted(
            terms.lots, key=lambda lot: (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)
        ):
            self.order.setdefault(lot.measure, []).append((lot.id, lot.effective, lot.expires, lot.scope))
        for state in self.windows.values():
            if len(state) == 5:
                state[1] = 0  # with another zone or billing day, periods end elsewhere

    def plan(self, at: int) -> str:
        """The plan in force at an instant."""
        return self.terms.plan if at < self.until else self.terms.next_plan

    def keep(self, name: str, kind: type[Kind], state: Numbers) -> None:
        """A limit counts under this name from here on."""
        self.windows[name], self.kinds[name] = state, kind

    def born(self, count: int) -> None:
        """So many scope values more are live; rules 1 did not count them."""
        if self.rules > 1:
            self.scopes = max(self.scopes + count, 0)  # those of rules 1 were never counted

    def draw(self, measure: str, amount: int, by: Drawing) -> tuple[Parts, int]:
        """Which lots have to give an amount to a request, and how much of it they lack. Changes nothing."""
        if not amount:
            return NOTHING, 0
        parts, at = [], by.at
        remaining = self.remaining
        for lot, effective, expires, scope in self.order.get(measure, ()):
            if effective <= at < expires and (left := remaining.get(lot, 0)) > 0:
                if scope and not fits(scope, by.feature, by.subject, by.attributes):
                    continue
                part = left if left < amount else amount
                parts.append((lot, part))
                amount -= part
                if not amount:
                    break
        return tuple(parts), amount

    def in_force(self, limit: Limit, scope: str, at: int) -> Limit:
        """The limit with the maximum that is in force: the most special override, of equals the last."""
        found = None
        for one in self.terms.overrides:
            if one.limit != limit.title or at >= one.until:
                continue
            if one.scope == scope or (one.scope is None and (found is None or found.scope is None)):
                found = one
        return limit if found is None or found.max == limit.max else limit.under(found.max)

    def kept(self) -> dict[int, int]:
        """Lot -> what open holds keep of it."""
        found: dict[int, int] = {}
        for lots in (*(hold.lots() for hold in self.holds.values()), *(hold.lots for hold in self.loose.values())):
            for lot, amount in lots.items():
                found[lot] = found.get(lot, 0) + amount
        return found

    def advanced(self) -> int:
        """What open holds keep of the overage line."""
        portions = (portion for hold in self.holds.values() for portion in hold.portions)
        return sum(portion.leg.amount for portion in portions if portion.leg.layer == "overage")

    def cells(self) -> dict[str, int]:
        """All of it as cells; those that are 0 are left out."""
        cells: dict[str, int] = {}
        for name, state in self.windows.items():
            cells |= self.kinds[name].cells(name, state)
        cells |= {f"lot:{lot}": left for lot, left in self.remaining.items()}
        cells |= {f"hold:{id_}": hold.due for id_, hold in self.holds.items()}
        cells |= {"t": self.newest, "debt": self.debt, "scopes": self.scopes, "holds": len(self.holds)}
        return {name: value for name, value in cells.items() if value}
