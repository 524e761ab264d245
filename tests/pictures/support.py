"""Decisions to draw, and how a drawing reads on a terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from spillover.core.staircase import Staircase
from spillover.engine.answers import Decision, foreseen
from spillover.model.account import Lot, Profile
from spillover.model.request import Request
from spillover.policy import read_policy_text

NOW = 1_772_445_600_000
"""2026-03-02T10:00:00Z"""
BILLING = NOW - 3 * 86_400_000

POLICY = read_policy_text("""
spillover: 1
features:
  sora.seconds:
    unit: second
    count: seconds
    price: [{when: {resolution: 1080p}, credits: 25}, {credits: 10}]
  codex.tokens:
    unit: credit
    count: cost
    price: {input: "2.50", output: 20, per: 1M}
plans:
  plus:
    rules:
      - for: [sora.seconds]
        ceilings: [{name: burst, max: 60, refill: 1m}]
        waterfall:
          - from: allowance
            windows:
              - {name: five_hour, max: 5, every: 5h, starting: first_use}
              - {name: weekly, max: 30, every: 7d, starting: billing_day}
          - from: units
          - {from: credits, consent: remembered}
      - for: [codex.tokens]
        waterfall:
          - from: allowance
            windows: [{name: monthly, max: "0.05", every: month, starting: billing_day}]
          - from: credits
          - from: overage
  waiting:
    rules:
      - for: [sora.seconds]
        waterfall:
          - from: allowance
            windows: [{name: five_hour, max: 5, every: 5h, starting: first_use}]
""")

PROFILE = Profile(1, 1, "plus", BILLING, lots=(Lot(1, "sora.seconds"), Lot(2, "credits")))
CELLS = {"lot:1": 4, "lot:2": 300_000_000}


def seconds(units: int, profile: Profile = PROFILE, cells: dict[str, int] = CELLS) -> tuple[Staircase, Decision]:
    """A request for so many seconds of video in 1080p."""
    return _asked(
        Request(1, "sora.seconds", {"seconds": units}, "k", attributes={"resolution": "1080p"}), profile, cells
    )


def tokens(counted: int, cells: dict[str, int] = CELLS) -> tuple[Staircase, Decision]:
    """A request for so many tokens."""
    return _asked(Request(1, "codex.tokens", {"input": counted}, "k"), PROFILE, cells)


def _asked(request: Request, profile: Profile, cells: dict[str, int]) -> tuple[Staircase, Decision]:
    decision, staircase = foreseen(POLICY, "acme", profile, cells, request, NOW)
    return staircase, decision


def shown(drawing: RenderableType, *, width: int = 80, encoding: str = "utf-8", colour: bool = False) -> str:
    """What a terminal gets, without blanks at the ends of lines."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None).print(drawing)
    out.flush()
    return "\n".join(line.rstrip() for line in raw.getvalue().decode(encoding).splitlines()).rstrip() + "\n"
