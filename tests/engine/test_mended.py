"""Mistakes that were made once, each as the guarantee that it broke."""

from __future__ import annotations

from pathlib import Path

import pytest

import spillover
import spillover.ports
from spillover.access.clock import TurnableClock
from spillover.audit import audit
from spillover.model.errors import InvalidInput, SpilloverError, UnknownName
from spillover.model.policy import Policy
from spillover.policy import read_policy_text
from tests.support import policy as shared

PLANS = """
spillover: 1
{late}
features:
  v: {{unit: second, count: seconds, price: {{credits: 1}}}}
plans:
  paid: {{rules: [{{for: [v], hold: {{for: 15m}}, waterfall: [{{from: credits}}]}}], refunds: {{expired: 30d}}}}
  daily:
    rules:
      - for: [v]
        waterfall: [{{from: allowance, windows: [{{name: day, max: 9, every: day, in: account}}]}}]
"""


def policy(late: str = "") -> Policy:
    return shared(PLANS.format(late=late))


def opened(where: Path, clock: TurnableClock, late: str = "", *, plan: str = "paid") -> tuple[spillover.Access, str]:
    url = f"sqlite:///{where / 'a.db'}"
    access = spillover.connect(url, policy=policy(late), clock=clock, settle=False)
    access.accounts.put("x", plan)
    return access, url


def whole(where: Path) -> None:
    report = audit(where / "a.db")
    assert not report.findings, report.findings


def test_an_engine_that_remembers_no_open_hold_ends_one_that_another_opened(tmp_path: Path) -> None:
    clock = TurnableClock("2026-03-01T12:00:00Z")
    one, url = opened(tmp_path, clock)
    one.credits.add("x", 100, key="c")
    one.open_hold("x", "v", 5, key="h0")
    one.holds.release("x", "h0")
    with spillover.connect(url, clock=clock, settle=False) as other:
        assert other.open_hold("x", "v", 5, key="h1")
    assert one.holds.commit("x", "h1", 3).granted == 3
    one.close()


def test_an_account_that_another_engine_is_about_to_push_is_known_at_the_next_look(tmp_path: Path) -> None:
    clock = TurnableClock("2026-03-01T12:00:00Z")
    one, url = opened(tmp_path, clock)
    with spillover.connect(url, clock=clock, settle=False) as other:
        desk = other.desk
        terms = spillover.ports.Terms("daily")
        other.run(desk.ledger.put_account("new", terms, at=clock(), reason="", actor=""))  # and killed before the push
        assert one.consume("new", "v", 1)
    one.close()


@pytest.mark.parametrize("plan", ["", "gold", 7])
def test_a_plan_that_is_none_is_refused_before_anything_is_written(tmp_path: Path, plan: str) -> None:
    one, _ = opened(tmp_path, TurnableClock("2026-03-01T12:00:00Z"))
    for verb in (one.accounts.put, one.accounts.plan):
        with pytest.raises(UnknownName, match="plan"):
            verb("x", plan)
        with pytest.raises((UnknownName, InvalidInput)):
            verb("never", plan)
    one.settle()
    assert [row.plan for row in one.accounts.list().rows] == ["paid"]
    one.close()


@pytest.mark.parametrize("late", ["", "late: 2h"])
def test_a_zone_that_changes_opens_no_second_window_however_late_usage_may_be(tmp_path: Path, late: str) -> None:
    clock = TurnableClock("2026-03-15T23:10:00Z")
    one, _ = opened(tmp_path, clock, late, plan="daily")
    one.accounts.put("x", zone="Europe/Paris")
    assert one.consume("x", "v", 9)
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        one.accounts.put("x", zone=zone)
        assert not one.consume("x", "v", 1)
    one.settle()
    one.close()
    whole(tmp_path)


def test_a_lot_that_holds_keep_whole_may_be_revoked_and_the_books_are_whole(tmp_path: Path) -> None:
    one, _ = opened(tmp_path, TurnableClock("2026-03-01T12:00:00Z"))
    one.credits.add("x", 10, key="c", paid="10.00 EUR", ref="ch")
    assert one.open_hold("x", "v", 10, key="h")
    assert one.lots.revoke("x", 1, key="r", reason="fraud").lowered == ()
    ending = one.holds.commit("x", "h", 4)
    assert [(move.kind, move.amount, move.held) for move in ending.moves] == [("revoke", 6_000_000, True)]
    one.settle()
    one.close()
    whole(tmp_path)


