"""Whatever happens in whatever order, the books prove themselves: chains, zero sum, lots, running balances, holds."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from spillover.model.account import NEVER, Lot, Override
from spillover.model.errors import BoundExceeded, InvalidInput
from spillover.model.hold import Hold
from spillover.model.leg import Leg
from spillover.model.terms import Lower, Reset
from tests.ledger.grounds import IN_SQLITE, Ground
from tests.ledger.support import FEATURE, PRICE, Books, Hand, gifted, included, over, overage, paid, run
from tests.ledger.verifier import faults


class Life:
    """One account's life, chosen step by step: usage, holds, orders, refunds, settlements of any size."""

    def __init__(self, books: Books, name: str, pick: random.Random) -> None:
        self.books, self.pick, self.steps = books, pick, 0
        self.hand = Hand(books, books.put(name).account)
        self.waiting = 0
        self.used: list[str] = []
        self.expired: list[Hold] = []
        self.order("grant")

    def lots(self, measure: str) -> list[tuple[int, int]]:
        """Lots in force, with what the hot state has of them."""
        lots = run(self.books.ledger.profile(self.hand.account)).lots
        found = [(lot.id, self.hand.cells.get(f"lot:{lot.id}", 0)) for lot in lots if lot.measure == measure]
        return [(lot, left) for lot, left in found if left]

    def draw(self, measure: str, amount: int) -> tuple[tuple[int, int], ...]:
        """So much from the first lots; () where they have less."""
        parts = []
        for lot, left in self.lots(measure):
            if part := min(left, amount):
                parts.append((lot, part))
                amount -= part
        return () if amount else tuple(parts)

    def legs(self) -> list[Leg]:
        legs = [included(self.pick.randint(1, 3))] if self.pick.random() < 0.5 else []
        units = self.pick.randint(1, 3)
        if self.pick.random() < 0.4 and (lots := self.draw(FEATURE, units)):
            legs.append(gifted(units, *lots))
        units = self.pick.randint(1, 3)
        if lots := self.draw("credits", units * PRICE):
            legs.append(paid(units, *lots))
        elif self.pick.random() < 0.3:
            legs.append(overage(units))
        return legs

    def step(self) -> None:
        self.steps += 1
        kinds = ["use", "use", "record", "hold", "hold", "end", "end", "late", "order", "order", "refund", "refund"]
        kind = self.pick.choice(kinds)
        getattr(self, kind)()
        if self.pick.random() < 0.2:
            self.settle()

    def use(self) -> None:
        key, legs = f"use {self.steps}", self.legs()
        owed = sum(leg.amount for leg in legs if leg.layer == "overage")
        counted = (("owed:used", None, owed), ("w:used", None, 1))
        self.hand.use(*legs, key=key, subject=self.pick.choice(["", "a" * 20]), changes=counted)
        self.used.append(key)

    def record(self) -> None:
        units = self.pick.randint(1, 3)
        price = self.pick.choice([0, PRICE])
        forgiven = self.pick.choice([0, 1, units * price]) if price else 0
        self.hand.use(*self.legs()[:1], overshoot=over(units, forgiven, price), mode="record", key=f"over {self.steps}")
        self.used.append(f"over {self.steps}")

    def hold(self) -> None:
        hold = self.hand.open(*self.legs(), key=f"hold {self.steps}")
        if self.pick.random() < 0.4:
            self.hand.extend(hold, *self.legs())

    def end(self) -> None:
        if not self.hand.holds:
            return
        hold = self.pick.choice(list(self.hand.holds.values()))
        live = {lot.id for lot in run(self.books.ledger.profile(self.hand.account)).lots}
        gone = {lot: self.pick.choice(["expire", "revoke"]) for lot in hold.lots if lot not in live}
        kind = self.pick.choice(["commit", "commit", "release", "expire"])
        if kind == "commit":
            legs = [part.leg for part in hold.parts][: self.pick.randint(0, 3)]
            more = over(1, 0) if self.pick.random() < 0.2 else None
            if self.pick.random() < 0.2:
                legs += self.legs()
            self.hand.end(hold, kind, *legs, gone=gone, overshoot=more)
            self.used.append(f"spillover:end:{hold.id}")
            return
        self.hand.end(hold, kind, gone=gone)
        if kind == "expire":
            self.expired.append(hold)

    def late(self) -> None:
        if self.expired:
            self.hand.late(self.expired.pop(), *self.legs())

    def order(self, what: str = "") -> None:
        key, account, books, at = f"order {self.steps}", self.hand.account, self.books, self.hand.at
        ids = [lot for (lot,) in books.rows("SELECT lot FROM lots WHERE account = ?", account)] or [0]
        lot = self.pick.choice(ids)
        with suppress(InvalidInput, BoundExceeded):  # of lots that have ended
            match what or self.pick.choice(
                ["grant", "grant", "adds", "revoke", "adjust", "roll", "roll", "roll", "set", "terms"]
            ):
                case "grant":
                    expires = self.pick.choice([NEVER, at + self.pick.randint(1, 30_000)])
                    measure = self.pick.choice(["credits", "credits", FEATURE])
                    amount = self.pick.randint(1, 20) * (PRICE if measure == "credits" else 1)
                    books.grant(account, amount, key=key, at=at, measure=measure, expires=expires)
                case "adds":
                    books.change(account, key=key, at=at, adds=((lot, self.pick.randint(1, PRICE)),))
                case "revoke" | "adjust" as kind:
                    most = self.pick.randint(0, PRICE) if kind == "adjust" else NEVER
                    books.change(account, key=key, at=at, lowers=(Lower(lot, kind, most),))
                case "roll":
                    for one in run(books.ledger.ended_lots(account, at))[:1]:
                        lowers = (Lower(one.lot.id, "rollover", PRICE, -1), Lower(one.lot.id, "expire"))
                        into = (Lot(0, one.lot.measure, expires=at + 50_000),)
                        books.change(account, key=key, at=at, lowers=lowers, into=into)
                case "set":
                    reset = Reset("codex/w", ("w:used",))
                    books.change(account, key=key, at=at, resets=(reset,), overrides=(Override("codex/w", self.steps),))
                case _:
                    books.put_again(account, self.pick.choice(["plus", "pro"]), at)
        if what or self.pick.random() < 0.7:
            self.hand.push()

    def refund(self) -> None:
        if not self.used:
            return
        units = self.pick.choice([None, 1, 2])
        lasts = self.pick.choice([0, 20_000])
        with suppress(InvalidInput):  # nothing is left to refund, or not settled yet: then it is another time's turn
            self.settle()
            self.books.refund(
                self.hand.account, self.pick.choice(self.used), units, at=self.hand.at, key=f"refund {self.steps}",
                lasts=lasts,
            )  # fmt: skip
            self.hand.push()

    def settle(self) -> None:
        until = self.pick.randint(self.waiting, len(self.hand.entries))
        answer = self.books.settle(*self.hand.entries[self.waiting :][: max(1, until)])
        assert [one.reason for one in self.books.quarantined()] == []
        self.waiting = len(self.hand.entries) - len(answer.parked)
        self.books.settle(*self.hand.entries)


