"""A statement that proves itself: an account's balance updates with their chain, as JSON lines (docs/RECEIPTS.md).

The first line says whose they are, how many, and the hash of the last; each further one is a row of `balance_updates`
as docs/LEDGER.md chains it, with its hash. Names are the tokens of the books.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import msgspec
from msgspec import Struct

from spillover.model.errors import InvalidInput
from spillover.model.reports import StatementRow
from spillover.ports import Ledger
from spillover.proof.chain import HASH_LENGTH, canonical, genesis, link
from spillover.proof.receipt import Signature
from spillover.proof.signing import sign

FORM = 1
"""The version of the statement's form."""
PAGE = 10_000
"""Rows read at a time."""
TABLE = "balance_updates"
A_STATEMENT = "a statement, as `spillover proof statement ACCOUNT --out FILE` writes it"
_OWN_BOOK = {"debit": "overshoot", "overshoot_refund": "overshoot", "owed": "owed"}
"""Kind of a row of lot 0 -> the account's own book that it moves; of the others the receivable."""


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    spillover_statement: int
    account: int
    count: int
    head: str
    signature: Signature | None = None


class Row(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A balance update, in the order of its columns."""

    account: int
    number: int
    kind: str
    measure: str
    lot: int
    delta: int
    source: str
    target: str
    lot_after: int
    account_after: int
    cause: str
    reason: str
    actor: str
    at: int


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A further line."""

    hash: str
    row: Row


async def export_statement(ledger: Ledger, account: int, key_file: str | None = None) -> bytes:
    """All balance updates of the account that are booked, signed by a private key if its file is given.

    Raises UnknownName, and InvalidInput for a file that is no key.
    """
    lines: list[bytes] = []
    last, after = genesis(TABLE, account), 0
    while True:
        page = await ledger.statement(account, limit=PAGE, after=after)
        for booked in page.rows:
            row = _row(account, booked)
            last = link(last, row)
            lines.append(canonical({"hash": last.hex(), "row": row}))
        if page.after is None:
            break
        after = page.after
    head = {"spillover_statement": FORM, "account": account, "count": len(lines), "head": last.hex()}
    if key_file is not None:
        head = sign(head, key_file)
    return b"\n".join([canonical(head), *lines]) + b"\n"


def _row(account: int, booked: StatementRow) -> list[str | int]:
    return [
        account, booked.number, booked.kind, booked.measure, booked.lot, booked.delta, booked.source, booked.target,
        booked.lot_after, booked.account_after, booked.cause, booked.reason, booked.actor, booked.at,
    ]  # fmt: skip


def read_head(data: bytes) -> tuple[dict[str, Any], Head]:
    """The first line, as it stands and as it is meant. Raises InvalidInput."""
    document = _line(data.partition(b"\n")[0], 1)
    form = document.get("spillover_statement")
    if type(form) is int and form > FORM:
        raise InvalidInput("statement", f"form {form}", f"form {FORM}; a newer Spillover can read it")
    try:
        head = msgspec.convert(document, Head)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput("statement", f"a first line of another form ({error})", A_STATEMENT) from None
    if head.spillover_statement != FORM:
        raise InvalidInput("statement", f"form {head.spillover_statement}", f"form {FORM}")
    return document, head


def check_rows(data: bytes, head: Head) -> str | None:
    """The first thing that is wrong with the rows, in words; None if chain, running balances and sums fit.

    Raises InvalidInput for a line that is not as statements are written.
    """
    if not data.endswith(b"\n"):
        raise InvalidInput("statement", "a last line without its end", "the file untouched")
    books, last = Books(), genesis(TABLE, head.account)
    number = 0
    for number, text in enumerate(data[:-1].split(b"\n")[1:], 1):
        line, row = _booked(text, number)
        last = link(last, line["row"])
        wrong = None
        if (row.account, row.number) != (head.account, number):
            wrong = f"is number {row.number} of account {row.account}, expected {number} of {head.account}"
        elif line["hash"] != last.hex():
            wrong = "does not fit its chain"
        wrong = wrong or books.post(row)
        if wrong:
            return f"row {number} {wrong}"
    if number != head.count:
        return f"there are {number} rows, the first line says {head.count}"
    if head.head != last.hex():
        return f"the chain ends with {last.hex()[:12]}, the first line says {head.head[:12]}"
    return books.close()


class Books:
    """Running balances, from the rows alone."""

    def __init__(self) -> None:
        self.lots: dict[int, tuple[str, int]] = {}
        self.measures: dict[str, int] = defaultdict(int)
        self.debts: dict[str, int] = defaultdict(int)
        self.books: dict[tuple[str, str], int] = defaultdict(int)

    def post(self, row: Row) -> str | None:
        """Post one row; what is wrong with it, in words."""
        if not row.delta:
            wrong = "changes nothing" if row.source == row.target else None
            after = (0, 0)
        elif row.lot:
            wrong, after = self._lot(row)
        else:
            wrong, after = self._debt(row)
        if wrong:
            return wrong
        if after != (row.lot_after, row.account_after):
            return f"leaves {row.lot_after} and {row.account_after}, expected {after[0]} and {after[1]}"
        if row.delta:
            self.books[row.measure, row.source] -= abs(row.delta)
            self.books[row.measure, row.target] += abs(row.delta)
        return None

    def close(self) -> str | None:
        """Whether each of the account's own books holds what the running balances say."""
        own = {(measure, f"lot/{lot}"): left for lot, (measure, left) in self.lots.items()}
        own |= {("credits", book): -self.debts[book] for book in ("receivable", "owed")}
        own |= {(measure, book): 0 for measure in self.measures for book in ("overshoot", "rollover")}
        for place, expected in own.items():
            if self.books[place] != expected:
                return f"the book {place[1]} of {place[0]} sums to {self.books[place]}, expected {expected}"
        return None

    def _lot(self, row: Row) -> tuple[str | None, tuple[int, int]]:
        book = f"lot/{row.lot}"
        measure, left = self.lots.get(row.lot, (row.measure, 0))
        if measure != row.measure:
            return f"moves {row.measure}, but {book} is of {measure}", (0, 0)
        if book != (row.target if row.delta > 0 else row.source):
            return f"moves {book} by {row.delta}, from {row.source} to {row.target}", (0, 0)
        left += row.delta
        if left < 0:
            return f"draws {book} below 0", (0, 0)
        self.lots[row.lot] = (measure, left)
        self.measures[measure] += row.delta
        if row.kind == "owed":
            self.debts["owed"] += row.delta
        return None, (left, self.measures[measure])

    def _debt(self, row: Row) -> tuple[str | None, tuple[int, int]]:
        book = _OWN_BOOK.get(row.kind, "receivable")
        if book not in (row.source, row.target):
            return f"is of kind {row.kind}, from {row.source} to {row.target}", (0, 0)
        self.debts[book] = row.delta + (0 if row.kind == "debit" else self.debts[book])
        return None, (0, self.debts[book])


def _booked(text: bytes, number: int) -> tuple[dict[str, Any], Row]:
    line = _line(text, number + 1)
    try:
        return line, msgspec.convert(line, Line).row
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput("statement", f"line {number + 1} of another form ({error})", A_STATEMENT) from None


def _line(text: bytes, number: int) -> dict[str, Any]:
    try:
        line = json.loads(text)
        untouched = canonical(line) == text
    except (ValueError, RecursionError):
        raise InvalidInput("statement", f"line {number}, which is not JSON in UTF-8", A_STATEMENT) from None
    if not isinstance(line, dict) or not untouched:
        raise InvalidInput("statement", f"line {number}, which is not in the canonical form", "the file untouched")
    return line


def is_statement(data: bytes) -> bool:
    """Whether this means to be a statement rather than a receipt."""
    return b'"spillover_statement":' in data.partition(b"\n")[0][: 8 * HASH_LENGTH]
