"""Projections beside the history that they sum up: lots with their grants, and balances by measure."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import MsgspecError, json

from spillover.audit.course import Course
from spillover.audit.journal import Journal
from spillover.audit.orders import Orders
from spillover.audit.report import Report
from spillover.audit.sums import LotHistory
from spillover.audit.tables import Row
from spillover.model.account import Lot, Profile

_encode = json.Encoder().encode
_scope = json.Decoder(tuple[tuple[str, tuple[str, ...]], ...]).decode
_TERMS = ("priority", "effective", "expires", "promotional", "scope")
_PLAIN = Lot(0, "credits")
_COUNTS = ("measure", "granted", "balance", "spent", "expired", "revoked")
_SUMS = ("granted", "spent", "gone", "balance", "receivable", "owed")


class Lots:
    """The rows of `lots` of an account, one after the other."""

    def __init__(
        self, journal: Journal, orders: Orders, course: Course, newest: Profile | None, report: Report
    ) -> None:
        """`newest`: the account's newest terms on record."""
        self._journal, self._orders, self._course, self._report = journal, orders, course, report
        self._live = {lot.id for lot in newest.lots} if newest else set()

    def check(self, rows: list[Row], next_lot: int) -> None:
        """Each lot by its updates, its order, and its terms; none is missing."""
        numbers = [row[1] for row in rows]
        if numbers != list(range(1, next_lot)):
            found = f"next_lot {next_lot}, and lots {numbers[:8]}"
            self._report("history", "accounts", "", found, "lots 1, 2, 3 ... up to the next one")
        for lot in sorted(self._journal.lots.keys() - set(numbers)):
            found = f"a lot of {self._journal.lots[lot].measure}, as it was booked"
            self._report("history", "lots", f"lot {lot}", "no row", found)
        for row in rows:
            history = self._journal.lots.get(row[1])
            self._sums(row, history)
            self._origin(row, history)
            self._end(row)

    def _sums(self, row: Row, history: LotHistory | None) -> None:
        _, lot, measure, granted, balance, spent, expired, revoked, *_ = row
        found = (measure, granted, balance, spent, expired, revoked)
        if history is None:
            wanted: tuple[object, ...] = (measure, 0, 0, 0, 0, 0)
        else:
            wanted = (
                history.measure, history.granted, history.balance, history.spent, history.expired, history.revoked,
            )  # fmt: skip
        for name, one, other in zip(_COUNTS, found, wanted, strict=True):
            if one != other:
                self._report("history", "lots", f"lot {lot}", f"{name} {one}", f"{other}, by its balance updates")
        if granted != balance + spent + expired + revoked:
            sums = f"{granted} granted, {balance} left, {spent} spent, {expired} expired, {revoked} revoked"
            self._report("conservation", "lots", f"lot {lot}", sums, "granted = balance + spent + expired + revoked")

    def _origin(self, row: Row, history: LotHistory | None) -> None:
        """The lot's terms and money beside the order under whose key it was made, and the profiles."""
        lot, report, key = row[1], self._report, row[18]
        kept = self._terms(row)
        terms = self._course.lots.get(lot)
        if kept is not None and terms is not None and terms != kept:
            report("terms", "lots", f"lot {lot}", kept, f"{terms}, by the account's terms")
        order = self._orders.keys.get(key)
        first = history.first if history is not None else None
        if order is None:
            report("complete", "orders", f"lot {lot}", f"no order with key {key!r}", "the one that made it")
        elif kept is not None:
            self._grant(row, kept, order, first)

    def _grant(self, row: Row, kept: Lot, order: Row, first: Row | None) -> None:
        """A lot that was granted: by its order, its balance update and the fingerprint of both."""
        _, lot, measure, *_ = row
        report, money, granted_at = self._report, row[12:16], row[16]
        if order[3] not in (0, lot):
            report("phantom", "lots", f"lot {lot}", f"key {order[1]!r}", "the key of its own grant")
        if first is None or first[2] != "grant":
            if order[3]:
                report("history", "lots", f"lot {lot}", "no grant among its balance updates", f"one of {order[1]!r}")
            return
        if order[3] != lot:
            report("phantom", "orders", f"key {order[1]!r}", f"lot {order[3]}", f"{lot}, by its balance update")
        key, reason, actor, at = first[10:14]
        if first[6] != ("promotion" if kept.promotional else "purchases"):
            kind = "promotional" if kept.promotional else "paid"
            report("history", "lots", f"lot {lot}", f"a {kind} lot", f"one that {first[6]} gave")
        if granted_at != at:
            report("history", "lots", f"lot {lot}", f"granted at {granted_at}", f"{at}, by its balance update")
        if order[1] != key:
            found = f"a grant of lot {lot}"
            report("phantom", "orders", f"key {order[1]!r}", found, f"key {key!r}, by its balance update")
            return
        content = {"amount": first[5], "key": key, "reason": reason, "actor": actor}
        content |= dict(zip(("paid", "currency", "tax", "reference"), money, strict=True))
        if order[2] not in _fingerprints(kept, content, self._course.gifts(order[4])):
            found = f"{first[5]} {measure}, paid {' '.join(map(repr, money))}"
            report("keys", "lots", f"lot {lot}", found, f"what the fingerprint {order[2].hex()} of its grant is of")

    def _terms(self, row: Row) -> Lot | None:
        lot, measure, (promotional, effective, expires, priority) = row[1], row[2], row[8:12]
        try:
            return Lot(lot, measure, priority, effective, expires, bool(promotional), _scope(row[17]))
        except (MsgspecError, UnicodeError):
            self._report("form", "lots", f"lot {lot}", f"scope {row[17]}", "[[name, [value, ...]], ...]")
            return None

    def _end(self, row: Row) -> None:
        """A lot that was ended by an order has left the terms."""
        lot, ended = row[1], row[19]
        first = self._course.turns.ended.get(lot, "")
        if lot in self._live:
            # Part of a lot may be revoked, and the rest lives on.
            if ended or first not in ("", "revoke"):
                self._report("history", "lots", f"lot {lot}", f"ended {ended!r}", "a lot that is in the newest terms")
        elif first and ended != first:
            self._report("history", "lots", f"lot {lot}", f"ended {ended!r}", f"{first!r}, the first end of it")


