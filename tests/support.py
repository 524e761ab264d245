"""What several test rooms share: a small policy, and engines over it."""

from __future__ import annotations

from functools import lru_cache

import spillover
from spillover.policy import read_policy_text

POLICY = """
spillover: 1
attributes: [team]
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  chat.tokens:
    unit: credit
    count: cost
    price:
      - {when: {model: large}, input: "1.25", output: 10, per: 1M}
      - {input: "2.50", output: 20, per: 1M}
  video.seconds:
    unit: second
    count: seconds
    price: [{when: {resolution: 1080p}, credits: 25}, {credits: 10}]
plans:
  free:
    rules:
      - for: [chat.messages]
        waterfall: [{from: allowance, windows: [{name: daily, max: 3, every: day, in: UTC}]}]
  plus:
    rules:
      - for: [chat.messages]
        ceilings: [{name: burst, max: 20, refill: 1m, per: subject}]
        waterfall:
          - from: allowance
            windows:
              - {name: five_hour, max: 10, every: 5h, starting: first_use}
              - {name: weekly, max: 30, every: 7d, starting: billing_day}
          - from: units
          - {from: credits, consent: remembered}
      - for: [chat.tokens]
        waterfall: [{from: credits}]
        spending: [{name: daily_team, max: 10, every: day, in: UTC, per: team, when_missing: skip}]
      - for: [video.seconds]
        waterfall:
          - from: allowance
            windows: [{name: daily, max: 5, every: day, in: Europe/Paris}]
          - from: units
          - from: credits
"""

START = "2026-03-02T09:00:00Z"


@lru_cache(maxsize=1_000)
def policy(text: str = POLICY) -> spillover.Policy:
    """The shared policy, or another. A text is read once: that takes longer than most tests, and a policy is frozen."""
    return read_policy_text(text)


def clock() -> spillover.TurnableClock:
    """A clock at the start of all stories."""
    return spillover.TurnableClock(START)