@pytest.mark.parametrize("lot", ["1", " 1 ", True, 1.0, 0, -1, None, 2**60, [1]])
def test_a_lot_is_named_by_a_whole_number_and_nothing_else_is_booked(tmp_path: Path, lot: int) -> None:
    one, _ = opened(tmp_path, TurnableClock("2026-03-01T12:00:00Z"))
    one.credits.add("x", 5, key="c")
    for verb in (
        lambda: one.lots.revoke("x", lot, key="r"),
        lambda: one.lots.adjust("x", lot, -1, key="d", reason="less"),
        lambda: one.lots.adjust("x", lot, 1, key="u", reason="more"),
    ):
        with pytest.raises(InvalidInput, match="lot: found"):
            verb()
    one.credits.add("x", 7, key="c2")
    assert one.balance("x").credits == 12_000_000
    one.close()


def test_a_chargeback_finds_what_a_refund_of_the_purchase_issued_anew(tmp_path: Path) -> None:
    clock = TurnableClock("2026-03-01T12:00:00Z")
    one, _ = opened(tmp_path, clock)
    one.credits.add("x", 20, key="c", paid="20.00 EUR", ref="ch_1", expires=clock() + 3_600_000)
    assert one.consume("x", "v", 20, key="use")
    one.settle()
    clock.turn(hours=2)
    assert one.refund("x", "use", key="back").units == 20
    done = one.lots.reverse("x", "ch_1", key="charge")
    assert (done.granted, done.taken, done.shortfall) == (20_000_000, 20_000_000, 0)
    assert one.balance("x").credits == 0
    one.settle()
    one.close()
    whole(tmp_path)


@pytest.mark.parametrize("key", ["\ud800", 2**63, None, b"k", ""])
def test_a_key_that_no_event_can_have_is_unknown(tmp_path: Path, key: str) -> None:
    one, _ = opened(tmp_path, TurnableClock("2026-03-01T12:00:00Z"))
    with pytest.raises(SpilloverError):
        one.refund("x", key, key="r")
    one.close()


GIFTS = """
spillover: 1
features: {v: {unit: second, count: seconds, price: {credits: 1}}}
plans:
  p:
    gives: [{name: g, credits: 20, every: month, in: account}]
    rules: [{for: [v], waterfall: [{from: credits}]}]
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_who_moves_to_another_zone_is_given_the_gift_of_a_month_once(zone: str) -> None:
    clock = TurnableClock("2026-03-05T12:00:00Z")
    with spillover.connect("memory://", policy=read_policy_text(GIFTS), clock=clock, settle=False) as access:
        access.accounts.put("x", "p", zone="Europe/Paris")
        clock.turn(days=26, hours=9, minutes=30)  # the last hours of March: in Tokyo it is April
        access.accounts.put("x", zone=zone)
        for _ in range(40):
            access.tend()
            clock.turn(hours=1)
        access.settle()
        assert [row.kind for row in access.statement("x").rows].count("grant") == 2  # of March, and of April


def test_what_a_refund_gives_back_of_a_rounded_leg_is_its_share(tmp_path: Path) -> None:
    text = """
spillover: 1
features: {f: {count: cost, price: {input: 1, per: 1M}}}
plans: {p: {rules: [{for: [f], waterfall: [{from: overage, price_times: "1.5"}]}]}}
"""
    clock = TurnableClock("2026-03-05T12:00:00Z")
    with spillover.connect(f"sqlite:///{tmp_path / 'a.db'}", policy=read_policy_text(text), clock=clock) as access:
        access.accounts.put("x", "p")
        assert access.consume("x", "f", {"input": 10_000_000}, key="use").charged == 15_000_000
        access.settle()
        assert access.refund("x", "use", units=5_000_000, key="half").relieved == 7_500_000
        assert access.refund("x", "use", key="rest").relieved == 7_500_000
        access.settle()
    whole(tmp_path)


def test_a_change_of_prices_stands_in_the_statement_with_its_reason(tmp_path: Path) -> None:
    clock = TurnableClock("2026-03-01T12:00:00Z")
    one, _ = opened(tmp_path, clock)
    first = one.policy
    dearer = read_policy_text(PLANS.format(late="").replace("credits: 1}", "credits: 2}"))
    one.policies.publish(dearer, when=clock() + 3_600_000, reason="new prices", actor="ops")
    assert one.statement("x").policies == ()
    clock.turn(hours=2)
    (change,) = one.statement("x", until=clock()).policies
    assert (change.before, change.after, change.reason, change.actor) == (first.hash, dearer.hash, "new prices", "ops")
    assert change.at == clock() - 3_600_000
    assert one.statement("x", since=clock()).policies == ()
    one.close()