def _fingerprints(lot: Lot, content: dict[str, Any], gifts: tuple[tuple[str, int], ...]) -> list[bytes]:
    """The fingerprints that a grant of this content may have: an expiry of never is left out, or written."""
    facts = {"id": 0, "measure": lot.measure}
    facts |= {name: value for name in _TERMS if (value := getattr(lot, name)) != getattr(_PLAIN, name)}
    written = [name for name in _TERMS if name in facts or name == "expires"]
    forms = facts, {"id": 0, "measure": lot.measure} | {name: getattr(lot, name) for name in written}
    found = [{"lot": form} | content for form in forms]
    found += [one | {"gift": gift} for one in found for gift in gifts]
    return [hashlib.sha256(_encode(one)).digest() for one in found]


def check_balances(rows: list[Row], journal: Journal, report: Report) -> None:
    """The account's sums in each measure."""
    stored: dict[str, tuple[int, ...]] = {row[1]: row[2:8] for row in rows}
    for measure in sorted(stored.keys() | journal.sums.keys()):
        sums = journal.sums.get(measure)
        wanted = tuple(getattr(sums, name) for name in _SUMS) if sums else (0,) * 6
        for name, one, other in zip(_SUMS, stored.get(measure, (0,) * 6), wanted, strict=True):
            if one != other:
                report("history", "account_balances", measure, f"{name} {one}", f"{other}, by its balance updates")


def check_settled(journal: Journal, course: Course, orders: Orders, report: Report) -> None:
    """Ledger balance = settled cell + open holds + raises that are not settled (+ what quarantine keeps back).

    So it is of each lot, of what the overage line advanced, and of what overshoot left to be paid.
    """
    held, kept = course.held, course.held.kept()
    for lot, history in journal.lots.items():
        raised = course.turns.raised.get(lot, 0)
        coming = history.ordered - raised
        wanted = held.remaining.get(lot, 0) + kept.get(lot, 0) + coming + course.unbooked.get(lot, 0)
        if history.balance != wanted:
            found = f"a balance of {history.balance}"
            report("settled-state", "balance_updates", f"lot {lot}", found, f"{wanted}, by the settled events")
    for lot in sorted(course.turns.raised.keys() - journal.lots.keys()):
        found = f"raised by {course.turns.raised[lot]}"
        report("phantom", "usage_events", f"lot {lot}", found, "a lot that was granted")
    sums = journal.sums.get("credits")
    if course.blind:
        return
    line = held.windows.get("owed:used")
    advanced = (line[0] if line is not None else 0) - held.advanced() - orders.relieved(course.version)
    for name, found_amount, wanted in (
        ("receivable", sums.receivable if sums else 0, advanced), ("owed", sums.owed if sums else 0, held.debt),
    ):  # fmt: skip
        if found_amount != wanted:
            report("settled-state", "account_balances", name, f"{found_amount}", f"{wanted}, by the settled events")
