"""What every order has in common: booked once for each key, with its transfers, a new version of the terms, its push.

Grants, changes and refunds are orders. Their keys are of one kind: a key that made a grant makes nothing else.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec.structs import astuple, replace

from spillover.ledgers.books.chain import link
from spillover.ledgers.books.names import name_of
from spillover.ledgers.books.posting import LotState, Posting, Sums, Unpayable, lot_from, update_row
from spillover.ledgers.books.tables import Row, Tables
from spillover.ledgers.books.terms import check_instant, check_text, keep, newest, next_version
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Transfer
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, StoreError, UnknownName
from spillover.ports import Change, Grant, Push, Refund

LOTS_MAX = 256
"""Live lots of an account (law 14)."""
PRIORITY_MAX = 2**31

_encode = msgspec.json.Encoder().encode


class Done(msgspec.Struct, frozen=True):
    """An order that was booked before under this key: its lot, its version, its answer."""

    lot: int
    version: int
    answer: str


class Order:
    """One order on its way into the books; nothing of it stands before `finish`, and then all of it.

    Raises UnknownName for an account that was erased: nothing may be ordered any more, though an engine may still
    know the id. `done` is the order that the same key made before. Raises KeyReused if that was another. One of the
    books' `own` is refused neither for that nor for the number of lots: there is nobody to be told.
    """

    def __init__(
        self, tables: Tables, account: int, wanted: Grant | Change | Refund, *, at: int, own: bool = False
    ) -> None:
        for field in ("key", "reason", "actor"):
            check_text(field, getattr(wanted, field))
        if not wanted.key:
            raise InvalidInput("key", "''", "a key that is the same when the call is repeated")
        check_instant("at", at)
        self.tables, self.account, self.at, self._own = tables, account, at, own
        self.key, self.reason, self.actor = wanted.key, wanted.reason, wanted.actor
        tables.lock([account])
        self.before = newest(tables, account)
        self._fingerprint = _fingerprint(wanted)
        self.done = self._find()
        self.lot = 0
        self.live: dict[int, Lot] = {}
        self.gone: set[int] = set()
        self.raised: dict[int, int] = {}
        self._next_lot, self._count, self._head = _place(tables, account)
        self._posting = Posting(self._lot_state, self.sums)

    def _find(self) -> Done | None:
        name = name_of(self.tables, self.account)
        if name is None and not self._own:
            raise UnknownName("account", str(self.account), "an account that exists; it was erased")
        known = self.tables.one("orders.find", self.account, self.key)
        if known and known[0] != self._fingerprint:
            raise KeyReused(name or str(self.account), self.key)
        return Done(*known[1:]) if known else None

    def issue(
        self, lot: Lot, *, paid: str = "", currency: str = "", tax: str = "", reference: str = ""
    ) -> Lot:  # fmt: skip
        """A new lot with nothing in it yet, from this version on in the profile."""
        lot = replace(lot, id=self._next_lot)
        self._next_lot += 1
        self.tables.run(
            "orders.add_lot",
            self.account, lot.id, lot.measure, int(lot.promotional), lot.effective, lot.expires, lot.priority,
            paid, currency, tax, reference, self.at, _text(lot.scope), self.key,
        )  # fmt: skip
        self.live[lot.id] = lot
        return lot

    def find_lot(self, number: int) -> tuple[Lot, str] | None:
        """A lot's terms, and which end of it was ordered ("": none)."""
        row = self.tables.one("orders.lot", self.account, number)
        return (lot_from(row), row[-1]) if row else None

    def sums(self, measure: str) -> Sums:
        """The account's present sums in a measure."""
        row = self.tables.one("settling.balance", self.account, measure)
        return Sums(*row[2:]) if row else Sums()

    def require_room(self, measure: str, amount: int) -> None:
        """Raises BoundExceeded if all that the account was ever granted would pass 2^53 - 1."""
        granted = self._posting.sums_of(measure).granted + amount
        if granted > AMOUNT_MAX:
            advice = "grant less, or use another account"
            raise BoundExceeded(f"{measure} ever granted to the account", granted, AMOUNT_MAX, advice)

    def post(self, transfer: Transfer) -> None:
        """Post one transfer."""
        try:
            self._posting.post(transfer)
        except Unpayable as error:
            raise StoreError(
                f"account {self.account}: found books that cannot take {transfer.kind} {transfer.delta} ({error}),"
                " expected that they can; run an audit, and restore a backup"
            ) from error

    def raise_lot(self, lot: Lot, amount: int) -> None:
        """The hot state is to raise the lot by that much; one that had left the profile returns."""
        self.live[lot.id] = lot
        self.raised[lot.id] = self.raised.get(lot.id, 0) + amount

    def finish(self, push: Push, *, answer: str = "") -> Profile:
        """Write everything. `push` is what the hot state is to do; its profile holds the changes but those of lots."""
        profile = next_version(self.tables, push.profile, self.at, self.live, self.gone)
        if self.live and len(profile.lots) > LOTS_MAX and not self._own:
            advice = "let lots be spent and settled or expire, or grant fewer and larger ones"
            raise BoundExceeded("live lots of the account", len(profile.lots), LOTS_MAX, advice)
        self._write_posted()
        raised = tuple(self.raised.items())
        self.tables.run(
            "orders.remember",
            self.account, self.key, self._fingerprint, self.lot, profile.version, _text(raised), answer,
        )  # fmt: skip
        push = replace(push, profile=profile, raised=raised, reason=self.reason, actor=self.actor)
        keep(self.tables, push, at=self.at)
        return profile

    def _write_posted(self) -> None:
        run, posting = self.tables.many, self._posting
        rows = []
        for posted in posting.rows:
            self._count += 1
            row = update_row(self.account, self._count, *posted)
            self._head = link(self._head, row)
            rows.append((*row, self._head))
        run("settling.add_update", rows)
        run("settling.set_lot", [(*astuple(lot)[1:], self.account, id_) for id_, lot in posting.lots.items()])
        run("settling.put_balance", [(self.account, of, *astuple(sums)) for of, sums in posting.sums.items()])
        self.tables.run("orders.set_place", self.account, self._next_lot, self._count, self._head)

    def _lot_state(self, number: int) -> LotState | None:
        row = self.tables.one("settling.lot", self.account, number)
        return LotState(*row[2:]) if row else None


