"""Packs in a policy: what is read of them, and every mistake by its place."""

from __future__ import annotations

import pytest

from spillover.model.policy import Pack
from spillover.policy import check_policy, read_policy_text
from tests.policy.support import check_mistake, mistakes, with_top

DAY = 86_400_000


def packs(text: str) -> str:
    """A document that sells this, given in flow style."""
    return with_top(f"packs: {{one: {{{text}}}}}  #!")


READ = [
    ('credits: 100, price: "9.00 EUR"', Pack("one", "credits", 100_000_000, "9.00", "EUR")),
    ('credits: "0.000001", price: "0.001 KWD"', Pack("one", "credits", 1, "0.001", "KWD")),
    ('credits: 1, price: "900 JPY", expires: 365d, priority: 0',
     Pack("one", "credits", 1_000_000, "900", "JPY", 365 * DAY, 0)),
    ('units: 60, of: film, price: "12.00 EUR", kind: paid', Pack("one", "film", 60, "12.00", "EUR")),
    ('units: "2.5", of: tokens, price: "1 EUR", kind: promotional',
     Pack("one", "tokens", 2_500_000, "1", "EUR", promotional=True)),
]  # fmt: skip


@pytest.mark.parametrize(("written", "read"), READ)
def test_a_pack_is_read_exactly_as_it_is_written(written: str, read: Pack) -> None:
    policy = read_policy_text(packs(written))
    assert policy.packs == {"one": read}
    assert read.paid in written


def test_packs_are_in_the_hash() -> None:
    document = with_top('packs: {b: {credits: 1, price: "1 EUR"}, a: {credits: 1, price: "1 EUR"}}')
    policy = read_policy_text(document)
    assert read_policy_text(document.replace('"1 EUR"', '"2 EUR"')).hash != policy.hash
    assert policy.packs["a"].paid == "1 EUR"


# a pack | path below it | found | expected (a part of it)
MISTAKES = [
    ('price: "9.00 EUR"', "", "neither credits nor units", "credits, or units with of"),
    ('credits: 1, units: 2, of: film, price: "9.00 EUR"', "", "credits and units", "credits, or units with of"),
    ('credits: 1, of: film, price: "9.00 EUR"', ".of", "of beside credits", "only beside units"),
    ('units: 1, price: "9.00 EUR"', ".of", "nothing", "the feature that the units are of"),
    ('units: 1, of: films, price: "9.00 EUR"', ".of", '"films"', "a feature that is named under features"),
    ('units: 1.5, of: film, price: "9.00 EUR"', ".units", "1.5", "a whole number"),
    ('units: 0, of: film, price: "9.00 EUR"', ".units", "0", "more than 0"),
    ('credits: 0, price: "9.00 EUR"', ".credits", "0", "more than 0"),
    ('credits: 1e9, price: "9.00 EUR"', ".credits", '"1e9"', "the credits that are sold"),
    ("credits: 1", ".price", "nothing", 'such as "9.00 EUR"'),
    ("credits: 1, price: 9", ".price", "9", 'such as "9.00 EUR"'),
    ('credits: 1, price: "9.00"', ".price", '"9.00"', "a currency in three capital letters"),
    ('credits: 1, price: "9,00 EUR"', ".price", '"9,00 EUR"', 'such as "9.00 EUR"'),
    ('credits: 1, price: "9.00 eur"', ".price", '"9.00 eur"', "three capital letters"),
    ('credits: 1, price: "9.0001 EUR"', ".price", '"9.0001 EUR"', "at most three decimals"),
    ('credits: 1, price: "09.00 EUR"', ".price", '"09.00 EUR"', 'such as "9.00 EUR"'),
    ('credits: 1, price: "-1 EUR"', ".price", '"-1 EUR"', "an amount above 0"),
    ('credits: 1, price: "0.00 EUR"', ".price", '"0.00 EUR"', "what costs nothing is a gift"),
    ('credits: 1, price: "9.00 EUR", expires: 1y', ".expires", '"1y"', "how long what was bought lives"),
    ('credits: 1, price: "9.00 EUR", expires: 3654d', ".expires", '"3654d"', "a time from 1s to 3653d"),
    ('credits: 1, price: "9.00 EUR", kind: gift', ".kind", '"gift"', "paid (the default) or promotional"),
    ('credits: 1, price: "9.00 EUR", priority: -1', ".priority", "-1", "a whole number from 0"),
    ('credits: 1, price: "9.00 EUR", name: x', ".name", "an unknown key", "one of the keys credits, units, of, price"),
]


@pytest.mark.parametrize(("written", "path", "found", "expected"), MISTAKES)
def test_a_mistake_of_a_pack_names_its_place_and_what_was_expected(
    written: str, path: str, found: str, expected: str
) -> None:
    check_mistake(packs(written), f"packs.one{path}", found, expected)


def test_a_broken_pack_hides_no_mistake_of_another() -> None:
    found = mistakes(with_top('packs: {A: {credits: 1}, b: {units: 1, of: films, price: "1 EUR"}, c: 7}'))
    assert {mistake.path for mistake in found} == {"packs.A", "packs.A.price", "packs.b.of", "packs.c"}


def test_packs_that_nobody_can_spend_and_prices_that_cannot_be_compared_are_noted() -> None:
    sold = 'packs: {a: {credits: 1, price: "1 EUR"}, b: {units: 1, of: film, price: "2 JPY"}}'
    notes = {str(note) for note in check_policy(read_policy_text(with_top(sold))) if note.path.startswith("packs")}
    assert notes == {
        "packs.a: no plan has a rule that is paid by credits, so nobody can spend them",
        "packs.b: no plan has a rule for film that is paid by units, so nobody can spend them",
        "packs.a: packs in several currencies: of those that are enough the smallest is named",
    }
