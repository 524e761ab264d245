"""The digest of the books: the same for any two runs with the same outcome (docs/AUDIT.md says what goes in).

Ids, keys of requests, hashes and the times of bookings stay out; tokens count in the order of their first appearance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set

import msgspec

from spillover.audit.chains import Row
from spillover.model.account import Profile
from spillover.model.event import Event

_encode = msgspec.json.Encoder(order="sorted").encode
_Content = tuple[object, ...]


class Digest:
    """What an account's books come to, gathered while they are read."""

    __slots__ = (
        "_charges", "_events", "_holds", "_of_terms", "_ordered", "_ordinal", "_standing", "_terms", "_tokens",
        "_updates",
    )  # fmt: skip

    def __init__(self) -> None:
        self._events, self._charges = hashlib.sha256(), hashlib.sha256()
        self._updates, self._ordered = hashlib.sha256(), hashlib.sha256()
        self._terms: list[_Content | None] = [None]
        self._standing: _Content | None = None
        self._tokens: dict[str, int] = {"": 0, "account": 0}
        self._holds: dict[str, int] = {}
        self._of_terms = False
        self._ordinal = 0

    def usage(self, event: Event, priced: Set[str]) -> None:
        """The next settled event that is no terms; attributes that are not priced are tokens."""
        if self._standing != self._terms[-1]:
            self._terms.append(self._standing)
        self._of_terms = False
        tokens = self._tokens
        who = tokens.get(event.subject)
        if who is None:
            who = tokens[event.subject] = len(tokens) - 1
        attributes: dict[str, str | int] = {}
        if event.attributes:
            for name, value in sorted(event.attributes.items()):
                attributes[name] = value if name in priced else tokens.setdefault(value, len(tokens) - 1)
        self._ordinal += 1
        content: _Content = (
            event.rules, event.at, event.policy, event.feature, who, attributes, event.usage, event.mode, event.units,
            event.granted, event.legs,
        )  # fmt: skip
        if event.kind != "usage" or event.overshoot is not None:
            content += self._rest(event)
        self._events.update(_encode(content))

    def _rest(self, event: Event) -> _Content:
        """What only some events have; holds are known by the number of the event that opened them."""
        opens = event.hold
        if event.kind == "hold" and opens is not None:
            self._holds[opens.id] = self._ordinal
        hold = self._holds.get(opens.id if opens is not None else event.ends, 0)
        due = opens.due if opens is not None else 0
        return (event.kind, hold, due, event.overshoot, event.moves, event.late, event.estimated)

    def terms(self, terms: Profile) -> None:
        """Terms that came into force. They count if something is used under them; lots by what the books say."""
        self._of_terms = True
        overrides = tuple((one.limit, one.max, one.until) for one in terms.overrides)
        self._standing = (terms.plan, terms.zone, terms.consent, terms.next_plan, terms.next_at, overrides)

    def charge(self, row: Row) -> None:
        """A charge of the event that was last given."""
        _, number, _, _, feature, at, subject, amount, legs, _ = row
        who = self._tokens.get(subject, -1)
        self._charges.update(_encode((number, self._ordinal, feature, at, who, amount, legs)))

    def update(self, row: Row) -> None:
        """A balance update of the event that was last given. When terms were pushed is chance, and what they say of
        themselves moves nothing."""
        _, _, kind, measure, lot, delta, source, target, _, _, _, reason, actor, at, _ = row
        if not delta:
            return
        who: int | str | None = self._tokens.get(actor)
        if who is None:  # who ordered terms is no token
            who = actor
        if self._of_terms:
            at = 0
        self._updates.update(_encode((self._ordinal, kind, measure, lot, delta, source, target, reason, who, at)))

    def ordered(self, row: Row) -> None:
        """A balance update of an order. These are apart, for between which events they were booked is chance."""
        _, _, kind, measure, lot, delta, source, target, _, _, cause, reason, actor, _, _ = row
        key = cause if kind == "grant" or (kind == "adjust" and delta > 0) else ""
        self._ordered.update(_encode((kind, measure, lot, delta, source, target, key, reason, actor)))

    def result(self, lots: Iterable[Row], balances: Iterable[Row], quarantined: int) -> bytes:
        """The account's digest, with its lots and balances as they stand in the end."""
        streams = [one.hexdigest() for one in (self._events, self._charges, self._updates, self._ordered)]
        held = [(*row[1:16], *row[18:]) for row in lots]  # without account, time of booking and scope
        sums = sorted(row[1:] for row in balances if any(row[2:]))
        return hashlib.sha256(_encode((2, *streams, self._terms[1:], held, sums, quarantined))).digest()


def combined(digests: Iterable[bytes]) -> str:
    """The digest of the books of many accounts, in no order."""
    found = sorted(digests)
    total = hashlib.sha256(f"spillover digest 2 {len(found)}\n".encode())
    for one in found:
        total.update(one)
    return total.hexdigest()
