"""The tables that are audited, and reading them side by side in the order of accounts.

Statements are made from the list of columns, which is also what the schema is checked against; docs/LEDGER.md describes
them, for both kinds of database. A range of accounts is read with one statement for each table, so an account costs no
statements of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

Row = tuple[Any, ...]


class Table(NamedTuple):
    """Its columns, the first the account; the order in which they are read; which hold texts, and which blobs."""

    columns: str
    order: str
    texts: str = ""
    blobs: str = ""

    @property
    def account(self) -> str:
        """The column that says whose a row is."""
        return self.columns.split(maxsplit=1)[0]

    @property
    def ordered(self) -> list[str]:
        """The columns by which it is read, the account first."""
        order = self.order.split(", ")
        return order if self.account in order else [self.account, *order]

    def misfits(self, row: Row) -> str:
        """The columns whose value is not of the type that the schema gives them, as only damage can make it."""
        found = []
        for name, value in zip(self.columns.split(), row, strict=True):
            kind = str if name in self.texts.split() else bytes if name in self.blobs.split() else int
            if not isinstance(value, kind) and (self is not BOOKS["quarantine"] or name != "at"):
                found.append(f"{name} {value!r}")
        return ", ".join(found)


BOOKS = {
    "usage_events": Table("account epoch sequence key payload hash", "epoch, sequence", "key", "payload hash"),
    "monetization_events": Table(
        "account number epoch sequence feature at subject amount legs hash",
        "epoch, sequence",
        "feature subject legs",
        "hash",
    ),
    "balance_updates": Table(
        "account number kind measure lot delta source target lot_after account_after cause reason actor at hash",
        "number",
        "kind measure source target cause reason actor",
        "hash",
    ),
    "quarantine": Table(
        "account epoch sequence key payload reason at counted applied", "epoch, sequence, key", "key reason", "payload"
    ),
    "accounts": Table(
        "id epoch settled_sequence settled_version version next_lot usage_count usage_head charge_count charge_head"
        " update_count update_head due",
        "id",
        "",
        "usage_head charge_head update_head",
    ),
    "profiles": Table("account version payload at reason actor", "version", "payload reason actor"),
    "outbox": Table("account number version push", "version", "push"),
    "lots": Table(
        "account lot measure granted balance spent expired revoked promotional effective expires priority paid currency"
        " tax reference granted_at scope key ended",
        "lot",
        "measure paid currency tax reference scope key ended",
    ),
    "orders": Table(
        "account key fingerprint lot version raised answer", "version, key", "key raised answer", "fingerprint"
    ),
    "refunded": Table("account epoch sequence refunded units", "epoch, sequence"),
    "account_balances": Table("account measure granted spent gone balance receivable owed", "measure", "measure"),
    "settled_cells": Table("account name value", "name", "name"),
    "settled_holds": Table("account id due record", "id", "id", "record"),
    "epochs": Table("account epoch ended at reason actor", "epoch", "reason actor"),
    "pushed": Table("account version push", "version", "push"),
}
HOT = {
    "hot_accounts": Table("account epoch sequence version shut", "account"),
    "hot_profiles": Table("account profile", "account", "", "profile"),
    "cells": Table("account name value", "name", "name"),
    "holds": Table("account id due record", "id", "id", "record"),
    "stream": Table("account epoch sequence key payload id", "epoch, sequence, id", "key", "payload"),
}
"""The hot state's tables; a ledger in memory has none of them."""
HOUSE = {
    "policies": "hash document published_at",
    "publications": "number hash since at reason actor withdraws",
}
"""The columns of what belongs to no account."""
APPEND_ONLY = (
    "usage_events", "monetization_events", "balance_updates", "quarantine", "profiles", "orders", "epochs",
    "policies", "publications",
)  # fmt: skip


UNIQUE = {
    "usage_events": (("account", "epoch", "sequence"), ("account", "key")),
    "monetization_events": (("account", "epoch", "sequence"),),
    "balance_updates": (("account", "number"),),
}
"""What no two rows may have alike."""
ReadTape = Callable[[str, Table, int, int, bool], Iterator[Row]]


class Tape:
    """Rows of a range of accounts, in the order of accounts, read once from the first to the last."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._accounts = groupby(rows, itemgetter(0))
        self._asked = True
        self._account: int | None = None
        self._rows: Iterator[Row] = iter(())

    @property
    def account(self) -> int | None:
        """Whose rows come next; None at the end. Rows of an account that were not read are passed over."""
        if self._asked:
            self._asked = False
            self._account, self._rows = next(self._accounts, (None, iter(())))
        return self._account

    def rows(self, account: int) -> Iterator[Row]:
        """The account's rows. Accounts must be asked for in their order."""
        if self.account != account:
            return iter(())
        self._asked = True
        return self._rows

    def take(self, account: int) -> list[Row]:
        """All of the account's rows."""
        return list(self.rows(account))


def open_tape(read: ReadTape, name: str, table: Table, low: int, high: int, lenient: bool) -> Tape:
    """A table's rows of the accounts from `low` to `high`."""
    rows = read(name, table, low, high, lenient)
    return Tape(map(_readable(table), rows) if lenient else rows)


def readable_text(value: bytes) -> str:
    """Bytes as text; what is no UTF-8 is shown as escapes."""
    return value.decode(errors="backslashreplace")


def _readable(table: Table) -> Callable[[Row], Row]:
    """A text that is no UTF-8 is shown with escapes: it can then be named, and is found not to be what it was."""
    columns = table.columns.split()
    texts = frozenset(columns.index(name) for name in table.texts.split())

    def readable(row: Row) -> Row:
        return tuple(
            readable_text(value) if at in texts and isinstance(value, bytes) else value for at, value in enumerate(row)
        )

    return readable
