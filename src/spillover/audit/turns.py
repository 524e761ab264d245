"""New terms come into force: what they raise, lower, pay and reset, and what the event says of it."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.audit.buckets import Bucket
from spillover.audit.held import Held
from spillover.audit.waterfall import Report
from spillover.model.account import NEVER, Override, Profile
from spillover.model.event import Event

_LOT, _RECEIVABLE = "lot:", "owed:used"
ENDS = ("expire", "rollover", "revoke")
"""Moves after which a lot is over, and leaves the terms."""


class Turns:
    """Terms of one account, one version after the other. `raised`: lot -> what terms brought into force, less what was
    paid of it at once; `ended`: lot -> by which kind of move an order ended it first; `rolled`: lots
    that rollovers went to."""

    def __init__(self, held: Held, ordered: Mapping[int, Mapping[int, int]], report: Report) -> None:
        """`ordered`: version -> lot -> what orders raise it by with that version."""
        self._held, self._ordered, self._report = held, ordered, report
        self.raised: dict[int, int] = {}
        self.ended: dict[int, str] = {}
        self.rolled: set[int] = set()
        self._silent = False  # terms that were booked under rules 1 may come into force later, and say nothing

    def old(self, event: Event) -> None:
        """Under rules 1 terms raised lots, and did nothing else."""
        self._silent = True
        for name, floor, add in event.changes:
            lot = lot_of(name)
            if lot is None or floor is not None or add <= 0:
                self._report("terms", f"a change of {name} by {add}", "lots raised, and nothing else")
                continue
            self._raise(lot, add)

    def loosely(self, event: Event) -> None:
        """Terms after an event that could not be followed: what they say of lots is taken as it stands."""
        if event.rules > 1:
            for lot, amount in self._ordered.get(event.profile, {}).items():
                self.raised[lot] = self.raised.get(lot, 0) + amount
        for name, _, add in event.changes:
            if (one := lot_of(name)) is not None:
                self._held.remaining[one] = self._held.remaining.get(one, 0) + add
                if event.rules < 2:
                    self.raised[one] = self.raised.get(one, 0) + add
        for move in event.moves:
            if move.kind in ENDS:
                self.ended.setdefault(move.lot, move.kind)

    def turn(self, event: Event, before: Profile, after: Profile, cells: Mapping[str, int]) -> None:
        """One version. `cells` are those after the event, by the changes that it says."""
        held, changed = self._held, {name: add for name, _, add in event.changes}
        lots: dict[int, int] = {}
        for new, amount in self._ordered.get(event.profile, {}).items():
            lots[new] = lots.get(new, 0) + amount
            self.raised[new] = self.raised.get(new, 0) + amount
        self._pay(event, after)
        self._lower(event, before, lots)
        named = {lot for name in changed if (lot := lot_of(name)) is not None}
        for one in sorted(named | lots.keys()):
            found, wanted = changed.get(f"lot:{one}", 0), lots.get(one, 0)
            if found != wanted:
                self._report("terms", f"a change of lot:{one} by {found}", f"{wanted}, by what was ordered and moved")
            held.remaining[one] = held.remaining.get(one, 0) + found
        relieved = changed.get(_RECEIVABLE, 0)
        if relieved:
            self._relieve(relieved)
        self._reset(event, changed, cells)
        if event.profile > 1:
            self._entries(event, before, after)

    def _raise(self, lot: int, amount: int) -> None:
        self.raised[lot] = self.raised.get(lot, 0) + amount
        self._held.remaining[lot] = self._held.remaining.get(lot, 0) + amount

    def _pay(self, event: Event, after: Profile) -> None:
        """New credits pay what is owed first."""
        held = self._held
        credits = {lot.id for lot in after.lots if lot.measure == "credits"}
        new = {lot: amount for lot, amount in self._ordered.get(event.profile, {}).items() if lot in credits}
        paid = sum(move.amount for move in event.moves if move.kind == "owed")
        wanted = min(held.debt, sum(new.values()))
        if paid != wanted:
            self._report("terms", f"{paid} paid of the {held.debt} that are owed", f"{wanted}, by new credits")
        for move in event.moves:
            if move.kind == "owed" and move.amount > new.get(move.lot, 0):
                self._report("terms", f"{move.amount} of lot {move.lot} paid", f"at most {new.get(move.lot, 0)}")
        held.debt -= paid

    def _lower(self, event: Event, before: Profile, lots: dict[int, int]) -> None:
        """Moves take no more than there is; what is posted as expired had expired."""
        held, expires = self._held, {lot.id: lot.expires for lot in before.lots}
        for move in event.moves:
            left = held.remaining.get(move.lot, 0) + lots.get(move.lot, 0)
            # Of a lot that ends, 0 is told where holds keep all of it.
            if not (move.kind not in ENDS or bool(left)) <= move.amount <= left or move.held:
                self._report("funding", f"{move.kind} of {move.amount} from lot {move.lot}", f"1 to the {left} left")
            lots[move.lot] = lots.get(move.lot, 0) - move.amount
            if move.kind in ENDS:
                self.ended.setdefault(move.lot, move.kind)
            if move.kind in ("expire", "rollover") and expires.get(move.lot, 0) > event.at:
                self._report("terms", f"{move.kind} of lot {move.lot}", f"not before {expires[move.lot]}")
            if (move.kind == "rollover") != (move.to != 0):
                self._report("terms", f"{move.kind} to lot {move.to}", "a lot for a rollover, and for nothing else")
            if move.to:
                self.rolled.add(move.to)
                lots[move.to] = lots.get(move.to, 0) + move.amount

    def _relieve(self, change: int) -> None:
        """What the overage line has advanced goes down by what was refunded of it."""
        state = self._held.windows.get(_RECEIVABLE)
        if state is None or not -state[0] <= change <= 0:
            found = f"a change of {_RECEIVABLE} by {change}"
            self._report("terms", found, f"no more off than the {state[0] if state else 0} there are")
        if state is not None:
            state[0] += change

    def _reset(self, event: Event, changed: Mapping[str, int], cells: Mapping[str, int]) -> None:
        """Limits that are reset have counted nothing afterwards, and the event names each."""
        own = {name for name in changed if lot_of(name) is None} - {_RECEIVABLE, "debt", "scopes"}
        used: dict[str, int] = {}
        held = self._held
        buckets: set[str] = set()
        for name, state in list(held.windows.items()) if own else ():
            kind = held.kinds[name]
            mine = own & kind.cells(name, state).keys()
            if not mine:
                continue
            own -= mine
            title = "/".join(name.split("/")[:2])
            if kind is Bucket:
                buckets.add(title)
            used[title] = used.get(title, 0) + kind.counted(state)
            for cell in mine:
                if cells.get(cell, 0):
                    self._report("terms", f"{cell} at {cells[cell]}", "0, as the limit was reset")
            kind.forget(name, state, mine)
            if not kind.alive(state):
                del held.windows[name]
                if "@" in name or "=" in name:
                    held.born(-1)
        for name in sorted(own):
            self._report("terms", f"a change of {name} by {changed[name]}", "lots, and limits that were reset")
        told: dict[str, int] = {}
        for entry in event.entries:
            if entry.kind == "window_reset":
                title = entry.what.split("@")[0]
                told[title] = told.get(title, 0) + int(entry.before) - int(entry.after)
        # Of a bucket it says the units that had not come back, by the maximum of then.
        used |= {title: told.get(title, 0) for title in buckets}
        if told != {title: count for title, count in used.items() if count}:
            self._report("terms", f"resets of {told}", f"{used}, as the cells have it")

    def _entries(self, event: Event, before: Profile, after: Profile) -> None:
        """What the event says of changed terms, one after the other, leads from the old ones to the new ones."""
        entries = [entry for entry in event.entries if entry.kind != "window_reset"]
        if self._silent and not event.entries:
            return
        self._silent = False
        said, wanted = facts(before), facts(after)
        for entry in entries:
            if said.get((entry.kind, entry.what), "") != entry.before or entry.before == entry.after:
                found = f"{entry.kind} of {entry.what} from {entry.before!r} to {entry.after!r}"
                self._report("terms", found, f"from {said.get((entry.kind, entry.what), '')!r} to another")
            said[entry.kind, entry.what] = entry.after
        ended = {(one.limit, one.scope) for one in before.overrides if one.until <= event.at}
        for kind, what in sorted(said.keys() | wanted.keys()):
            found, want = said.get((kind, what), ""), wanted.get((kind, what), "")
            limit, _, scope = what.partition("@")
            if found != want and not (want == "" and (limit, scope or None) in ended):
                self._report("terms", f"{what} {found!r} by its entries", f"{want!r}, as the terms have it")

    def spoken(self) -> None:
        """Usage under the present rules: what comes into force from here on says what it changes."""
        self._silent = False


def facts(terms: Profile) -> dict[tuple[str, str], str]:
    """(kind of entry, what) -> how it is."""
    found = {
        ("plan_change", "plan"): terms.plan, ("state_change", "state"): terms.state,
        ("state_change", "consent"): "true" if terms.consent else "false", ("state_change", "zone"): terms.zone,
        ("state_change", "billing_day"): str(terms.anchor),
    }  # fmt: skip
    for one in terms.overrides:
        found["override", one.limit if one.scope is None else f"{one.limit}@{one.scope}"] = said(one)
    return found


def said(one: Override) -> str:
    """An override as an entry tells it."""
    return str(one.max) if one.until == NEVER else f"{one.max} until {one.until}"


def lot_of(cell: str) -> int | None:
    """The lot whose cell this is."""
    lot = cell.removeprefix(_LOT)
    return int(lot) if lot != cell and lot.isdecimal() else None
