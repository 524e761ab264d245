"""Overage on its way to an invoice: each account's balance updates, piece by piece, without gap or overlap.

A piece covers the balance updates `after` < number <= `until`. It is written down before it is sent, so whoever is
killed leaves either nothing or a piece that the next run finds. One that was written and is not known to be sent is
first looked for at the biller's by its name. No other piece of that account is written before; so the pieces of an
account go on from one another, and at most the last one is in doubt.

Money is credits times the price of a credit, rounded once for each piece, half up; what rounding leaves over or takes
too much stands with the piece as an exact fraction and goes into the next. So all pieces together are off by half a
minor unit at most, however many they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from spillover.engine.drive import drive
from spillover.model.amounts import MICRO, format_credits
from spillover.model.errors import InvalidInput, shown
from spillover.model.reports import AccountRow
from spillover.ports import Ledger
from spillover.ports.sales import Export
from spillover.selling import money
from spillover.selling.records import PROVIDER, Ask
from spillover.selling.stripe_calls import Item
from spillover.selling.stripe_errors import Doubtful, Refused

PAGE = 1_000
"""Accounts, or balance updates, that are in memory at the same time."""
MONEY_MAX = 99_999_999
"""Minor units of one invoice item, at most: Stripe takes eight digits."""
SLACK = 86_400_000
"""By how much the clocks of Stripe and of whoever wrote a piece may differ (ms)."""
BUSY_TRIES = 5
"""How often one piece is sent while Stripe takes no more, with 1, 2, 4 and 8 s between."""
_OFF = "receivable"
_is_customer = re.compile(r"cus_[A-Za-z0-9_]{1,100}").fullmatch

Outcome = Literal["sent", "found", "nothing", "unlinked", "refused", "doubtful", "would"]
"""What became of a piece. `found`: it was there already. `nothing`: it comes to no money yet. `unlinked`: nobody knows
the account as a customer. `refused`: it stays written, and is tried again. `doubtful`: it is looked for next time.
`would`: a dry run."""
BAD: frozenset[Outcome] = frozenset({"unlinked", "refused", "doubtful"})


class Biller(Protocol):
    """Who puts items on invoices: `stripe_calls.Stripe`. Raises Refused, Doubtful."""

    def add_item(self, item: Item) -> str:
        """Make it, once for its name."""
        ...

    def find_item(self, customer: str, name: str, since: int) -> str | None:
        """The one of that name."""
        ...


class Price(Struct, frozen=True):
    """What a credit costs, in the currency's minor unit, exact."""

    minor: Fraction
    currency: str


class Line(Struct, frozen=True):
    """What became of one piece of an account (its name, or id where it has none): micro-credits, and minor units."""

    account: str
    outcome: Outcome
    amount: int
    money: int
    currency: str
    number: int = 0
    reference: str = ""
    why: str = ""


def read_price(text: object) -> Price:
    """A price as it is written, "0.01 EUR". Raises InvalidInput, also for 0."""
    amount, currency = money.read("price-of-credit", text)
    if not amount:
        raise InvalidInput("price-of-credit", shown(text), "more than nothing")
    return Price(amount * 10 ** money.decimals(currency), currency)


