"""Accounts and their terms: every change is a version that reaches the hot state in order, and nothing else is one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from spillover.model.account import Profile
from spillover.model.errors import InvalidInput, NewerSchema, StoreError, UnknownName
from spillover.ports import Push, Terms
from tests.ledger.support import PRICE, START, Books, included, opened, paid, run


def test_a_new_account_has_a_random_id_and_its_first_version_in_the_outbox(books: Books) -> None:
    profile = books.put("acme")
    assert profile == Profile(profile.account, 1, "plus", anchor=START)
    assert 0 < profile.account < 2**53
    assert books.unpushed() == [Push(profile, reason="signed up", actor="ops", at=START)]
    assert run(books.ledger.find_account("acme")) == profile.account
    assert run(books.ledger.profile(profile.account)) == profile
    assert books.rows("SELECT version, at, reason, actor FROM profiles") == [(1, START, "signed up", "ops")]


@pytest.mark.parametrize(
    "change",
    [{"plan": "enterprise"}, {"zone": "Europe/Paris"}, {"anchor": 5}, {"consent": False}, {"state": "suspended"}],
    ids=str,
)
def test_a_change_is_a_version(books: Books, change: dict[str, Any]) -> None:
    first = books.put()
    second = books.put(**change)
    ((name, value),) = change.items()
    assert (second.version, getattr(second, name)) == (2, value)
    assert [push.profile for push in books.unpushed()] == [first, second]
    assert books.put(**change) == second


def test_the_same_terms_again_make_no_version(books: Books) -> None:
    first = books.put(zone="Asia/Tokyo")
    before = books.dump()
    assert books.put(at=START + 5) == first
    assert run(books.ledger.put_account("acme", Terms(), at=START, reason="", actor="")) == first
    assert books.dump() == before


@pytest.mark.parametrize(
    ("name", "terms", "at", "field"),
    [
        ("acme", {"plan": None}, START, "plan"),
        ("", {}, START, "account"),
        ("a" * 129, {}, START, "account"),
        ("a\nb", {}, START, "account"),
        ("acme", {}, -1, "at"),
        ("acme", {}, 2**53, "at"),
        ("acme", {"anchor": -5}, START, "anchor"),
    ],
)
def test_a_wrong_account_is_refused_by_field(
    books: Books, name: str, terms: dict[str, Any], at: int, field: str
) -> None:
    before = books.dump()
    with pytest.raises(InvalidInput) as refused:
        books.put(name, at=at, **terms)
    assert refused.value.field == field
    assert books.dump() == before


def test_names_of_any_script_stay_as_given(books: Books) -> None:
    for name in ("a" * 128, "Ünïcødé GmbH", "株式会社", "x' OR 1=1 --"):
        assert run(books.ledger.find_account(name)) is None
        account = books.put(name).account
        assert run(books.ledger.find_account(name)) == account


def test_an_id_that_is_taken_is_not_given_again(books: Books) -> None:
    ids = iter([0, 7, 7, 0, 9])
    books.ledger._random_bits = lambda _: next(ids)
    assert [books.put("acme").account, books.put("bolt").account] == [7, 9]


def test_an_unknown_account_has_no_profile(books: Books) -> None:
    with pytest.raises(UnknownName, match="4711"):
        run(books.ledger.profile(4711))


def test_the_outbox_gives_the_oldest_first_and_each_once(books: Books) -> None:
    one, two = books.put("acme").account, books.put("bolt").account
    for number in range(3):
        books.grant(two, 5, key=f"{number}")
        books.grant(one, 5, key=f"{number}")
    order = [(push.profile.account, push.profile.version) for push in books.unpushed()]
    assert order == [(one, 1), (two, 1), (two, 2), (one, 2), (two, 3), (one, 3), (two, 4), (one, 4)]
    assert [push.profile.version for push in books.unpushed(one)] == [1, 2, 3, 4]
    head = run(books.ledger.unpushed(3))
    for _ in range(2):
        run(books.ledger.pushed(head))
    assert [(push.profile.account, push.profile.version) for push in books.unpushed()] == order[3:]


def test_terms_settle_into_the_version_in_force(books: Books) -> None:
    hand = opened(books, "acme", ("credits", PRICE))
    books.put(plan="enterprise")
    assert books.settle(*hand.entries).quarantined == 0
    assert books.rows("SELECT settled_version, version FROM accounts") == [(2, 3)]
    books.settle(*hand.push())
    assert books.rows("SELECT settled_version, version FROM accounts") == [(3, 3)]


def test_a_drained_lot_leaves_with_the_next_version(books: Books) -> None:
    hand = opened(books, "acme", ("credits", PRICE), ("credits", PRICE))
    hand.use(paid(1, (1, PRICE)))
    hand.use(included(1))
    assert [lot.id for lot in books.put(zone="Asia/Tokyo").lots] == [1, 2]
    books.settle(*hand.entries)
    assert [lot.id for lot in run(books.ledger.profile(hand.account)).lots] == [1, 2]
    assert [lot.id for lot in books.put(zone="UTC").lots] == [2]


def test_tokens_are_random_and_stay(books: Books) -> None:
    one, two = books.put("acme").account, books.put("bolt").account
    first = run(books.ledger.tokens(one, ["ada", "bob", "ada"]))
    again = run(books.ledger.tokens(one, ["bob", "eve", "ada"]))
    other = run(books.ledger.tokens(two, ["ada"]))
    assert set(first) == {"ada", "bob"}
    assert first.items() <= again.items()
    assert other["ada"] not in again.values()
    assert all(len(token) == 20 for token in again.values())
    assert run(books.ledger.names(one)) == {token: name for name, token in again.items()}
    with pytest.raises(UnknownName):
        run(books.ledger.tokens(4711, ["ada"]))


def test_one_policy_is_current_and_all_are_kept(books: Books) -> None:
    assert run(books.ledger.policy_document()) is None
    for hash_, document in (("a", "{1}"), ("b", "{2}"), ("a", "{1}"), ("a", "{1}")):
        run(books.ledger.publish(hash_, document, at=START))
        assert run(books.ledger.policy_document()) == document
    assert [run(books.ledger.policy_document(hash_)) for hash_ in ("a", "b", "c")] == ["{1}", "{2}", None]


def test_books_are_the_same_when_opened_again(filed: Books) -> None:
    first = filed
    hand = opened(first, "acme", ("credits", 5 * PRICE))
    first.settle(*hand.entries)
    before = first.dump()
    first.close()
    first.close()
    second = first.again()
    assert second.dump() == before
    hand.books = second
    hand.use(paid(1, (1, PRICE)))
    assert second.settle(*hand.entries).quarantined == 0
    second.close()


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    books = Books(tmp_path / "books.db")
    books.close()
    books.meddle("UPDATE spillover_schema SET version = version + 1 WHERE component = 'ledger'")
    with pytest.raises(NewerSchema):
        Books(tmp_path / "books.db")


def test_memory_and_file_hold_the_same_books(tmp_path: Path) -> None:
    kept: list[Books] = [Books(), Books(tmp_path / "books.db")]
    dumps = []
    for books in kept:
        pick = random.Random(3)
        hand = opened(books, "acme", ("credits", 50 * PRICE))
        for number in range(60):
            match pick.randint(0, 4):
                case 0:
                    books.grant(hand.account, pick.randint(1, 9) * PRICE, key=f"{number}")
                    hand.push()
                case 1:
                    books.put(zone=pick.choice(["UTC", "Asia/Tokyo"]), at=START + number)
                    hand.push()
                case 2:
                    run(books.ledger.tokens(hand.account, [pick.choice("abcdef")]))
                case 3:
                    books.settle(*hand.entries[-pick.randint(1, 9) :])
                case _:
                    hand.use(paid(1, (1, PRICE)))
        books.settle(*hand.entries)
        dumps.append(books.dump())
        books.close()
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"state": "Paused"}, "state"),
        ({"consent": "yes"}, "consent"),
        ({"consent": 0}, "consent"),
        ({"plan": 5}, "plan"),
        ({"plan": "\ud800"}, "terms"),
        ({"plan": object()}, "terms"),
        ({"zone": b"UTC"}, "terms"),
        ({"zone": ["UTC"]}, "zone"),
    ],
    ids=str,
)
@pytest.mark.parametrize("exists", [False, True])
def test_terms_that_could_not_be_read_again_are_never_written(
    books: Books, terms: dict[str, Any], field: str, exists: bool
) -> None:
    if exists:
        books.put("acme")
    before = books.dump()
    with pytest.raises(InvalidInput) as caught:
        books.put("acme", **terms)
    assert caught.value.field == field
    assert books.dump() == before
    assert books.put("acme", state="suspended").state == "suspended"


def test_an_unreadable_row_keeps_back_its_own_account_only(filed: Books) -> None:
    broken, whole = filed.put("broken").account, filed.put("whole").account
    filed.put("broken", plan="enterprise")
    filed.put("whole", plan="enterprise")
    filed.meddle("UPDATE profiles SET payload = '{}' WHERE account = ? AND version = 1", broken)
    found = [(push.profile.account, push.profile.version) for push in run(filed.ledger.unpushed(2))]
    assert found == [(whole, 1), (whole, 2)], "what builds on the unreadable version waits with it"
    assert filed.unpushed(broken) == []
    filed.meddle("UPDATE profiles SET payload = '{}' WHERE account = ? AND version = 2", broken)
    with pytest.raises(StoreError, match=f"terms of account {broken}.*audit"):
        run(filed.ledger.profile(broken))


def test_an_account_that_exists_is_left_alone_by_who_wants_only_a_new_one(books: Books) -> None:
    def admit(plan: str) -> Profile:
        return run(books.ledger.put_account("acme", Terms(plan), at=START, reason="", actor="", only_new=True))

    first = admit("free")
    assert (first.version, first.plan) == (1, "free")
    second = books.put("acme", plan="plus")
    before = books.dump()
    assert admit("free") == second
    assert books.dump() == before


def test_terms_that_were_read_before_another_change_write_nothing(books: Books) -> None:
    def put(expected: Profile, name: str = "acme") -> Profile:
        how: dict[str, Any] = {"at": START, "reason": "scheduled plan", "actor": "spillover", "expected": expected}
        return run(books.ledger.put_account(name, Terms("enterprise"), **how))

    first = books.put("acme", next_plan="enterprise", next_at=START + 5)
    other = books.put("bolt")
    second = books.put("acme", plan="free")
    before = books.dump()
    assert put(first) == second, "the plan was changed meanwhile"
    assert put(second, "bolt") == second, "the name is another account's by now"
    assert put(second, "nobody") == second, "the name is nobody's by now"
    assert put(other) == other
    assert books.dump() == before
    third = put(second)
    assert (third.account, third.version, third.plan) == (first.account, 3, "enterprise")


@pytest.mark.parametrize("order", ["put", "grant", "change"])
def test_a_push_has_the_instant_at_which_it_was_booked(filed: Books, order: str) -> None:
    account = filed.put("acme", at=START - 7).account
    filed.grant(account, 5, key="first", at=START - 5)
    match order:
        case "put":
            filed.put("acme", at=START + 3, plan="free")
        case "grant":
            filed.grant(account, 5, key="second", at=START + 3)
        case _:
            filed.change(account, adds=((1, 5),), at=START + 3)
    assert [push.at for push in filed.unpushed()] == [START - 7, START - 5, START + 3]
    assert [push.at for push in filed.unpushed(account)] == [START - 7, START - 5, START + 3]
