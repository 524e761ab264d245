"""Orders that change an account: once for each key, whole or not at all, and never on what is gone."""

from __future__ import annotations

from typing import Any

import pytest

from spillover.model.account import Lot, Override
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, UnknownName
from spillover.model.event import Entry
from spillover.model.terms import Lower, Reset
from spillover.ports import Push
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, opened, paid, run
from tests.ledger.verifier import faults

ROLL = {"lowers": (Lower(1, "rollover", PRICE, -1), Lower(1, "expire"))}


@pytest.fixture
def hand(books: Books) -> Hand:
    hand = opened(books, "acme", ("credits", 4 * PRICE), ("credits", PRICE), (FEATURE, 5))
    books.settle(*hand.entries)
    return hand


def lots(hand: Hand) -> list[int]:
    return [lot.id for lot in run(hand.books.ledger.profile(hand.account)).lots]


def settled(hand: Hand) -> None:
    hand.push()
    assert hand.books.settle(*hand.entries).quarantined == 0
    assert faults(hand.books.image()) == []


def test_the_push_carries_everything_that_was_ordered(hand: Hand) -> None:
    reset = Reset("codex/burst", ("b:max",), 60, 7, scoped=True)
    profile = hand.books.change(
        hand.account, adds=((2, 5),), resets=(reset,), overrides=(Override("codex/burst", 9),), reason="because",
        into=(Lot(0, "credits", expires=START * 2),), **ROLL,
    )  # fmt: skip
    assert hand.books.unpushed(hand.account) == [
        Push(
            profile, ((2, 5),), 0, (Lower(1, "rollover", PRICE, 4), Lower(1, "expire")), (reset,),
            (Entry("override", "codex/burst", "", "9"),), "because", "ops", START,
        )
    ]  # fmt: skip
    assert (profile.version, profile.overrides) == (5, (Override("codex/burst", 9),))
    assert [lot.id for lot in profile.lots] == [4, 2, 3], "a lot that ends leaves with the order, its heir comes"
    settled(hand)


