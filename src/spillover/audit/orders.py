"""What was ordered under a caller's key: grants, changes and refunds, beside the rows and terms that they made."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, Struct, json

from spillover.audit.chains import Row
from spillover.audit.journal import Journal
from spillover.audit.report import Report
from spillover.model.event import Event
from spillover.model.leg import Leg

_raised = json.Decoder(tuple[tuple[int, int], ...]).decode


class Answer(Struct):
    """What a refund gave back, as its order remembers it."""

    units: int
    lots: tuple[tuple[int, int], ...]
    relieved: int = 0
    expired: int = 0


_answer = json.Decoder(Answer).decode


class Orders:
    """An account's orders. `by_version`: version -> lot -> what the hot state raises it by; `keys`: lot -> the order
    that granted it; `answers`: version -> what its refund answered."""

    def __init__(self, rows: list[Row], report: Report) -> None:
        self.rows = rows
        self.by_version: dict[int, dict[int, int]] = {}
        self.grants: dict[int, Row] = {}
        self.keys: dict[str, Row] = {}
        self.answers: dict[int, Answer] = {}
        for row in rows:
            _, key, _, lot, version, raised, answer = row
            self.keys[key] = row
            if lot:
                self.grants[lot] = row
            try:
                into = self.by_version.setdefault(version, {})
                for one, amount in _raised(raised):
                    into[one] = into.get(one, 0) + amount
                if answer:
                    self.answers[version] = _answer(answer)
            except (MsgspecError, UnicodeError):
                report(
                    "form", "orders", f"key {key!r}", f"raised {raised}, answer {answer}", "what an order did, in JSON"
                )

    def relieved(self, after: int) -> int:
        """What refunds take off the overage line with versions after this one."""
        return sum(answer.relieved for version, answer in self.answers.items() if version > after)

    def check(self, versions: Mapping[int, Row], journal: Journal, report: Report) -> None:
        """Each order has its version, made when it was booked, and its rows; each row its order."""
        for row in self.rows:
            _, key, _, lot, version, _, _ = row
            made = versions.get(version)
            if made is None:
                report("complete", "orders", f"key {key!r}", f"version {version}", "one of the terms on record")
            rows = journal.orders.get(key, [])
            if lot and not any(one[2] == "grant" and one[4] == lot for one in rows):
                report("phantom", "orders", f"key {key!r}", f"a grant of lot {lot}", "one that a balance update raised")
            for one in rows:
                if made is not None and made[3:6] != (one[13], one[11], one[12]):
                    found = f"made at {made[3]} for {made[4]!r} by {made[5]!r}"
                    wanted = f"at {one[13]} for {one[11]!r} by {one[12]!r}, as its order"
                    report("terms", "profiles", f"version {version}", found, wanted)
        for key in sorted(journal.orders.keys() - self.keys.keys()):
            report("complete", "orders", f"key {key!r}", "no order", "the one that its balance updates name")
        self._sums(journal, report)

    def _sums(self, journal: Journal, report: Report) -> None:
        """Lots are raised by what was booked for them, no more and no less."""
        raised: dict[int, int] = {}
        for lots in self.by_version.values():
            for lot, amount in lots.items():
                raised[lot] = raised.get(lot, 0) + amount
        for lot in sorted(raised.keys() | journal.lots.keys()):
            booked = journal.lots[lot].ordered if lot in journal.lots else 0
            if raised.get(lot, 0) != booked:
                found = f"raised by {raised.get(lot, 0)}"
                report("terms", "orders", f"lot {lot}", found, f"{booked}, as its balance updates have it")
        relieved = -sum(row[5] for rows in journal.refunds.values() for row in rows if not row[4])
        if relieved != self.relieved(0):
            found = f"{self.relieved(0)} relieved by their answers"
            report("terms", "orders", "", found, f"{relieved}, as balance updates have it")


def check_refunds(
    rows: list[Row], events: Mapping[tuple[int, int], Event], journal: Journal, orders: Orders, report: Report
) -> None:
    """Refunds never exceed what was charged, and give it back in reverse order to where it came from (invariant 11)."""
    answered, counted = sum(answer.units for answer in orders.answers.values()), sum(row[3] for row in rows)
    if answered != counted:
        report("refunds", "orders", "", f"{answered} units refunded by their answers", f"{counted}, event by event")
    known = {f"{epoch}.{sequence}" for _, epoch, sequence, _, _ in rows}
    for cause in sorted(journal.refunds.keys() - known):
        number = journal.refunds[cause][0][1]
        report("refunds", "balance_updates", f"number {number}", f"a refund of event {cause}", "one that is on record")
    for _, epoch, sequence, refunded, units in rows:
        place = f"{epoch}.{sequence}"
        event = events.get((epoch, sequence))
        if event is None or event.kind not in ("usage", "commit"):
            report("refunds", "refunded", f"event {place}", f"{refunded} units refunded", "usage that is settled")
            continue
        whole = sum(leg.units for leg in event.legs)
        if units != whole or not 0 < refunded <= whole:
            report("refunds", "refunded", f"event {place}", f"{refunded} of {units}", f"1 to the {whole} of its legs")
        _compare(event, refunded, place, journal, report)


def _compare(event: Event, refunded: int, place: str, journal: Journal, report: Report) -> None:
    """Lot by lot what so many units come to; what goes to a lot that was issued anew is that of one that had ended."""
    wanted = backwards(event.legs, refunded)
    rows = journal.refunds.get(place, [])
    drawn = wanted.keys() - {0}
    found: dict[int, int] = {}
    issued = 0
    new: set[int] = set()
    for row in rows:
        if row[2] != "refund":
            continue
        lot, amount = row[4], abs(row[5])
        if lot and lot not in drawn and (lot in new or journal.lots[lot].first is row):
            new.add(lot)
            issued += amount
        else:
            found[lot] = found.get(lot, 0) + amount
        book = row[6]
        if book != f"revenue/{event.feature}":
            report("zero-sum", "balance_updates", f"number {row[1]}", f"source {book}", f"revenue/{event.feature}")
    lacking = {lot: amount - found.get(lot, 0) for lot, amount in wanted.items()}
    short = sum(amount for lot, amount in lacking.items() if lot)
    over = any(amount < 0 for amount in lacking.values()) or found.keys() - wanted.keys()
    if over or lacking.get(0, 0) or short != issued:
        told = f"{found} to lots (0: the overage line), {issued} to new ones"
        report("refunds", "balance_updates", f"event {place}", told, f"{wanted}, for {refunded} units")


def backwards(legs: tuple[Leg, ...], units: int) -> dict[int, int]:
    """Lot (0: the overage line) -> what the last `units` of an event took of it."""
    found: dict[int, int] = {}
    for leg in reversed(legs):
        taken = min(units, leg.units)
        units -= taken
        if leg.layer == "units":
            worth = taken
        else:
            # A price with a factor was rounded once for the leg: units take their share of it, half up.
            worth = (2 * leg.amount * taken + leg.units) // (2 * leg.units) if leg.units else 0
        if leg.layer == "overage" and worth:
            found[0] = found.get(0, 0) + worth
        for lot, amount in reversed(leg.lots):
            part = min(worth, amount)
            worth -= part
            if part:
                found[lot] = found.get(lot, 0) + part
    return found