def lived(ground: Ground, seed: int, steps: int) -> Books:
    books, pick = ground.books(seed), random.Random(seed)
    lives = [Life(books, name, pick) for name in ("acme", "bolt")]
    for number in range(steps):
        pick.choice(lives).step()
        if number % 60 == 59:
            for life in lives:
                life.books.settle(*life.hand.entries)
            assert faults(books.image()) == []
    for life in lives:
        life.hand.push()
        answer = books.settle(*life.hand.entries)
        assert (answer.parked, answer.quarantined) == ((), 0)
        assert life.hand.cells["holds"] == len(life.hand.holds) if "holds" in life.hand.cells else not life.hand.holds
    assert [one.reason for one in books.quarantined()] == []
    return books


@pytest.mark.parametrize("seed", range(6))
def test_every_life_leaves_books_that_prove_themselves(ground: Ground, seed: int) -> None:
    books = lived(ground, seed, 240)
    assert faults(books.image()) == []
    for (account,) in books.rows("SELECT id FROM accounts"):
        now = [(one.measure, one.balance, one.receivable, one.owed) for one in run(books.ledger.balances(account))]
        past = [(one.measure, one.balance, one.receivable, one.owed)
                for one in run(books.ledger.balance_at(account, NEVER))]  # fmt: skip
        assert [one for one in now if any(one[1:])] == [one for one in past if any(one[1:])]


@IN_SQLITE
def test_the_lives_hold_every_kind_of_update(ground: Ground) -> None:
    kinds: set[str] = set()
    anew = 0
    for seed in range(6):
        books = lived(ground, seed, 240)
        kinds |= {kind for (kind,) in books.rows("SELECT DISTINCT kind FROM balance_updates")}
        anew += books.one("SELECT count(*) FROM lots WHERE key LIKE 'refund%'")
    assert anew
    assert kinds == {
        "grant", "debit", "overshoot_refund", "refund", "expire", "revoke", "adjust", "rollover", "overage", "owed",
        "window_reset", "override", "plan_change",
    }  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_lives_leave_books_that_prove_themselves(ground: Ground, seed: int) -> None:
    books = lived(ground, seed, 1200)
    assert faults(books.image()) == []