def _place(tables: Tables, account: int) -> Row:
    row = tables.one("orders.place", account)
    assert row is not None  # its newest terms were read
    return row


def check_lot(lot: Lot, field: str = "lot") -> None:
    """Raises InvalidInput unless these are the terms of a lot that is still to be made."""
    if lot.id:
        raise InvalidInput(f"{field}.id", str(lot.id), "0: the ledger gives the next id")
    if not -PRIORITY_MAX < lot.priority < PRIORITY_MAX:
        raise InvalidInput(f"{field}.priority", str(lot.priority), "a number of at most 2^31")
    if not 0 <= lot.effective < lot.expires <= NEVER:
        raise InvalidInput(f"{field}.expires", f"{lot.effective} to {lot.expires}", "an instant after it takes effect")
    if not lot.measure:
        raise InvalidInput(f"{field}.measure", "''", '"credits" or a feature')
    check_text(f"{field}.measure", lot.measure)


def check_amount(field: str, amount: object) -> None:
    """Raises InvalidInput unless it is an amount above 0."""
    if type(amount) is not int or not 0 < amount <= AMOUNT_MAX:
        raise InvalidInput(field, repr(amount), "a whole number from 1 to 2^53 - 1")


def _text(value: object) -> str:
    return _encode(value).decode()


def _fingerprint(wanted: Grant | Change | Refund) -> bytes:
    """Of a grant what it was before there were gifts, so that one of then is known again."""
    if isinstance(wanted, Grant):
        facts = msgspec.structs.asdict(wanted)
        if wanted.gift is None:
            del facts["gift"]
        return hashlib.sha256(_encode(facts)).digest()
    return hashlib.sha256(type(wanted).__name__.encode() + _encode(wanted)).digest()
