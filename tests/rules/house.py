"""A small house for rule tables: one account, its cells in a dictionary, requests decided and applied in turn."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.core.apply import apply
from spillover.core.decide import decide
from spillover.core.lots import burn_order, lot_cell
from spillover.model.account import Lot, Profile
from spillover.model.amounts import MICRO
from spillover.model.decision import Overshoot, Verdict
from spillover.model.leg import Leg
from spillover.model.policy import Policy
from spillover.model.request import Request
from tests.support import policy

START = 1_772_442_000_000  # 2026-03-02 09:00 UTC, a Monday
HOUR = 3_600_000
DAY = 24 * HOUR


class House:
    """The account 1 under the plan `p`."""

    def __init__(self, rule: str, *, price: str = "{credits: 5}", count: str = "seconds") -> None:
        text = (
            "spillover: 1\n"
            f"features: {{f: {{unit: {'credit' if count == 'cost' else 'second'}, count: {count}, price: {price}}}}}\n"
            f"plans: {{p: {{rules: [{{for: [f], {rule}}}]}}}}\n"
        )
        self.policy: Policy = policy(text)
        self.profile = Profile(1, 1, "p", START)
        self.cells: dict[str, int] = {}

    def lots(self, *lots: tuple[Lot, int]) -> House:
        """Hold these lots, with what remains of each (credits in whole credits)."""
        self.profile = Profile(1, 1, "p", START, lots=burn_order(lot for lot, _ in lots))
        for lot, amount in lots:
            self.cells[lot_cell(lot.id)] = amount * (MICRO if lot.measure == "credits" else 1)
        return self

    def ask(self, units: int | dict[str, int], at: int = 0, **labels: str) -> Verdict:
        """Decide at START + `at` milliseconds, and apply."""
        subject = labels.pop("subject", "")
        usage = units if isinstance(units, dict) else {"seconds": units}
        return self.decide(Request(1, "f", usage, "k", subject, labels), START + at)

    def decide(self, request: Request, now: int) -> Verdict:
        """Decide any request, and apply."""
        verdict, operations = decide(self.policy, self.profile, self.cells, request, now)
        changed = apply(self.cells, operations)
        assert changed is not None, "the state decided on lies in its own box"
        self.cells.update(changed)
        return verdict


def told(verdict: Verdict) -> str:
    """A verdict as a line of a ledger: "allowance 5 + credits 2 (10 from 3)" or "denied: window daily"."""
    if not verdict.allowed:
        return "denied: " + ", ".join(f"{b.kind} {b.name}" for b in verdict.blockers)
    return told_legs(verdict.legs, verdict.overshoot)


def told_legs(legs: Iterable[Leg], beyond: Overshoot | None) -> str:
    """Who paid: the legs, and what nobody could pay: "overshoot 2 (10, 4 forgiven, 6 owed)"."""
    parts = [_leg(leg.layer, leg.units, leg.amount, leg.lots) for leg in legs]
    if beyond:
        amounts = [f"{beyond.amount / MICRO:g}"]
        amounts += [f"{beyond.forgiven / MICRO:g} forgiven"] if beyond.forgiven else []
        amounts += [f"{beyond.owed / MICRO:g} owed"] if beyond.owed else []
        parts.append(f"overshoot {beyond.units} ({', '.join(amounts)})")
    return " + ".join(parts) or "free"


def _leg(layer: str, units: int, amount: int, lots: Iterable[tuple[int, int]]) -> str:
    drawn = ", ".join(str(lot) for lot, _ in lots)
    paid = (
        f" ({amount / MICRO:g}{' from ' + drawn if drawn else ''})" if amount else f" (from {drawn})" if drawn else ""
    )
    return f"{layer} {units}{paid}"
