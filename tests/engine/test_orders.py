"""Orders on an account: limits set and reset, lots revoked, adjusted and reversed beside open holds, refunds, modes."""

from __future__ import annotations

import pytest

import spillover
from spillover.model.errors import InvalidInput, KeyReused, NotSettled, UnknownName
from tests.engine.houses import URLS, clock, credits_of, engine, url_of

MESSAGES, TOKENS, SECONDS = "codex.messages", "codex.tokens", "sora.seconds"


@pytest.fixture(params=[f"{face} {url}" for face in ("plain", "async") for url in URLS])
def house(request, tmp_path):
    face, url = request.param.split()
    turning = clock()
    with engine(url_of(url, tmp_path), face, clock=turning) as access:
        yield access, turning


def agree(access) -> None:
    """When all is settled, what can be spent and what holds keep is what the books have."""
    access.settle()
    for one in access.balance("acme").measures:
        assert sum(lot.available + lot.held for lot in one.lots) == one.settled


def test_partial_gives_what_there_is_and_says_what_stopped_it(house):
    access, _ = house
    access.units.add("acme", SECONDS, 5, key="gift")
    some = access.consume("acme", SECONDS, 20, mode="partial", key="k")
    assert (some.units, some.granted, [leg.layer for leg in some.legs]) == (20, 15, ["allowance", "units"])
    assert some.blockers[-1].kind == "credits"
    assert not access.consume("acme", SECONDS, 1, mode="partial", key="none")
    agree(access)


def test_what_happened_already_is_recorded_even_for_a_suspended_account(house):
    access, _ = house
    access.accounts.suspend("acme")
    assert not access.consume("acme", TOKENS, {"output": 1})
    done = access.record("acme", TOKENS, {"output": 100}, key="r")
    assert (done.legs, done.overshoot.amount, done.overshoot.owed) == ((), 1000, 900)
    assert access.record("acme", TOKENS, {"output": 100}, key="r").replayed
    access.accounts.put("acme", state="active")
    access.credits.add("acme", "1", key="c")
    assert access.balance("acme").credits == 999_100
    agree(access)


def test_a_limit_that_is_set_counts_at_once_and_until_its_end_and_only_once_a_key(house):
    access, turning = house
    for _ in range(3):
        access.consume("acme", MESSAGES)
    assert not access.consume("acme", MESSAGES)
    ends = turning() + 5000
    set_ = access.limits.set("acme", MESSAGES, "hourly", 4, key="l", until=ends, reason="asked for")
    assert access.limits.set("acme", MESSAGES, "hourly", 4, key="l", until=ends, reason="asked for") == set_
    with pytest.raises(KeyReused):
        access.limits.set("acme", MESSAGES, "hourly", 5, key="l", until=ends, reason="asked for")
    assert access.consume("acme", MESSAGES)
    assert not access.consume("acme", MESSAGES)
    access.limits.set("acme", MESSAGES, "hourly", 6, key="more", until=ends)
    turning.turn(milliseconds=4999)
    assert access.check("acme", MESSAGES)
    turning.turn(milliseconds=1)
    assert not access.check("acme", MESSAGES)
    access.settle()
    assert [row.kind for row in access.statement("acme").rows].count("override") == 2


def test_a_limit_per_subject_is_set_for_one_or_all(house):
    access, _ = house
    access.consume("acme", MESSAGES, subject="ada", key="seen")
    access.limits.set("acme", MESSAGES, "burst", 1, key="one", scope="ada")
    assert access.consume("acme", MESSAGES, subject="ada").denial.blocked_by == "ceiling burst"
    assert access.consume("acme", MESSAGES, subject="bo")
    for wrong in ({"limit": "hourly", "scope": "ada"}, {"limit": "none"}, {"limit": "burst", "max": -1}):
        with pytest.raises(InvalidInput):
            access.limits.set(**{"account": "acme", "feature": MESSAGES, "max": 5, "key": "x", **wrong})


