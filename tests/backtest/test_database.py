"""The booked usage of a database through a proposed policy: lots as they were granted, and not a byte changed."""

import pytest

import spillover
from spillover.backtest import backtest
from spillover.backtest.recent import check_recent
from spillover.model.errors import NotADatabase
from tests.backtest.support import PRESENT, PROPOSED, T0, contents, policy

LABELLED = PRESENT.replace("price: {credits: 1}", "price: [{when: {size: big}, credits: 3}, {credits: 1}]").replace(
    "spillover: 1", "spillover: 1\nattributes: [team]"
)


@pytest.fixture
def books(tmp_path):
    """Two accounts: ada has 4 credits, then 2 more, and uses 6 images; bob is denied once."""
    hour = [T0]
    path = tmp_path / "app.db"
    with spillover.connect(f"sqlite:///{path}", policy=policy(PRESENT), clock=lambda: hour[0], settle=False) as access:
        access.accounts.put("ada", "free")
        access.accounts.put("bob", "pro")
        access.credits.add("ada", 4, key="first")
        for second, (name, units) in enumerate([("ada", 2), ("ada", 2), ("bob", 5), ("ada", 2), ("bob", 1)], 1):
            hour[0] = T0 + second * 1000
            access.consume(name, "images", units, subject="someone", key=f"k{second}")
        access.credits.add("ada", 2, key="second")
        hour[0] += 3_600_000
        access.consume("ada", "images", 2, key="later")
        access.settle()
    return path


def test_both_policies_spend_the_lots_anew_as_they_were_granted(books):
    found = backtest(policy(PROPOSED), database=str(books))
    assert found.present_policy.hash == policy(PRESENT).hash
    assert (found.present.requests, found.present.granted) == (5, 5), "what was booked was granted"
    assert (found.present.charged.credits, found.proposed.charged.credits) == ("5", "4")
    # proposed: 2 included | 2 for 4 | 0 left | 2 for 4, but 2 were added: denied | bob 1 included
    assert (found.proposed.granted, found.newly_denied.requests) == (3, 2)
    (denied,) = found.newly_denied.by_account
    assert (denied.requests, found.newly_denied.accounts, found.newly_denied.by_group[0].accounts) == (2, 1, 1)
    assert (denied.account, denied.first.key, denied.first.at) == ("ada", "k4", T0 + 4000)


def test_what_the_books_cannot_tell_is_said(books):
    notes = " ".join(backtest(policy(PROPOSED), database=str(books)).notes)
    assert "Denied requests are not recorded (1 denial was counted)" in notes


def test_the_policy_in_force_against_itself_differs_nowhere(books):
    assert backtest(policy(PRESENT), database=str(books)).same


def test_a_database_stays_as_it_is_to_the_byte(books):
    before = contents(books.parent)
    backtest(policy(PROPOSED), database=str(books))
    assert contents(books.parent) == before


def test_it_reads_beside_an_engine_that_is_open(books):
    with spillover.connect(f"sqlite:///{books}", settle=False) as access:
        access.consume("bob", "images", 1, key="live", at=T0 + 9_000_000)
        access.settle()
        found = backtest(policy(PROPOSED), database=str(books))
        assert found.present.requests == 6


def test_the_limit_takes_the_front_of_the_books(books):
    found = backtest(policy(PROPOSED), database=str(books), limit=2)
    assert found.present.requests == 2


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no database")
    with pytest.raises(NotADatabase):
        backtest(policy(PROPOSED), database=str(tmp_path / "notes.txt"))


def test_values_in_use_are_held_against_the_prices_by_their_names(tmp_path):
    path = tmp_path / "app.db"
    with spillover.connect(f"sqlite:///{path}", policy=policy(LABELLED), clock=lambda: T0, settle=False) as access:
        access.accounts.put("ada", "free")
        for number, labels in enumerate([{"size": "small"}, {"size": "big", "team": "red"}, {"team": "red"}]):
            access.consume("ada", "images", 1, key=str(number), attributes=labels)
        access.settle()
    # Where nobody pays, a price need not always fit.
    prices = ("[{when: {size: big}, credits: 3}, {credits: 1}]", "[{when: {team: blue}, credits: 3}]")
    new = LABELLED.replace(*prices).replace("          - from: credits\n", "")
    before = contents(tmp_path)
    found = check_recent(policy(new), str(path), T0)
    assert found.requests == 3
    assert [(one.attributes, one.count) for one in found.coverage.unpriced] == [((("team", "red"),), 2), ((), 1)]
    only_default = check_recent(policy(LABELLED), str(path), T0).coverage
    assert [(one.attribute, one.value, one.count) for one in only_default.defaulted] == [("size", "small", 1)]
    assert not only_default.unpriced
    assert check_recent(policy(new), str(path), T0 + 1).requests == 0
    assert contents(tmp_path) == before
