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

    __slots__ = ("_charges", "_debits", "_events", "_grants", "_ordinal", "_standing", "_terms", "_tokens")

    def __init__(self) -> None:
        self._events, self._charges = hashlib.sha256(), hashlib.sha256()
        self._debits, self._grants = hashlib.sha256(), hashlib.sha256()
        self._terms: list[tuple[str, str, bool] | None] = [None]
        self._standing: tuple[str, str, bool] | None = None
        self._tokens: dict[str, int] = {"": 0, "account": 0}
        self._ordinal = 0

    def usage(self, event: Event, priced: Set[str]) -> None:
        """The next settled usage event; attributes that are not priced are tokens."""
        if self._standing != self._terms[-1]:
            self._terms.append(self._standing)
        tokens = self._tokens
        who = tokens.get(event.subject)
        if who is None:
            who = tokens[event.subject] = len(tokens) - 1
        attributes: dict[str, str | int] = {}
        if event.attributes:
            for name, value in sorted(event.attributes.items()):
                attributes[name] = value if name in priced else tokens.setdefault(value, len(tokens) - 1)
        self._ordinal += 1
        content = (
            event.rules, event.at, event.policy, event.feature, who, attributes, event.usage, event.mode, event.units,
            event.granted, event.legs,
        )  # fmt: skip
        self._events.update(_encode(content))

    def terms(self, terms: Profile) -> None:
        """Terms that came into force. They count if something is used under them; lots by what the books say."""
        self._standing = (terms.plan, terms.zone, terms.consent)

    def charge(self, row: Row) -> None:
        """A charge of the event that was last given."""
        _, number, _, _, feature, at, subject, amount, legs, _ = row
        who = self._tokens.get(subject, -1)
        self._charges.update(_encode((number, self._ordinal, feature, at, who, amount, legs)))

    def update(self, row: Row) -> None:
        """A balance update. Grants are apart, for between which events they were booked is chance."""
        _, _, kind, measure, lot, delta, source, target, _, _, cause, reason, actor, at, _ = row
        if kind == "grant":
            self._grants.update(_encode((measure, lot, delta, source, target, cause, reason, actor)))
        else:
            who = self._tokens.get(actor, -1)
            self._debits.update(_encode((self._ordinal, kind, measure, lot, delta, source, target, reason, who, at)))

    def result(self, lots: Iterable[Row], balances: Iterable[Row], quarantined: int) -> bytes:
        """The account's digest, with its lots and balances as they stand in the end."""
        streams = [one.hexdigest() for one in (self._events, self._charges, self._debits, self._grants)]
        held = [row[1:-1] for row in lots]  # without the account's id, and when it was granted
        sums = sorted(row[1:] for row in balances if any(row[2:]))
        return hashlib.sha256(_encode((1, *streams, self._terms[1:], held, sums, quarantined))).digest()


def combined(digests: Iterable[bytes]) -> str:
    """The digest of the books of many accounts, in no order."""
    found = sorted(digests)
    total = hashlib.sha256(f"spillover digest 1 {len(found)}\n".encode())
    for one in found:
        total.update(one)
    return total.hexdigest()
