"""A small shop whose every row is known, so that a test can say which one it forges and what must be found.

Account acme (plan plus), in the order of its events; terms take the sequences 1 to 4:

    5   chat 3        allowance 3 (of 10 a day, of 4 a minute)
    6   chat 4        allowance 4
    7   chat 4        allowance 3, credits 1 for 5: lot 2
    8   chat 2        credits 2 for 10: lot 2 gives 7, lot 1 gives 3
    9   video 6       units 4 (lot 3), credits 2 for 20: lot 1; spending limit of 60 a day
    10  tokens        cost 0.001525: lot 1
    11  chat 3        credits 3 for 15: lot 1
    12  video 3       credits 1 for 10: lot 1, which has 0.098475 left then; overage 2 for 24, cap 100 a month

Account zeta has only terms and one event.
"""

from __future__ import annotations

from pathlib import Path

import spillover
from spillover.policy import read_policy_text

MINUTE = 60_000
POLICY = """
spillover: 1
attributes: [team]
features:
  chat: {unit: message, count: requests, price: {credits: 5}}
  tokens:
    unit: credit
    count: cost
    price:
      - {when: {model: large}, input: "1.25", output: 10, per: 1M}
      - {input: "2.50", output: 20, per: 1M}
  video: {unit: second, count: seconds, price: {credits: 10}}
plans:
  plus:
    rules:
      - for: [chat]
        ceilings: [{name: burst, max: 4, refill: 1m}]
        waterfall:
          - from: allowance
            windows: [{name: daily, max: 10, every: day, in: Europe/Paris}]
          - from: credits
      - for: [tokens]
        waterfall: [{from: credits}]
      - for: [video]
        waterfall:
          - from: units
          - {from: credits, consent: remembered}
          - {from: overage, price_times: "1.20", cap: {max: 100, every: month, starting: billing_day}}
        spending: [{name: daily, max: 60, every: day, in: UTC}]
"""


def make_shop(path: Path) -> Path:
    """The books of the story above, settled and quiet."""
    clock = spillover.TurnableClock("2026-03-02T09:00:00Z")
    policy = read_policy_text(POLICY)
    with spillover.connect(f"sqlite:///{path}", policy=policy, clock=clock, settle=False) as access:
        access.accounts.put("acme", "plus", reason="signed up", actor="ops")
        access.credits.add("acme", "48.1", key="order 1", paid="9.00 EUR", tax="1.71", ref="ch_1", actor="shop")
        access.credits.add("acme", "12", key="gift 1", priority=50)
        access.units.add("acme", "video", 4, key="gift 2")
        access.accounts.put("zeta", "plus", zone="America/New_York")

        def use(name: str, feature: str, usage: object, **attributes: str) -> None:
            clock.turn(seconds=61)
            key = f"{feature} {clock.moment:%H:%M:%S}"
            subject = attributes.pop("subject", None)
            decision = access.consume(name, feature, usage, key=key, subject=subject, attributes=attributes)
            assert decision, decision.sentence

        use("acme", "chat", 3, subject="ada")
        use("acme", "chat", 4, team="red")
        use("acme", "chat", 4, subject="bob", team="blue")
        use("acme", "chat", 2)
        use("acme", "video", 6, subject="ada")
        use("acme", "tokens", {"input": 500, "output": 90}, model="large")
        use("acme", "chat", 3, subject="bob")
        use("acme", "video", 3)
        use("zeta", "chat", 1)
        access.settle()
    return path