def test_the_same_key_is_the_version_of_then_and_another_order_an_error(hand: Hand) -> None:
    first = hand.books.change(hand.account, adds=((1, 5),))
    hand.books.put(zone="Asia/Tokyo")
    before = hand.books.dump()
    assert hand.books.change(hand.account, adds=((1, 5),), at=START + 5) == first
    for other in ({"adds": ((1, 6),)}, {"adds": ((1, 5),), "reason": "x"}, {"lowers": (Lower(1, "revoke"),)}):
        with pytest.raises(KeyReused):
            hand.books.change(hand.account, **other)
    with pytest.raises(KeyReused):
        hand.books.change(hand.account, key="acme 0")
    assert hand.books.dump() == before
    settled(hand)


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "raise a lot that never was": ({"adds": ((9, 5),)}, UnknownName, "lot 9"),
    "lower a lot that never was": ({"lowers": (Lower(9, "revoke"),)}, UnknownName, "lot 9"),
    "raise by nothing": ({"adds": ((1, 0),)}, InvalidInput, "adds"),
    "raise beyond 2^53": ({"adds": ((1, AMOUNT_MAX),)}, BoundExceeded, "ever granted"),
    "raise by two too much": ({"adds": ((1, AMOUNT_MAX - 9 * PRICE), (2, 9 * PRICE))}, BoundExceeded, "granted"),
    "raise and lower one lot": ({"adds": ((1, 5),), "lowers": (Lower(1, "adjust", 9),)}, InvalidInput, "lots .1. that"),
    "rollover to nowhere": ({"lowers": (Lower(1, "rollover"),)}, InvalidInput, "lowers.to"),
    "rollover to a lot that is not new": ({"lowers": (Lower(1, "rollover", 5, 2),)}, InvalidInput, "lowers.to"),
    "rollover to the second of one": (
        {"lowers": (Lower(1, "rollover", 5, -2),), "into": (Lot(0, "credits"),)}, InvalidInput, "lowers.to"),
    "rollover into another measure": (
        {"lowers": (Lower(1, "rollover", 5, -1),), "into": (Lot(0, FEATURE),)}, InvalidInput, "into.measure"),
    "expire to a lot": ({"lowers": (Lower(1, "expire", 5, -1),), "into": (Lot(0, "credits"),)}, InvalidInput, "to"),
    "a new lot with an id": ({"into": (Lot(4, "credits"),)}, InvalidInput, "into.id"),
    "take less than nothing": ({"lowers": (Lower(1, "adjust", -1),)}, InvalidInput, "lowers.most"),
    "a maximum below 0": ({"overrides": (Override("l", -1),)}, InvalidInput, "overrides.max"),
    "257 overrides": (
        {"overrides": tuple(Override("l", 1, f"{n}") for n in range(257))}, BoundExceeded, "overrides of the account"),
    "a key that is none": ({"key": ""}, InvalidInput, "key"),
    "an instant that is none": ({"at": -1}, InvalidInput, "at"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_order_is_refused_before_any_write(hand: Hand, case: str) -> None:
    what, error, field = REFUSED[case]
    before = hand.books.dump()
    with pytest.raises(error, match=field):
        hand.books.change(hand.account, **what)
    assert hand.books.dump() == before


@pytest.mark.parametrize("kind", ["revoke", "expire"])
def test_a_lot_that_has_ended_is_raised_no_more(hand: Hand, kind: Any) -> None:
    hand.books.change(hand.account, key="end", lowers=(Lower(1, kind),))
    assert lots(hand) == [2, 3]
    with pytest.raises(InvalidInput, match="lot 1, which has ended"):
        hand.books.change(hand.account, adds=((1, 5),))
    settled(hand)


def test_a_lot_that_is_revoked_in_part_lives_on(hand: Hand) -> None:
    hand.books.change(hand.account, lowers=(Lower(1, "revoke", PRICE),))
    assert lots(hand) == [1, 2, 3]
    hand.books.change(hand.account, key="more", adds=((1, 5),))
    settled(hand)
    assert hand.cells["lot:1"] == 3 * PRICE + 5


def test_a_drained_lot_that_is_adjusted_up_returns(hand: Hand) -> None:
    hand.use(paid(1, (2, PRICE)))
    settled(hand)
    hand.books.put(zone="Asia/Tokyo")
    assert lots(hand) == [1, 3]
    hand.books.change(hand.account, adds=((2, 5),))
    assert lots(hand) == [1, 2, 3]
    settled(hand)
    assert hand.cells["lot:2"] == 5


def test_what_a_revocation_takes_is_known_only_when_it_comes_into_force(hand: Hand) -> None:
    hand.books.change(hand.account, lowers=(Lower(1, "revoke"),))
    hand.use(paid(3, (1, 3 * PRICE)))
    settled(hand)
    assert hand.books.rows("SELECT spent, revoked, balance, ended FROM lots WHERE lot = 1") == [
        (3 * PRICE, PRICE, 0, "revoke")
    ]


def test_a_lot_that_something_is_on_its_way_into_stays_until_that_is_settled(hand: Hand) -> None:
    hand.books.change(hand.account, into=(Lot(0, "credits"),), **ROLL)
    hand.books.put(zone="Asia/Tokyo")
    assert lots(hand) == [2, 3, 4]
    hand.use(paid(4, (1, 4 * PRICE)))  # nothing is left to roll over
    settled(hand)
    hand.books.put(zone="UTC")
    assert lots(hand) == [2, 3]


def test_overrides_replace_those_of_the_same_limit_and_scope_and_drop_out_when_over(hand: Hand) -> None:
    one, mine, soon = Override("l", 1), Override("l", 2, "ada"), Override("m", 3, until=START + 5000)
    hand.books.change(hand.account, key="1", overrides=(one, mine, soon))
    more = Override("l", 7, until=START + 9000)
    profile = hand.books.change(hand.account, key="2", overrides=(more,), at=START + 5999)
    assert profile.overrides == (mine, soon, more)
    assert hand.books.unpushed(hand.account)[-1].entries == (Entry("override", "l", "1", f"7 until {START + 9000}"),)
    assert hand.books.put(zone="Asia/Tokyo", at=START + 6000).overrides == (mine, more)
    settled(hand)


def test_as_many_overrides_as_may_be_are_kept(hand: Hand) -> None:
    some = tuple(Override("l", number, f"{number}") for number in range(256))
    assert len(hand.books.change(hand.account, overrides=some).overrides) == 256
    hand.books.change(hand.account, key="again", overrides=some[:1])


def test_an_erased_account_takes_no_order(hand: Hand) -> None:
    run(hand.books.ledger.erase_account(hand.account))
    with pytest.raises(UnknownName, match="erased"):
        hand.books.change(hand.account)
    with pytest.raises(UnknownName):
        hand.books.change(4711)


def test_every_version_can_be_read_again(hand: Hand) -> None:
    versions = [hand.books.change(hand.account, key=f"{number}", adds=((1, 1),)) for number in range(3)]
    for version in versions:
        assert run(hand.books.ledger.profile_of(hand.account, version.version)) == version
    for account, number in ((hand.account, 99), (4711, 1)):
        with pytest.raises(UnknownName):
            run(hand.books.ledger.profile_of(account, number))
