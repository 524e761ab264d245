"""A hand that writes one account's stream as a hot store would, with cells of its own; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from spillover.model.commit import Standing
from spillover.model.decision import Overshoot
from spillover.model.event import SCHEMA, Entry, Event, Move, StreamEntry, encode_event
from spillover.model.hold import Hold, Part
from spillover.model.leg import Leg
from spillover.ports import Push

if TYPE_CHECKING:
    from tests.ledger.support import Books

START = 1_780_272_000_000  # 2026-06-01 in UTC
FEATURE = "codex.messages"
decode_hold = msgspec.json.Decoder(Hold).decode
Changes = Sequence[tuple[str, int | None, int]]
Gone = Mapping[int, str]
"""Lots that are gone, and how: "expire" or "revoke"."""


class Hand:
    """Gives sequences, changes the lots' cells as the legs say, and keeps open holds."""

    def __init__(self, books: Books, account: int) -> None:
        self.books, self.account = books, account
        self.sequence = self.version = 0
        self.epoch = 0
        self.at = START
        self.entries: list[StreamEntry] = []
        self.cells: dict[str, int] = {}
        self.holds: dict[str, Hold] = {}

    def entry(self, event: Event) -> StreamEntry:
        """The event, at the account's next place."""
        self.sequence += 1
        entry = StreamEntry(self.account, self.epoch, self.sequence, event.key, encode_event(event))
        self.entries.append(entry)
        for name, floor, add in event.changes:
            value = self.cells.get(name, 0)
            self.cells[name] = (value if floor is None else max(value, floor)) + add
        return entry

    def put_back(self, standing: Standing) -> None:
        """Go on as a hot store that was put back: only what the books knew is left. The old stream is lost."""
        self.epoch, self.sequence = standing.epoch, standing.sequence
        self.version = standing.profile.version if standing.profile else 0
        self.cells, self.entries = dict(standing.cells), []
        self.holds = {hold.id: decode_hold(hold.record) for hold in standing.holds}

    def push(self) -> list[StreamEntry]:
        """Everything in the account's outbox, as entries of kind terms."""
        pushes = self.books.unpushed(self.account)
        self.books.pushed(pushes)
        return [self.entry(self._terms(push)) for push in pushes]

    def _terms(self, push: Push) -> Event:
        """Raises, then what lots lose, then what is owed is paid from the credits that came, then resets."""
        self.version = push.profile.version
        moved: dict[str, int] = {}
        for lot, amount in push.raised:
            moved[f"lot:{lot}"] = amount
        moves = []
        for lower in push.lowers:
            amount = min(lower.most, self._left(lower.lot, moved))
            moves.append(Move(lower.kind, lower.lot, amount, lower.to))
            _add(moved, lower.lot, -amount)
            if lower.to:
                _add(moved, lower.to, amount)
        debt = self.cells.get("debt", 0)
        for lot, amount in push.raised:
            measure = self.books.one("SELECT measure FROM lots WHERE account = ? AND lot = ?", self.account, lot)
            if measure == "credits" and (paid := min(debt, amount)):
                moves.append(Move("owed", lot, paid))
                _add(moved, lot, -paid)
                moved["debt"] = moved.get("debt", 0) - paid
                debt -= paid
        entries = list(push.entries)
        for reset in push.resets:
            for cell in reset.cells:
                if used := self.cells.get(cell, 0):
                    moved[cell] = -used
                    entries.append(Entry("window_reset", reset.what, str(used), "0"))
        if push.relieved:
            moved["owed:used"] = -min(push.relieved, self.cells.get("owed:used", 0))
        changes = tuple((name, None, add) for name, add in moved.items())
        return Event(
            SCHEMA, 1, "terms", self.account, f"spillover:terms:{self.version}", "", self.at, self.version, changes,
            terms=push.profile, moves=tuple(moves), entries=tuple(entries), reason=push.reason, actor=push.actor,
        )  # fmt: skip

    def _left(self, lot: int, moved: Mapping[str, int]) -> int:
        return self.cells.get(f"lot:{lot}", 0) + moved.get(f"lot:{lot}", 0)

    def event(self, *legs: Leg, key: str = "", changes: Changes = (), **facts: Any) -> Event:
        """A usage event that adds up, unless `facts` say otherwise."""
        self.at += 1000
        over: Overshoot | None = facts.get("overshoot")
        moved = [(f"lot:{lot}", None, -amount) for lot, amount in drawn(legs).items()]
        if over and over.owed:
            moved.append(("debt", None, over.owed))
        units = sum(leg.units for leg in legs) + (over.units if over else 0)
        event = Event(
            SCHEMA, 1, "usage", self.account, key or f"request-{self.sequence + 1}", "f" * 32, self.at, self.version,
            (("t", self.at, 0), *moved, *changes), "p" * 64, FEATURE, usage={"requests": units}, units=units,
            granted=units, legs=legs,
        )  # fmt: skip
        return replace(event, **facts) if facts else event

    def use(self, *legs: Leg, **facts: Any) -> StreamEntry:
        """The next entry: a usage event with these legs."""
        return self.entry(self.event(*legs, **facts))

    def open(self, *legs: Leg, key: str = "", lasts: int = 900_000, **facts: Any) -> Hold:
        """A hold that keeps these legs."""
        key = key or f"hold-{self.sequence + 1}"
        id_ = blake2b(key.encode(), digest_size=8).hexdigest()
        due, units = self.at + 1000 + lasts, sum(leg.units for leg in legs)
        hold = Hold(
            id_, key, self.account, FEATURE, self.at + 1000, due, "p" * 64, "plus", 1, {"requests": units}, units,
            tuple(Part(leg) for leg in legs),
        )  # fmt: skip
        cells = (("holds", None, 1), (f"hold:{id_}", None, due))
        self.use(*legs, key=key, changes=cells, **({"kind": "hold", "hold": hold} | facts))
        self.holds[id_] = hold
        return hold

    def extend(self, hold: Hold, *legs: Leg, **facts: Any) -> Hold:
        """The hold keeps these legs too."""
        step, units = hold.steps + 1, hold.units + sum(leg.units for leg in legs)
        parts = (*hold.parts, *(Part(leg) for leg in legs))
        longer = replace(hold, due=hold.due + 1, units=units, parts=parts, steps=step)
        cells = ((f"hold:{hold.id}", None, 1),)
        key = f"spillover:extend:{hold.id}:{step}"
        self.use(*legs, key=key, changes=cells, **({"kind": "extend", "hold": longer} | facts))
        self.holds[hold.id] = longer
        return longer

    def end(self, hold: Hold, kind: str, *legs: Leg, gone: Gone | None = None, **facts: Any) -> StreamEntry:
        """The end of an open hold: with these final legs; what falls back to lots that are `gone` moves on."""
        gone, kept, final = gone or {}, hold.lots, drawn(legs)
        moves, cells = [], []
        for lot in sorted(kept.keys() | final.keys()):
            back = kept.get(lot, 0) - final.get(lot, 0)
            if back > 0 and lot in gone:
                moves.append(Move(gone[lot], lot, back, held=True))  # type: ignore[arg-type]
            elif back:
                cells.append((f"lot:{lot}", None, back))
        over: Overshoot | None = facts.get("overshoot")
        if over and over.owed:
            cells.append(("debt", None, over.owed))
        cells += [("holds", None, -1), (f"hold:{hold.id}", None, -hold.due)]
        event = self.event(*legs, key=f"spillover:end:{hold.id}", overshoot=over)
        facts = {"changes": (("t", self.at, 0), *cells), "moves": tuple(moves), "ends": hold.id, "kind": kind} | facts
        self.holds.pop(hold.id, None)
        return self.entry(replace(event, **facts))

    def late(self, hold: Hold, *legs: Leg, **facts: Any) -> StreamEntry:
        """A commit after the hold has expired."""
        key = f"spillover:late:{hold.id}"
        return self.use(*legs, key=key, **({"kind": "commit", "ends": hold.id, "late": True} | facts))


def drawn(legs: Iterable[Leg]) -> dict[int, int]:
    """Lot -> amount, over all legs."""
    found: dict[int, int] = {}
    for lot, amount in [part for leg in legs for part in leg.lots]:
        found[lot] = found.get(lot, 0) + amount
    return found


def _add(moved: dict[str, int], lot: int, amount: int) -> None:
    moved[f"lot:{lot}"] = moved.get(f"lot:{lot}", 0) + amount
