"""Top-ups in the office's tables: rules, orders, and what became of them.

An order is written by the watcher, in the transaction that moves the account's place (`rule_of`, `open_of`, `order`
take what it has of that transaction). That there is never a second open order is the database's own rule, too. Every
order that fails is told of in the transaction that ends it, whoever ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from spillover.ledgers.books.tables import Desk, Row, Tables
from spillover.model.amounts import format_credits
from spillover.model.errors import InvalidInput, shown
from spillover.model.policy import Pack
from spillover.office.notice_records import NoticeRecords
from spillover.ports.notices import Message, Writer
from spillover.ports.sales import TOPUP_KEY, TopUp, TopUpRule

PAGE_MAX = 10_000
"""Rows of one page, at most."""
NOTE_MAX = 500
"""Characters of a note: longer ones are cut."""
LAST: tuple[str, int] = ("9999-99", 1)
"""Later than any order."""
_is_key = re.compile(re.escape(TOPUP_KEY) + r"([0-9]{1,19}):([0-9]{4}-[0-9]{2}):([0-9]{1,9})").fullmatch

_pack = msgspec.json.Decoder(Pack).decode
_encode = msgspec.json.Encoder().encode


class TopUpRecords(NoticeRecords):
    """The part of `Sales` that is about top-ups."""

    _desk: Desk

    async def put_topup_rule(self, rule: TopUpRule) -> None:
        """Keep the account's rule, in place of what stands there."""
        row = (rule.account, rule.below, rule.pack, rule.most, rule.made)
        self._desk.write(lambda tables: tables.run("topups.put_rule", *row))

    async def topup_rule(self, account: int) -> TopUpRule | None:
        """The account's rule."""
        return self._desk.read(lambda tables: rule_of(tables, account))

    async def ruled(self, accounts: Sequence[int]) -> set[int]:
        """Those of these accounts that have a rule."""
        wanted = [(account,) for account in accounts]
        return {row[0] for row in self._desk.read(lambda tables: tables.many("topups.ruled", wanted))}

    async def remove_topup_rule(self, account: int) -> bool:
        """No more orders for the account; whether there was a rule."""
        return self._desk.write(lambda tables: tables.one("topups.remove_rule", account) is not None)

    async def topup_rules(self, *, after: int = 0, limit: int = 1000) -> list[TopUpRule]:
        """All rules in the order of account ids, from behind `after`."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("topups.rules", after, limit)))
        return [TopUpRule(*row) for row in rows]

    async def full_topups(self, before: str, *, after: int = 0, limit: int = 1000) -> list[tuple[TopUpRule, str]]:
        """Rules whose newest order is the last that its month, before `before`, had room for; with that month."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("topups.full", before, after, limit)))
        return [(TopUpRule(*rule), period) for *rule, period in rows]

    async def topups(self, account: int, *, before: tuple[str, int] | None = None, limit: int = 100) -> list[TopUp]:
        """The account's orders, the newest first; pages go on with `before`."""
        period, number = before or LAST
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("topups.page", account, period, number, limit)))
        return [_topup(row) for row in rows]

    async def topup(self, account: int, period: str, number: int) -> TopUp | None:
        """One order."""
        row = self._desk.read(lambda tables: tables.one("topups.find", account, period, number))
        return _topup(row) if row else None

    async def open_topup(self, account: int) -> TopUp | None:
        """The one that is wanted and neither paid nor failed."""
        return self._desk.read(lambda tables: open_of(tables, account))

    async def due_topups(self, now: int, limit: int = 100) -> list[TopUp]:
        """Wanted ones whose next try is due, the longest due first."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("topups.due", now, limit)))
        return [_topup(row) for row in rows]

    async def put_off_topup(self, topup: TopUp, due: int, *, tries: int, note: str = "") -> bool:
        """Its next try is due then; False if somebody else has put it off, or it ended."""
        row = (topup.due, topup.tries, due, tries, _cut(note))
        return self._desk.write(lambda tables: tables.one("topups.put_off", *_place(topup), *row) is not None)

    async def end_topup(
        self, topup: TopUp, state: Literal["paid", "failed"], note: str = "", *, at: int = 0
    ) -> bool:  # fmt: skip
        """How a wanted one ended, once; False where it had ended before. One that failed is told of."""

        def work(tables: Tables) -> bool:
            if not end(tables, topup, state, note):
                return False
            if state == "failed":
                self._put(tables, [topup_message("topup.failed", topup, at or topup.at, note)], at, "", ())
            return True

        return self._desk.write(work)


def rule_of(tables: Writer, account: int) -> TopUpRule | None:
    """The account's rule, as this transaction sees it."""
    row = tables.one("topups.rule", account)
    return TopUpRule(*row) if row else None


def open_of(tables: Writer, account: int) -> TopUp | None:
    """The account's open order, as this transaction sees it."""
    row = tables.one("topups.open", account)
    return _topup(row) if row else None


def paid_by(tables: Writer, account: int, causes: Iterable[str]) -> TopUp | None:
    """The account's order that one of these causes has paid, and that is noted as paid."""
    for cause in causes:
        key = _is_key(cause)
        if key is None or int(key[1]) != account:
            continue
        row = tables.one("topups.find", account, key[2], int(key[3]))
        if row and (found := _topup(row)).state == "paid":
            return found
    return None


def ordered_in(tables: Writer, account: int, period: str) -> int:
    """How many were ordered in that period, whatever became of them."""
    row = tables.one("topups.last", account, period)
    return int(row[0]) if row else 0


def order(tables: Writer, topup: TopUp) -> None:
    """Write an order down, in the transaction of the watcher, which is alone with the account's place."""
    terms = _encode(topup.pack).decode()
    tables.run("topups.add", *_place(topup), topup.pack.name, terms, topup.at, topup.due)


def end(tables: Writer, topup: TopUp, state: Literal["paid", "failed"], note: str = "") -> bool:
    """How a wanted one ended, once; False where it had ended before."""
    return tables.one("topups.end", *_place(topup), state, _cut(note)) is not None


def topup_message(type: Literal["topup.wanted", "topup.failed"], topup: TopUp, at: int, why: str = "") -> Message:
    """What receivers are told of an order: what is to be charged, under which key; or that it failed, and why."""
    pack = topup.pack
    amount: dict[str, object] = {"units": pack.amount}
    if pack.measure == "credits":
        amount = {"credits": format_credits(pack.amount), "micro_credits": pack.amount}
    data = {
        "key": topup.key, "period": topup.period, "number": topup.number,
        "pack": {"name": pack.name, "measure": pack.measure, "amount": amount},
        "price": pack.price, "currency": pack.currency,
        **({"why": _cut(why)} if type == "topup.failed" else {}),
    }  # fmt: skip
    return Message(f"{type}:{topup.key}", topup.account, type, at, _encode(data))


def page_of(limit: object) -> int:
    """How many rows of a page. Raises InvalidInput."""
    if type(limit) is not int or not 0 < limit <= PAGE_MAX:
        raise InvalidInput("limit", shown(limit), f"from 1 to {PAGE_MAX:,} rows")
    return limit


def _place(topup: TopUp) -> tuple[int, str, int]:
    return topup.account, topup.period, topup.number


def _topup(row: Row) -> TopUp:
    account, period, number, terms, *rest = row
    return TopUp(account, period, number, _pack(terms), *rest)


def _cut(note: str) -> str:
    return note.replace("\0", " ").encode("utf-8", "replace").decode()[:NOTE_MAX]
