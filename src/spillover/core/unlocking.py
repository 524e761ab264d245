"""What would let a denied request pass now (design, law 11): tried out on the rules themselves, so it is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import decide
from spillover.core.lots import burn_order, lot_cell
from spillover.core.waterfall import DEBT
from spillover.model.account import Lot, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.decision import Blocker, Verdict
from spillover.model.policy import Policy
from spillover.model.request import Request

STEPS_MAX = 8
"""How many remedies are put together before nothing is said."""


class Unlock(Struct, frozen=True):
    """What has to be done, all of it: consent to the paid `consent` layer, so many more micro-credits, more units."""

    consent: str = ""
    credits: int = 0
    units: int = 0


def unlock(policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int) -> Unlock | None:
    """The least remedy by paying, else by a gift of units; None where neither lets the request pass."""

    def verdict_with(remedy: Unlock) -> Verdict:
        return decide(policy, *_with(remedy, profile, cells, request.feature), request, now)[0]

    for kinds in (("credits", "consent", "owed"), ("units",)):
        remedy: Unlock | None = Unlock()
        for _ in range(STEPS_MAX):
            if remedy is None:
                break
            verdict = verdict_with(remedy)
            if verdict.allowed:
                return _least(remedy, lambda tried: verdict_with(tried).allowed)
            remedy = _more(remedy, [blocker for blocker in verdict.blockers if blocker.kind in kinds])
    return None


def _least(remedy: Unlock, passes: Callable[[Unlock], bool]) -> Unlock:
    """No more than is needed: a layer further down may give a part as well. At most 53 halvings."""
    field = "credits" if remedy.credits else "units"
    low, high = -1, getattr(remedy, field)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(replace(remedy, **{field: middle})) else (middle, high)
    return replace(remedy, **{field: high})


def _more(remedy: Unlock, blockers: list[Blocker]) -> Unlock | None:
    """The remedy for the last of these that stand in the way, on top of what there is."""
    for blocker in reversed(blockers):
        if blocker.kind == "consent" and not remedy.consent:
            return replace(remedy, consent=blocker.name)
        if blocker.kind == "owed" and 0 < blocker.short < AMOUNT_MAX - remedy.credits:
            return replace(remedy, credits=remedy.credits + blocker.short)
        if blocker.kind == "credits" and blocker.name == "credits" and 0 < blocker.short < AMOUNT_MAX - remedy.credits:
            return replace(remedy, credits=remedy.credits + blocker.short)
        if blocker.kind == "units" and 0 < blocker.short < AMOUNT_MAX - remedy.units:
            return replace(remedy, units=remedy.units + blocker.short)
    return None


def _with(
    remedy: Unlock, profile: Profile, cells: Mapping[str, int], feature: str
) -> tuple[Profile, Mapping[str, int]]:
    """The account as it would be: with the lots that are missing, which burn after all others."""
    given = [("credits", remedy.credits), (feature, remedy.units)]
    new = max((lot.id for lot in profile.lots), default=0) + 1
    lots, changed = list(profile.lots), dict(cells)
    for lot, (measure, amount) in enumerate(given, new):
        if amount:
            lots.append(Lot(lot, measure, priority=AMOUNT_MAX))
            paid = (
                min(changed.get(DEBT, 0), amount) if measure == "credits" else 0
            )  # new credits pay what is owed first
            changed[DEBT] = changed.get(DEBT, 0) - paid
            changed[lot_cell(lot)] = amount - paid
    return replace(profile, lots=burn_order(lots), consent=profile.consent or bool(remedy.consent)), changed
