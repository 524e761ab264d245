"""A studio whose every row is known, for what holds, modes, orders and refunds do to the books.

Account acme (plan plus), a minute between two events; each `#` in `make_studio` names the sequence of what follows.
"""

from __future__ import annotations

from pathlib import Path

import spillover
from spillover.policy import read_policy_text

POLICY = """
spillover: 1
late: 2h
features:
  chat: {unit: message, count: requests, price: {credits: 5}}
  video: {unit: second, count: seconds, price: {credits: 10}}
plans:
  plus:
    rules:
      - for: [chat]
        ceilings:
          - {name: seats, max: 2, of: subjects, every: month, in: UTC}
          - {name: parallel, max: 2, of: open_holds}
          - {name: rolling, max: 6, sliding: 1h, slots: 3}
          - {name: rare, max: 1, every: day, in: UTC, only: {team: [red]}}
        waterfall:
          - from: allowance
            windows:
              - {name: daily, max: 5, every: day, in: UTC}
              - {name: calls, max: 4, of: requests, every: day, in: UTC}
          - from: credits
        overshoot: {forgive: 7, every: day, in: UTC}
      - for: [video]
        waterfall:
          - from: units
          - from: credits
          - {from: overage, price_times: "1.20", cap: {max: 100, every: month, starting: billing_day}}
"""
HOUR, DAY = 3_600_000, 86_400_000


def make_studio(path: Path) -> Path:
    """The books of the story, settled and quiet."""
    clock = spillover.TurnableClock("2026-03-02T09:00:00Z")
    policy = read_policy_text(POLICY)
    with spillover.connect(f"sqlite:///{path}", policy=policy, clock=clock, settle=False) as access:
        access.accounts.put("acme", "plus", actor="ops")  # 1
        access.credits.add("acme", "30", key="order 1", paid="9.00 EUR", ref="ch_1")  # 2: lot 1
        access.credits.add("acme", "8", key="gift 1", priority=50, expires=clock() + 2 * HOUR)  # 3: lot 2
        access.units.add("acme", "video", 4, key="gift 2", scope={"team": ["red"]})  # 4: lot 3

        _first(access, clock)
        _then(access, clock)
    return path


def _first(access: spillover.Access, clock: spillover.TurnableClock) -> None:
    """Usage, holds that are committed with less and with more, and overshoot."""
    clock.turn(minutes=1)
    assert access.consume("acme", "chat", 3, key="c1", subject="ada")  # 5
    clock.turn(minutes=1)
    assert access.open_hold("acme", "chat", 3, key="h1", subject="bob")  # 6: allowance 2, credits 1 of lot 2
    clock.turn(minutes=1)
    access.holds.commit("acme", "h1", 2)  # 7: gives back the 5 of lot 2
    clock.turn(minutes=1)
    red = {"team": "red"}
    assert access.open_hold("acme", "video", 6, key="h2", attributes=red)  # 8: units 4; credits 2: lot 2 8, lot 1 12
    clock.turn(minutes=1)
    assert access.holds.extend("acme", "h2", 7)  # 9: credits 1: lot 1 10
    clock.turn(minutes=1)
    access.holds.commit("acme", "h2", 9)  # 10: overage 2 for 24
    clock.turn(minutes=1)
    assert access.record("acme", "chat", 3, key="r1", subject="ada")  # 11: credits 1 of lot 1, overshoot 2: 7 + 3 owed
    clock.turn(minutes=1)


def _then(access: spillover.Access, clock: spillover.TurnableClock) -> None:
    """Orders, a hold that expires, a refund, and a hold on a lot that is taken back."""
    access.limits.set("acme", "chat", "rolling", 20, key="more", until=clock() + DAY)  # 12
    access.limits.set("acme", "chat", "daily", 8, key="daily")  # 13
    clock.turn(minutes=1)
    access.credits.add("acme", "20", key="order 2")  # 14: lot 4, of which 3 pay what is owed
    access.units.add("acme", "video", 9, key="gift 3", scope={"team": ["blue"]}, expires=clock() + HOUR)  # 15: lot 5
    clock.turn(minutes=1)
    assert access.open_hold("acme", "video", 1, key="h3", lasts=1_000)  # 16: lot 4 10
    clock.turn(minutes=1)
    access.tend()  # 17: h3 expires
    clock.turn(minutes=1)
    access.holds.commit("acme", "h3", 1)  # 18: late
    clock.turn(minutes=1)
    access.settle(tend=False)
    access.refund("acme", "r1", units=1, key="sorry")  # 19: lot 1 gets 5 back
    clock.turn(minutes=1)
    assert access.open_hold("acme", "video", 1, key="h4")  # 20: lot 4 7, lot 1 3
    clock.turn(minutes=1)
    access.lots.adjust("acme", 4, 2_000_000, key="plus", reason="rounded")  # 21
    clock.turn(minutes=1)
    access.lots.revoke("acme", 4, key="back", reason="chargeback")  # 22: takes 2
    clock.turn(minutes=1)
    access.holds.release("acme", "h4")  # 23: 7 fall to lot 4, which is gone
    clock.turn(minutes=120)
    access.tend()  # 24: lot 5 has expired
    access.windows.reset("acme", "chat", "daily", key="reset")  # 25
    clock.turn(minutes=1)
    assert access.consume("acme", "chat", 12, key="p1", subject="bob", mode="partial")  # 26: allowance 8, credits 1
    clock.turn(minutes=1)
    assert access.open_hold("acme", "video", 1, key="h5", subject="bob")  # 27, open: overage 1 for 12
    access.settle(tend=False)