def test_a_reset_forgets_what_was_counted_and_the_window_ends_when_it_would_have(house):
    access, turning = house
    access.consume("acme", SECONDS, 10, key="k")
    turning.turn(hours=4)
    access.windows.reset("acme", SECONDS, "five", key="w", reason="sorry")
    assert access.check("acme", SECONDS, 10)
    five = access.overview("acme").features[2].limits[0]
    assert (five.used, five.resets_at) == (0, turning() + 3_600_000)
    access.consume("acme", SECONDS, 1, key="later")
    access.windows.reset("acme", SECONDS, key="w", reason="sorry")
    assert not access.check("acme", SECONDS, 10), "once for each key"
    agree(access)


def test_a_revoked_lot_gives_up_what_it_has_and_a_hold_keeps_what_it_drew(house):
    access, _ = house
    lot = access.credits.add("acme", "1", key="c")
    access.open_hold("acme", TOKENS, {"output": 10_000}, key="h")
    done = access.lots.revoke("acme", lot.id, key="r", reason="fraud")
    assert done.lowered == ((lot.id, 900_000),)
    assert access.lots.revoke("acme", lot.id, key="r", reason="fraud") == done
    assert credits_of(access)[:2] == (0, 100_000)
    ended = access.holds.commit("acme", "h", {"output": 4000})
    assert [(move.kind, move.amount, move.held) for move in ended.moves] == [("revoke", 60_000, True)]
    assert credits_of(access)[:2] == (0, 0)
    agree(access)
    (row,) = access.lots.list("acme")
    assert (row.balance, row.spent, row.granted) == (0, 40_000, 1_000_000)


def test_a_lot_is_adjusted_up_and_down_and_never_below_nothing(house):
    access, _ = house
    lot = access.credits.add("acme", "1", key="c").id
    access.lots.adjust("acme", lot, 500_000, key="up", reason="late delivery")
    access.open_hold("acme", TOKENS, {"output": 100_000}, key="h")
    done = access.lots.adjust("acme", lot, -500_000, key="down", reason="typo")
    assert done.lowered == ((lot, 500_000),)
    assert credits_of(access)[:2] == (0, 1_000_000)
    assert access.lots.adjust("acme", lot, -500_000, key="down", reason="typo") == done
    for wrong in ({"by": 0}, {"by": 1.5}, {"reason": ""}):
        with pytest.raises(InvalidInput):
            access.lots.adjust("acme", **{"lot": lot, "by": 5, "key": "x", "reason": "y", **wrong})
    with pytest.raises(UnknownName):
        access.lots.adjust("acme", 99, 5, key="x", reason="y")
    access.holds.release("acme", "h")
    agree(access)


def test_more_than_a_lot_has_left_is_refused_before_anything_is_ordered(house):
    access, _ = house
    lot = access.credits.add("acme", "55", key="c").id
    gift = access.units.add("acme", SECONDS, 3, key="u").id
    version = access.accounts.put("acme").version
    with pytest.raises(InvalidInput, match=r"^by: found -500, expected at least -55: that is what is left$"):
        access.lots.adjust("acme", lot, -500_000_000, key="down", reason="typo")
    with pytest.raises(InvalidInput, match="found -4, expected at least -3: that is what is left"):
        access.lots.adjust("acme", gift, -4, key="down", reason="typo")
    assert access.accounts.put("acme").version == version
    assert credits_of(access)[0] == 55_000_000
    access.lots.adjust("acme", lot, -55_000_000, key="down", reason="all of it")
    with pytest.raises(InvalidInput, match="nothing is left"):
        access.lots.adjust("acme", lot, -1, key="more", reason="typo")
    with pytest.raises(UnknownName):
        access.lots.adjust("acme", 99, -1, key="x", reason="y")
    agree(access)


