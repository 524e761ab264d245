"""Random histories in which keys come again, streams are lost and accounts are rebuilt: the books stay whole."""

from __future__ import annotations

import random

import pytest

from spillover.model.event import StreamEntry
from tests.ledger.support import PRICE, START, Books, Hand, gifted, included, opened, over, overage, paid
from tests.ledger.verifier import faults


class History:
    """One account's life, by a seed; only what its lots still have is drawn, as a hot store would see to."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books, self.pick = books, random.Random(seed)
        self.hand = opened(books, "acme", ("credits", 60 * PRICE), ("codex.messages", 60))
        self.older: list[StreamEntry] = []
        books.settle(*self.hand.entries)

    def step(self) -> None:
        """One thing that happens."""
        ways = [self.use, self.use, self.use, self.record, self.hold, self.order, self.push, self.settle, self.rebuild]
        self.pick.choice(ways)()

    def use(self) -> None:
        legs = [included(1)]
        if self.hand.cells["lot:2"] >= 2:
            legs.append(gifted(2, (2, 2)))
        if self.hand.cells["lot:1"] >= 3 * PRICE:
            legs.append(paid(3, (1, 3 * PRICE)))
        self.hand.use(*self.pick.sample(legs, 1), overage(1), **self._request())

    def record(self) -> None:
        self.hand.use(overshoot=over(2, self.pick.choice([0, PRICE])), mode="record", **self._request())

    def hold(self) -> None:
        """A hold that is opened, perhaps extended, and ended in the end: under a few keys, again and again."""
        hand = self.hand
        if hand.holds and self.pick.random() < 0.7:
            hold = self.pick.choice(list(hand.holds.values()))
            units = self.pick.choice([0, 1, 1])
            legs, kind = ([paid(1, (1, PRICE))], "commit") if units and PRICE in hold.lots.values() else ([], "release")
            hand.end(hold, kind, *legs, fingerprint=f"{kind} {units}")
        elif hand.cells["lot:1"] >= PRICE:
            key = f"hold {self.pick.randrange(3)}"
            if key not in {hold.key for hold in hand.holds.values()}:
                hand.open(paid(1, (1, PRICE)), key=key)

    def order(self) -> None:
        self.books.grant(self.hand.account, PRICE, key=f"grant {self.pick.getrandbits(40)}")

    def push(self) -> None:
        self.hand.push()

    def settle(self) -> None:
        self.books.settle(*self.pick.sample(self.older, min(3, len(self.older))), *self.hand.entries)

    def rebuild(self) -> None:
        """The stream is settled to its end before, or some of its end is lost."""
        kept = self.hand.entries[: self.pick.randint(0, len(self.hand.entries))]
        self.books.settle(*(self.hand.entries if self.pick.random() < 0.5 else kept))
        self.older += self.hand.entries
        self.hand.put_back(self.books.raise_epoch(self.hand.account, epoch=self.hand.epoch, at=START))

    def _request(self) -> dict[str, str]:
        return {"key": f"key {self.pick.randrange(6)}", "fingerprint": self.pick.choice(["e", "f"]) * 32}


@pytest.mark.parametrize("seed", range(40))
def test_books_stay_whole_whatever_comes_again_and_is_lost(books: Books, seed: int) -> None:
    history = History(books, seed)
    for _ in range(60):
        history.step()
    end(history.hand)
    assert books.settle(*history.older).parked == ()
    assert not [row for row in books.quarantined() if not row.reason.startswith("fenced")]
    assert faults(books.image()) == []
    found = books.standing(history.hand.account)
    assert found.cells == {name: value for name, value in history.hand.cells.items() if value}
    assert {hold.id for hold in found.holds} == set(history.hand.holds)
    waiting = books.rows("SELECT version FROM outbox UNION ALL SELECT version FROM pushed")
    assert waiting == []


def end(hand: Hand) -> None:
    """Settled to the end, with all that this orders."""
    hand.books.settle(*hand.entries)
    while hand.push():
        hand.books.settle(*hand.entries)
