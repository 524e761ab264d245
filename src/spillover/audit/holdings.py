"""Projections beside the history that they sum up: lots with their grants, and balances by measure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from spillover.audit.course import Course
from spillover.audit.journal import Journal, LotHistory
from spillover.audit.report import Report
from spillover.audit.tables import Row
from spillover.model.account import Lot

_encode = msgspec.json.Encoder().encode
_TERMS = ("priority", "effective", "expires", "promotional")
_PLAIN = Lot(0, "credits")
_SUMS = ("granted", "spent", "balance", "owed")


def check_lots(
    rows: list[Row], grants: list[Row], next_lot: int, journal: Journal, course: Course, report: Report
) -> None:
    """Each lot by its updates, its grant, and its terms."""
    if next_lot != len(journal.lots) + 1:
        found = f"next_lot {next_lot}"
        report("history", "accounts", "", found, f"{len(journal.lots) + 1}, after the lots that were granted")
    keys = {lot: (key, fingerprint) for _, key, fingerprint, lot in grants}
    for _, key, _, lot in grants:
        if lot not in journal.lots:
            report("phantom", "grants", f"key {key!r}", f"a grant of lot {lot}", "one that a balance update raised")
    missing = journal.lots.keys() - {row[1] for row in rows}
    for lot in sorted(missing):
        report("history", "lots", f"lot {lot}", "no row", f"a lot of {journal.lots[lot].measure}, as it was granted")
    for row in rows:
        history = journal.lots.get(row[1])
        if history is None or history.grant is None:
            report("history", "lots", f"lot {row[1]}", f"{row[3]} {row[2]} granted", "no lot, as no update grants it")
            continue
        _check_lot(row, history, report)
        _check_origin(row, history.grant, keys.get(row[1]), course.lots.get(row[1]), report)


def _check_lot(row: Row, history: LotHistory, report: Report) -> None:
    _, lot, measure, granted, balance, spent, expired, revoked, *_ = row
    found, wanted = (measure, granted, balance, spent), (
        history.measure, history.granted, history.balance, history.spent,
    )  # fmt: skip
    for name, one, other in zip(("measure", "granted", "balance", "spent"), found, wanted, strict=True):
        if one != other:
            report("history", "lots", f"lot {lot}", f"{name} {one}", f"{other}, by its balance updates")
    if expired or revoked or granted != balance + spent + expired + revoked:
        sums = f"{granted} granted, {balance} left, {spent} spent, {expired} expired, {revoked} revoked"
        report("conservation", "lots", f"lot {lot}", sums, "granted = balance + spent, nothing expired or revoked")


def _check_origin(row: Row, grant: Row, known: tuple[str, bytes] | None, terms: Lot | None, report: Report) -> None:
    """The lot's terms and money beside the update that raised it, the fingerprint of its grant, and the profiles."""
    _, lot, measure, granted, _, _, _, _, promotional, effective, expires, priority, *money, granted_at = row
    key, reason, actor, at = grant[10:14]
    as_kept = Lot(lot, measure, priority, effective, expires, bool(promotional))
    if terms is not None and terms != as_kept:
        report("terms", "lots", f"lot {lot}", as_kept, f"{terms}, by the account's terms")
    if grant[6] != ("promotion" if promotional else "purchases"):
        kind = "promotional" if promotional else "paid"
        report("history", "lots", f"lot {lot}", f"a {kind} lot", f"one that {grant[6]} gave")
    if granted_at != at:
        report("history", "lots", f"lot {lot}", f"granted at {granted_at}", f"{at}, by its balance update")
    if known is None:
        report("complete", "grants", f"lot {lot}", "no grant", f"the one with key {key!r}")
        return
    content = {"amount": granted, "key": key, "reason": reason, "actor": actor}
    content |= dict(zip(("paid", "currency", "tax", "reference"), money, strict=True))
    wanted = _fingerprints(as_kept, content)
    if known[0] != key:
        report("phantom", "grants", f"key {known[0]!r}", f"a grant of lot {lot}", f"key {key!r}, by its balance update")
    elif known[1] not in wanted:
        found = f"{granted} {measure}, paid {' '.join(map(repr, money))}"
        report("keys", "lots", f"lot {lot}", found, f"what the fingerprint {known[1].hex()} of its grant is of")


def _fingerprints(lot: Lot, content: dict[str, Any]) -> tuple[bytes, ...]:
    """The fingerprints that a grant of this content may have: an expiry of never is left out, or written."""
    facts = {"id": 0, "measure": lot.measure}
    facts |= {name: value for name in _TERMS if (value := getattr(lot, name)) != getattr(_PLAIN, name)}
    written = [name for name in _TERMS if name in facts or name == "expires"]
    forms = facts, {"id": 0, "measure": lot.measure} | {name: getattr(lot, name) for name in written}
    return tuple(hashlib.sha256(_encode({"lot": form} | content)).digest() for form in forms)


def check_balances(rows: list[Row], journal: Journal, report: Report) -> None:
    """The account's sums in each measure."""
    stored: dict[str, tuple[int, ...]] = {row[1]: row[2:6] for row in rows}
    for measure in sorted(stored.keys() | journal.sums.keys()):
        sums = journal.sums.get(measure)
        wanted = (sums.granted, sums.spent, sums.balance, sums.owed) if sums else (0, 0, 0, 0)
        for name, one, other in zip(_SUMS, stored.get(measure, (0, 0, 0, 0)), wanted, strict=True):
            if one != other:
                report("history", "account_balances", measure, f"{name} {one}", f"{other}, by its balance updates")


def check_settled_lots(journal: Journal, course: Course, report: Report) -> None:
    """Ledger balance = settled cell + what was raised by terms that are not settled (+ what quarantine keeps back).

    A lot is raised once, in full.
    """
    raised, remaining = course.raised, course.held.remaining
    for lot, history in journal.lots.items():
        amount = raised.get(lot)
        if amount is not None and amount != history.granted:
            report("terms", "usage_events", f"lot {lot}", f"raised by {amount}", f"{history.granted}, as granted")
        wanted = history.granted if amount is None else remaining.get(lot, 0) + course.unbooked.get(lot, 0)
        if history.balance != wanted:
            found = f"a balance of {history.balance}"
            report("settled-state", "balance_updates", f"lot {lot}", found, f"{wanted}, by the settled events")
    for lot in sorted(raised.keys() - journal.lots.keys()):
        report("phantom", "usage_events", f"lot {lot}", f"raised by {raised[lot]}", "a lot that was granted")