def test_a_refund_tells_what_expired_and_what_was_revoked_apart(house):
    access, turning = house
    access.units.add("acme", SECONDS, 1, key="u", expires=turning() + 5000)
    bought = access.credits.add("acme", "2", key="c").id
    access.credits.add("acme", "9", key="more")
    assert access.consume("acme", SECONDS, 14, key="k").charged == 3_000_000
    access.settle()
    access.lots.revoke("acme", bought, key="r")
    turning.turn(milliseconds=5000)
    done = access.refund("acme", "k", units=4, key="back")
    assert (done.lots, done.expired, done.revoked) == (((3, 1_000_000), (2, 2_000_000), (1, 1)), 1, ((2, 2_000_000),))
    assert access.refund("acme", "k", units=4, key="back") == done
    agree(access)


def test_a_chargeback_takes_back_what_is_left_and_tells_the_shortfall(house):
    access, _ = house
    for number in range(2):
        access.credits.add("acme", "1", key=f"c{number}", paid="1.00 EUR", ref="ch_1")
    access.credits.add("acme", "5", key="other", paid="5.00 EUR", ref="ch_2", priority=200)
    access.consume("acme", TOKENS, {"output": 50_000}, key="k")
    access.open_hold("acme", TOKENS, {"output": 20_000}, key="h")
    done = access.lots.reverse("acme", "ch_1", key="r")
    assert (done.granted, done.taken, done.shortfall) == (2_000_000, 1_300_000, 700_000)
    assert access.lots.reverse("acme", "ch_1", key="r") == done
    assert credits_of(access)[:2] == (5_000_000, 200_000)
    with pytest.raises(UnknownName):
        access.lots.reverse("acme", "ch_3", key="x")
    access.holds.release("acme", "h")
    assert credits_of(access)[:2] == (5_000_000, 0), "what falls back to a revoked lot is posted as such"
    agree(access)


def test_a_refund_restores_lots_and_never_windows_and_is_bounded(house):
    access, _ = house
    access.credits.add("acme", "100", key="c", paid="1.00 EUR")
    access.consume("acme", SECONDS, 16, key="k")
    with pytest.raises(NotSettled):
        access.refund("acme", "k", key="r")
    access.settle()
    done = access.refund("acme", "k", units=2, key="r", reason="it was bad")
    assert (done.units, sum(amount for _, amount in done.lots)) == (2, 2_000_000)
    assert access.refund("acme", "k", units=2, key="r", reason="it was bad") == done
    assert access.balance("acme").credits == 96_000_000
    with pytest.raises(InvalidInput):
        access.refund("acme", "k", units=50, key="too much")
    access.refund("acme", "k", key="rest")
    assert access.balance("acme").credits == 100_000_000
    assert access.overview("acme").features[2].limits[0].used == 10
    with pytest.raises(UnknownName):
        access.refund("acme", "none", key="x")
    agree(access)


def test_the_commit_of_a_hold_can_be_refunded_by_its_event(house):
    access, _ = house
    access.credits.add("acme", "1", key="c")
    access.open_hold("acme", TOKENS, key="h")
    ended = access.holds.commit("acme", "h", {"output": 100})
    access.settle()
    assert access.refund("acme", "h", key="r").lots == ((1, 1000),)
    assert (ended.charged, access.balance("acme").credits) == (1000, 1_000_000)


def test_a_scope_decides_what_a_lot_pays_and_a_statement_of_the_past_stands(house):
    access, turning = house
    access.credits.add("acme", "1", key="c", scope={"team": ["blue"], "feature": TOKENS})
    access.units.add("acme", SECONDS, 3, key="u", scope={"subject": "ada"})
    assert not access.consume("acme", TOKENS, {"output": 1})
    assert access.consume("acme", TOKENS, {"output": 1}, attributes={"team": "blue"})
    assert not access.check("acme", SECONDS, 13)
    assert access.check("acme", SECONDS, 13, subject="ada")
    access.settle()
    before = turning()
    turning.turn(hours=1)
    access.consume("acme", TOKENS, {"output": 1}, attributes={"team": "blue"})
    access.settle()
    assert next((one.measure, one.balance) for one in access.balance_at("acme", before)) == ("credits", 999_990)
    with pytest.raises(spillover.InvalidInput):
        access.balance_at("acme", 5)
