"""What a transfer does to a lot and to the account's sums; the one place that knows, for settlement and for orders.

    lot row                                  lot                       account, in the lot's measure
    grant, adjust up, rollover in            granted +x                granted +x
    debit, owed                              spent +x                  spent +x
    refund                                   spent -x (new: granted)   spent -x (new: granted)
    expire, rollover out                     expired +x                gone +x
    revoke, adjust down                      revoked +x                gone +x

and always the balance by delta, so granted = balance + spent + expired + revoked stays true.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from spillover.ledgers.books.chain import Data
from spillover.model.account import Lot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Transfer

_scope = msgspec.json.Decoder(tuple[tuple[str, tuple[str, ...]], ...]).decode


class LotState(Struct):
    """A lot as the books have it."""

    measure: str
    granted: int = 0
    balance: int = 0
    spent: int = 0
    expired: int = 0
    revoked: int = 0


class Sums(Struct):
    """An account's sums over its lots of one measure, and in credits what it owes."""

    granted: int = 0
    spent: int = 0
    gone: int = 0
    balance: int = 0
    receivable: int = 0
    owed: int = 0


class Unpayable(Exception):
    """A transfer that these books cannot take; the text says why."""


class Posting:
    """The transfers of one event or order, posted on copies: nothing is changed where one of them cannot be."""

    __slots__ = ("_find_lot", "_find_sums", "_outstanding", "lots", "rows", "sums")

    def __init__(self, find_lot: Callable[[int], LotState | None], find_sums: Callable[[str], Sums]) -> None:
        self._find_lot, self._find_sums = find_lot, find_sums
        self._outstanding = 0
        self.lots: dict[int, LotState] = {}
        self.sums: dict[str, Sums] = {}
        self.rows: list[tuple[Transfer, int, int]] = []

    def post(self, transfer: Transfer) -> None:
        """Post one transfer, with the lot's and the account's balance after it. Raises Unpayable."""
        if not transfer.delta:
            after = (0, 0)
        elif transfer.lot:
            after = self._move(transfer)
        else:
            after = (0, self._owe(transfer))
        self.rows.append((transfer, *after))

    def sums_of(self, measure: str) -> Sums:
        """The sums as they stand after what was posted."""
        found = self.sums.get(measure)
        if found is None:
            found = self.sums[measure] = copy.copy(self._find_sums(measure))
        return found

    def _move(self, transfer: Transfer) -> tuple[int, int]:
        kind, number, delta = transfer.kind, transfer.lot, transfer.delta
        lot = self.lots.get(number)
        if lot is None:
            kept = self._find_lot(number)
            if kept is None or kept.measure != transfer.measure:
                found = "no such lot" if kept is None else f"a lot of {kept.measure}"
                raise Unpayable(f"lot {number}: found {found}, expected one of {transfer.measure}")
            lot = self.lots[number] = copy.copy(kept)
        sums = self.sums_of(transfer.measure)
        lot.balance += delta
        sums.balance += delta
        if kind in ("debit", "owed") or (kind == "refund" and lot.spent):
            lot.spent -= delta
            sums.spent -= delta
        elif delta > 0:
            lot.granted += delta
            sums.granted += delta
        else:
            sums.gone -= delta
            if kind in ("expire", "rollover"):
                lot.expired -= delta
            else:
                lot.revoked -= delta
        if kind == "owed":
            sums.owed += delta
        self._check(number, lot, sums)
        return lot.balance, sums.balance

    def _check(self, number: int, lot: LotState, sums: Sums) -> None:
        if lot.balance < 0:
            kept = self._find_lot(number)
            had = kept.balance if kept is not None else 0
            raise Unpayable(f"lot {number}: draws {had - lot.balance} of a balance of {had}")
        if lot.spent < 0 or sums.spent < 0:
            raise Unpayable(f"lot {number}: gets back {-lot.spent} more than was spent of it")
        if lot.granted > AMOUNT_MAX or sums.granted > AMOUNT_MAX:
            raise Unpayable(f"lot {number}: all that was ever granted would pass 2^53 - 1")
        if sums.owed < 0:
            raise Unpayable(f"lot {number}: pays {-sums.owed} more than is owed")

    def _owe(self, transfer: Transfer) -> int:
        """Lot 0: the receivable, the overshoot book, or what is owed; what it holds after the transfer."""
        kind, delta = transfer.kind, transfer.delta
        sums = self.sums_of(transfer.measure)
        if kind in ("debit", "overshoot_refund"):
            self._outstanding += delta
            return self._outstanding
        if kind == "owed":
            sums.owed += delta
            after, name = sums.owed, "what overshoot left to be paid"
        else:
            sums.receivable += delta
            after, name = sums.receivable, "what the account owes"
        if after > AMOUNT_MAX:
            raise Unpayable(f"{name} would pass 2^53 - 1 by this {kind} of {delta}")
        if after < 0:
            raise Unpayable(f"{name} would fall below 0 by this {kind} of {delta}")
        return after


def update_row(account: int, number: int, transfer: Transfer, lot_after: int, account_after: int) -> tuple[Data, ...]:
    """A balance update in the order of its columns, without the hash."""
    return (
        account, number, transfer.kind, transfer.measure, transfer.lot, transfer.delta, transfer.source,
        transfer.target, lot_after, account_after, transfer.cause, transfer.reason, transfer.actor, transfer.at,
    )  # fmt: skip


def lot_from(row: tuple[Any, ...]) -> Lot:
    """A lot of the columns `lot, measure, priority, effective, expires, promotional, scope`."""
    return Lot(*(*row[:5], bool(row[5]), _scope(row[6])))