class Exporting:
    """Exports the overage of all accounts. Any number may run beside each other; each piece is sent once."""

    def __init__(
        self, ledger: Ledger, ask: Ask, biller: Biller | None, price: Price, *, until: int, now: Callable[[], int],
        pause: Callable[[float], None], dry: bool = False,
    ) -> None:  # fmt: skip
        """`until`: balance updates of before that instant (ms); each account's up to the first that is later. `pause`
        waits for so many seconds. `dry`: write and send nothing, so that no biller is wanted."""
        self._ledger, self._ask, self._given, self._price = ledger, ask, biller, price
        self._until, self._now, self._pause, self._dry = until, now, pause, dry

    @property
    def _biller(self) -> Biller:
        assert self._given is not None, "a dry run sends nothing"
        return self._given

    def run(self) -> Iterator[Line]:
        """Each piece as it is done, account by account. Raises Refused where Stripe refuses everything (a wrong key),
        StoreError; what was done until then is done."""
        after: int | None = 0
        while after is not None:
            page = drive(self._ledger.accounts(limit=PAGE, after=after))
            for row in page.rows:
                yield from self._account(row)
            after = page.after

    def _account(self, row: AccountRow) -> Iterator[Line]:
        if row.name is None:
            return  # erased: nobody knows any more whom to bill
        last = self._ask(lambda records: records.last_export(row.account))
        if last is not None and last.state == "written":
            line = self._resumed(row, last)
            yield line
            if line.outcome in BAD or line.outcome == "would":
                return
        if last is None and not row.receivable:
            return
        if last is not None and self._exported(row.account) == row.receivable:
            return  # all that the line has advanced is on its way: no balance update needs to be read
        piece = self._piece(row.account, last)
        if piece is None:
            return
        customer = self._customer(row.account)
        if abs(piece.money) > MONEY_MAX:
            most = money.told(MONEY_MAX, piece.currency)
            yield _line(row, piece, "refused", f"Stripe takes at most {most} at a time; use --until for less")
        elif customer is None:
            yield _line(row, piece, "unlinked", f"spillover stripe link {row.name} CUSTOMER")
        elif self._dry:
            yield _line(row, piece, "would")
        elif self._ask(lambda records: records.add_export(piece)):
            yield self._sent(row, piece, customer)
        else:  # another run was first, and may have been killed since
            other = self._ask(lambda records: records.last_export(row.account))
            if other is not None and other.state == "written":
                yield self._resumed(row, other)

    def _exported(self, account: int) -> int:
        """Micro-credits in all pieces of the account."""
        total = number = 0
        while True:
            after = number
            page = self._ask(lambda records: records.exports(account, after=after, limit=PAGE))  # noqa: B023  # at once
            total += sum(one.amount for one in page)
            if len(page) < PAGE:
                return total
            number = page[-1].number

    def _piece(self, account: int, last: Export | None) -> Export | None:
        """The next piece of an account; None where there is nothing to bill."""
        start = end = last.until if last else 0
        amount, after, going = 0, start, True
        while going:
            page = drive(self._ledger.statement(account, limit=PAGE, after=after))
            for row in page.rows:
                if row.at >= self._until:
                    going = False
                    break
                end = row.number
                if _OFF in (row.source, row.target):
                    amount += row.delta
            going = going and page.after is not None
            after = page.after or after
        rest = Fraction(last.rest) if last and last.currency == self._price.currency else Fraction(0)
        exact = Fraction(amount, MICRO) * self._price.minor + rest
        charged = money.rounded(exact, self._price.currency)
        if not amount or end == start:
            return None
        return Export(
            account, last.number + 1 if last else 1, start, end, amount, charged, self._price.currency,
            str(exact - charged), at=self._now(),
        )  # fmt: skip

    def _resumed(self, row: AccountRow, piece: Export) -> Line:
        """A piece that an earlier run wrote: it may have been sent."""
        customer = self._customer(row.account)
        if customer is None:
            return _line(row, piece, "unlinked", f"spillover stripe link {row.name} CUSTOMER")
        if self._dry:
            return _line(row, piece, "would", "it was written before")
        if piece.money:
            try:
                found = self._biller.find_item(customer, _name(piece), piece.at - SLACK)
            except Doubtful as doubt:
                return _line(row, piece, "doubtful", str(doubt))
            except Refused as refused:
                if refused.whole:
                    raise
                return _line(row, piece, "refused", str(refused))
            if found is not None:
                return self._known(row, piece, found, "found")
        return self._sent(row, piece, customer)

    def _sent(self, row: AccountRow, piece: Export, customer: str) -> Line:
        if not piece.money:
            return self._known(row, piece, "", "nothing")
        said = f"Overage: {format_credits(piece.amount)} credits"
        item = Item(customer, piece.money, piece.currency, said, _name(piece))
        for tried in range(BUSY_TRIES):
            try:
                return self._known(row, piece, self._biller.add_item(item), "sent")
            except Doubtful as doubt:
                if not doubt.busy or tried == BUSY_TRIES - 1:
                    return _line(row, piece, "doubtful", str(doubt))
            except Refused as refused:
                if refused.whole:
                    raise
                return _line(row, piece, "refused", str(refused))
            self._pause(2.0**tried)
        raise AssertionError("unreachable")

    def _known(self, row: AccountRow, piece: Export, reference: str, outcome: Outcome) -> Line:
        self._ask(lambda records: records.export_sent(piece.account, piece.number, reference))
        return _line(row, replace(piece, reference=reference), outcome)

    def _customer(self, account: int) -> str | None:
        return self._ask(lambda records: records.customer(account, PROVIDER))


def link(ask: Ask, biller: Callable[[], Biller], account: int, customer: str) -> None:
    """That customer of Stripe is this account, and nobody else. Raises InvalidInput, Doubtful.

    A piece that may have been sent to the customer of before is looked for first: under the new one nobody would.
    """
    if not _is_customer(customer):
        raise InvalidInput("customer", shown(customer), "what Stripe calls it, cus_...")
    other = ask(lambda records: records.account_of(PROVIDER, customer))
    if other is not None and other != account:
        raise InvalidInput("customer", f"{customer}, which is another account", "one that is none; link that one first")
    before = ask(lambda records: records.customer(account, PROVIDER))
    last = ask(lambda records: records.last_export(account))
    if before is not None and before != customer and last is not None and last.state == "written" and last.money:
        found = biller().find_item(before, _name(last), last.at - SLACK)
        if found is not None:
            ask(lambda records: records.export_sent(account, last.number, found))
    ask(lambda records: records.bind_customer(account, PROVIDER, customer))


def _name(piece: Export) -> str:
    """By which the biller knows a piece."""
    return f"{piece.account}:{piece.number}"


def _line(row: AccountRow, piece: Export, outcome: Outcome, why: str = "") -> Line:
    name = row.name if row.name is not None else str(row.account)
    return Line(
        name, outcome, piece.amount, piece.money, piece.currency, piece.number, piece.reference, why
    )  # fmt: skip
