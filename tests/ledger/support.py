"""What the ledger's tests need: a ledger with a synchronous face, a hand that writes a stream as a hot store would."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.account import Lot, Profile
from spillover.model.commit import Standing
from spillover.model.decision import Overshoot
from spillover.model.event import StreamEntry
from spillover.model.leg import Leg
from spillover.model.reports import QuarantinedEvent
from spillover.ports import Change, Grant, Push, Refund, Refunded, Settled, Terms
from tests.ledger.hand import FEATURE, START, Hand

__all__ = ["FEATURE", "START", "Hand"]

T = TypeVar("T")
PRICE = 5_000_000


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """An embedded adapter never suspends, so its coroutine ends at the first step."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("an embedded ledger suspended")


class Books:
    """A ledger with a synchronous face and short ways to say common things. Ids and tokens follow the seed."""

    def __init__(self, path: Path | str | None = None, seed: int = 1, wait_ms: int = 10_000) -> None:
        self.path = str(path)
        self.ledger = SQLiteLedger(path, random_bits=random.Random(seed).getrandbits, wait_ms=wait_ms)

    def again(self, seed: int = 2, wait_ms: int = 10_000) -> Books:
        """The same books, opened once more, as another program does. Not of books in memory."""
        return Books(self.path, seed, wait_ms)

    @property
    def place(self) -> str:
        """What an audit is told. Not of books in memory."""
        return self.path

    @property
    def source(self) -> str | bytes:
        """What a verifier reads: the file, or an image."""
        return self.image() if self.path == "None" else self.path

    def put(self, name: str = "acme", at: int = START, **terms: Any) -> Profile:
        terms = {"plan": "plus"} | terms
        return run(self.ledger.put_account(name, Terms(**terms), at=at, reason="signed up", actor="ops"))

    def grant(self, account: int, amount: int, key: str = "", at: int = START, **terms: Any) -> Lot:
        lot = Lot(0, terms.pop("measure", "credits"), **terms)
        grant = Grant(lot, amount, key or f"grant of {amount}", "top-up", "ops", "9.00", "EUR", "1.71", "ch_1")
        return run(self.ledger.grant(account, grant, at=at))

    def put_again(self, account: int, plan: str, at: int) -> Profile:
        name = self.one("SELECT name FROM names WHERE account = ? AND kind = 'account'", account)
        return self.put(name, at=at, plan=plan)

    def change(self, account: int, key: str = "order", at: int = START, **what: Any) -> Profile:
        order = Change(key, what.pop("reason", "asked for"), what.pop("actor", "ops"), **what)
        return run(self.ledger.change(account, order, at=at))

    def refund(self, account: int, event: str, units: int | None = None, at: int = START, **how: Any) -> Refunded:
        order = Refund(event, how.pop("key", f"refund of {event}"), "sorry", "ops", units, how.pop("lasts", 0))
        return run(self.ledger.refund(account, order, at=at))

    def raise_epoch(self, account: int, epoch: int = 0, at: int = START, keys_since: int = 0) -> Standing:
        return run(
            self.ledger.raise_epoch(account, epoch=epoch, at=at, reason="lost", actor="ops", keys_since=keys_since)
        )

    def standing(self, account: int, keys_since: int | None = None) -> Standing:
        return run(self.ledger.standing(account, keys_since=keys_since))

    def pushed(self, pushes: list[Push]) -> None:
        run(self.ledger.pushed(pushes))

    def unpushed(self, account: int | None = None) -> list[Push]:
        return run(self.ledger.unpushed(1000, account))

    def settle(self, *entries: StreamEntry) -> Settled:
        return run(self.ledger.settle(entries))

    def quarantined(self, limit: int = 1000, after: QuarantinedEvent | None = None) -> tuple[QuarantinedEvent, ...]:
        return run(self.ledger.quarantined(limit=limit, after=after))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.ledger._desks.reads.read() as connection:
            return connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        ((value,),) = self.rows(sql, *values)
        return value

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, sorted: what two equal ledgers have in common."""
        with self.ledger._desks.reads.read() as connection:
            sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            tables = [name for (name,) in connection.execute(sql).fetchall()]
            return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}

    def image(self) -> bytes:
        """The database as it would lie in a file."""
        with self.ledger._desks.books.alone() as connection:
            return bytes(connection.serialize("main"))

    def image_if(self, sql: str, *values: Any) -> bytes:
        """The image that the books would give after this was meddled with; they stay as they are."""
        connection = apsw.Connection(":memory:")
        connection.deserialize("main", self.image())
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql, values)
        image = bytes(connection.serialize("main"))
        connection.close()
        return image

    def meddle(self, sql: str, *values: Any) -> None:
        """What someone with another tool does to the file, behind the triggers' back."""
        connection = apsw.Connection(self.path)
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql, values)
        connection.close()

    def close(self) -> None:
        run(self.ledger.close())


def included(units: int = 1) -> Leg:
    return Leg("allowance", units)


def gifted(units: int, *lots: tuple[int, int]) -> Leg:
    return Leg("units", units, lots=lots)


def paid(units: int, *lots: tuple[int, int], price: int = PRICE) -> Leg:
    return Leg("credits", units, price, units * price, lots)


def overage(units: int, price: int = PRICE) -> Leg:
    return Leg("overage", units, price, units * price)


def over(units: int, forgiven: int, price: int = PRICE) -> Overshoot:
    return Overshoot(units, price, units * price, forgiven)


def opened(books: Books, name: str = "acme", *grants: tuple[str, int]) -> Hand:
    """An account with lots 1, 2, ... of these (measure, amount), everything pushed but nothing settled."""
    account = books.put(name).account
    for number, (measure, amount) in enumerate(grants):
        books.grant(account, amount, key=f"{name} {number}", measure=measure)
    hand = Hand(books, account)
    hand.push()
    return hand


def story(hands: Iterable[Hand], seed: int, length: int) -> list[StreamEntry]:
    """A random history of accounts whose lots 1 and 2 hold credits and 3 gifted units: all entries, in order."""
    pick = random.Random(seed)
    hands = list(hands)
    left = {hand.account: {lot: hand.books.one(
        "SELECT balance FROM lots WHERE account = ? AND lot = ?", hand.account, lot) for lot in (1, 2, 3)
    } for hand in hands}  # fmt: skip
    for _ in range(length):
        hand = pick.choice(hands)
        lots = left[hand.account]
        legs = [included(pick.randint(1, 3))] if pick.random() < 0.7 else []
        if (gift := min(lots[3], pick.randint(0, 2))) > 0:
            legs.append(gifted(gift, (3, gift)))
            lots[3] -= gift
        units = pick.randint(0, 3)
        parts = _from_both(lots, units * PRICE)
        if units and parts:
            legs.append(paid(units, *parts))
        elif units:
            legs.append(overage(units))
        used = sum(leg.units for leg in legs)
        subject = pick.choice(["", "a" * 20, "b" * 20])
        window = (("w:start", START + hand.sequence, 0), ("w:used", None, used if pick.random() < 0.8 else 0))
        hand.use(*legs, key=f"{pick.getrandbits(60):x}", subject=subject, changes=window)
    return [entry for hand in hands for entry in hand.entries]


def _from_both(lots: dict[int, int], amount: int) -> list[tuple[int, int]]:
    if lots[1] + lots[2] < amount:
        return []
    parts = [(1, min(lots[1], amount)), (2, amount - min(lots[1], amount))]
    for lot, part in parts:
        lots[lot] -= part
    return [(lot, part) for lot, part in parts if part]
