"""What balance updates come to: each lot, and the account in each measure (invariants 2, 7 and 10).

    lot row                                  lot             account, in the lot's measure
    grant, adjust up, rollover in            granted +x      granted +x
    debit, owed                              spent +x        spent +x; owed also: owed -x
    refund                                   spent -x        spent -x; to a lot that gave nothing yet: granted +x
    expire, rollover out                     expired +x      gone +x
    revoke, adjust down                      revoked +x      gone +x

and the balance by delta. Rows of lot 0 move what the overage line has advanced, or what is owed.
"""

from __future__ import annotations

from collections.abc import Callable

from spillover.audit.chains import Row

ENTRIES = ("window_reset", "override", "plan_change", "state_change")
"""Kinds that move nothing: they say what was changed, in place of books what it was and what it is."""


class LotHistory:
    """One lot by its updates: its balance never leaves 0 .. granted. `first` is the row that it began with."""

    __slots__ = ("balance", "expired", "first", "granted", "measure", "ordered", "revoked", "spent")

    def __init__(self, measure: str, first: Row) -> None:
        self.measure, self.first = measure, first
        self.granted = self.balance = self.spent = self.expired = self.revoked = 0
        self.ordered = 0  # what orders raised it by: by now, or as soon as they are pushed


class Sums:
    """An account's sums in one measure."""

    __slots__ = ("balance", "gone", "granted", "owed", "receivable", "spent")

    def __init__(self) -> None:
        self.granted = self.spent = self.gone = self.balance = self.receivable = self.owed = 0


class Ledger:
    """An account's lots and sums as its rows come to, one row after the other."""

    def __init__(self, report: Callable[[str, int, object, object], None]) -> None:
        """`report` takes (check, number of the row, found, expected)."""
        self._report = report
        self.lots: dict[int, LotHistory] = {}
        self.sums: dict[str, Sums] = {}
        self._outstanding = 0

    def after(self, kind: str, measure: str, lot: int, delta: int) -> tuple[int, int]:
        """What the lot and the account must have after such a row."""
        if kind in ENTRIES:
            return 0, 0
        sums, history = self.sums.get(measure), self.lots.get(lot)
        if lot:
            return (history.balance if history else 0) + delta, (sums.balance if sums else 0) + delta
        if kind == "debit":
            return 0, delta
        if kind == "overshoot_refund":
            return 0, self._outstanding + delta
        if sums is None:
            return 0, delta
        return 0, (sums.owed if kind == "owed" else sums.receivable) + delta

    def move(self, row: Row) -> None:
        """The row happens."""
        _, number, kind, measure, lot, delta, *_ = row
        if kind in ENTRIES:
            return
        sums = self.sums.get(measure)
        if sums is None:
            sums = self.sums[measure] = Sums()
        if lot:
            self._lot(number, kind, lot, delta, sums, row)
        elif kind in ("debit", "overshoot_refund"):
            self._outstanding = delta if kind == "debit" else self._outstanding + delta
        elif kind == "owed":
            sums.owed += delta
        else:
            sums.receivable += delta
        if sums.owed < 0 or sums.receivable < 0:
            found = f"{sums.receivable} receivable, {sums.owed} owed"
            self._report("funding", number, found, "neither below 0")

    def _lot(self, number: int, kind: str, lot: int, delta: int, sums: Sums, row: Row) -> None:
        history = self.lots.get(lot)
        if history is None:
            history = self.lots[lot] = LotHistory(row[3], row)
        elif history.measure != row[3]:
            self._report("funding", number, f"{row[3]} from lot {lot}", history.measure)
        history.balance += delta
        sums.balance += delta
        if kind in ("debit", "owed") or (kind == "refund" and history.spent):
            history.spent -= delta
            sums.spent -= delta
            if kind == "owed":
                sums.owed += delta
        elif delta > 0:
            history.granted += delta
            sums.granted += delta
        else:
            sums.gone -= delta
            if kind in ("expire", "rollover"):
                history.expired -= delta
            else:
                history.revoked -= delta
        if history.balance < 0 or min(history.spent, history.expired, history.revoked) < 0:
            found = f"{history.balance} left in lot {lot}, {history.spent} spent of it"
            self._report("funding", number, found, f"0 to the {history.granted} that it was granted")
