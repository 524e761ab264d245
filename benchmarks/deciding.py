"""The rule alone: `decide` for two windows, one ceiling and three lots, each call timed by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import NamedTuple

from benchmarks.figures import Aim, Figure, Group, in_turn, percentile
from benchmarks.scenario import FEATURE, INCLUDED, PLAN, policy
from benchmarks.settings import Settings
from spillover.core.apply import apply
from spillover.core.decide import cells_for, decide
from spillover.core.lots import burn_order, lot_cell
from spillover.model.account import Lot, Profile
from spillover.model.policy import Policy
from spillover.model.request import Request

NOW = 1_790_000_000_000
"""Some instant of 2026, in milliseconds."""
STATES = 256
"""Different states taken in turn, so that no call finds exactly what the one before left in the caches."""

ABOUT = (
    "p50 and p99 of single calls, the timer's own cost taken off. Beside it: the same number of cells, as many as the"
    " decision changes, raised in a plain dictionary."
)


class Case(NamedTuple):
    """A kind of decision: its states, and which cells it changes."""

    name: str
    arguments: Sequence[tuple[Policy, Profile, dict[str, int], Request, int]]
    changes: Sequence[tuple[str, int]]


def measure(settings: Settings) -> Group:
    """Allowance only, and split over two lots of credits."""
    lots = burn_order([Lot(1, FEATURE, promotional=True), Lot(2, "credits", promotional=True), Lot(3, "credits")])
    profile = Profile(1, 4, PLAN, NOW - 40 * 86_400_000, lots=lots)
    rules = policy()
    figures: list[Figure] = []
    for case in (
        _case("allowance only", rules, profile, {}, units=1, layers=["allowance"], drawn=0),
        _case("split over two lots", rules, profile, _split(rules, profile), 1, ["credits"], drawn=2),
    ):
        figures += _figures(case, settings)
    return Group("decide: two windows, one ceiling, three lots", figures, ABOUT)


def _split(rules: Policy, profile: Profile) -> dict[str, int]:
    """Included and gifted units are used up, and the first lot of credits holds half the price of a unit."""
    request = Request(1, FEATURE, {"requests": INCLUDED}, "before", "subject")
    cells = dict.fromkeys(cells_for(rules, profile, request), 0)
    changed = apply(cells, decide(rules, profile, cells, request, NOW)[1])
    assert changed is not None
    return changed | {lot_cell(1): 0, lot_cell(2): 5_000}


def _case(
    name: str, rules: Policy, profile: Profile, cells: dict[str, int], units: int, layers: list[str], drawn: int
) -> Case:
    arguments = []
    for n in range(STATES):
        request = Request(1, FEATURE, {"requests": units}, f"{n:032x}", "subject")
        state = dict.fromkeys(cells_for(rules, profile, request), 0)
        state |= {lot_cell(1): 1_000_000, lot_cell(2): 5_000_000_000, lot_cell(3): 50_000_000_000 + n} | cells
        arguments.append((rules, profile, state, request, NOW + 60_000 + n))
    verdict, operations = decide(*arguments[0])
    assert [leg.layer for leg in verdict.legs] == layers
    assert sum(len(leg.lots) for leg in verdict.legs) == drawn
    return Case(name, arguments, [(o[0], o[4] or 1) for o in operations if o[4] or o[3] is not None])


def _figures(case: Case, settings: Settings) -> list[Figure]:
    found = in_turn(
        settings.rounds,
        {"decide": lambda: _decide_times(case, settings.calls), "bare": lambda: _bare_times(case, settings.calls)},
    )
    figures = []
    for percent, aims in ((50, (Aim("value", 20, "at most"),)), (99, ())):
        mine, bare = ([percentile(times, percent) / 1000 for times in found[name]] for name in ("decide", "bare"))
        beside = f"{len(case.changes)} cells of a dictionary"
        figures.append(Figure(f"decide, {case.name}, p{percent}", "us", mine, beside, bare, aims))
    return figures


def _decide_times(case: Case, calls: int) -> list[int]:
    arguments, took = case.arguments, []
    cost = _timer_cost()
    for n in range(calls):
        policy_, profile, cells, request, now = arguments[n % STATES]
        begun = perf_counter_ns()
        decide(policy_, profile, cells, request, now)
        took.append(perf_counter_ns() - begun - cost)
    return took


def _bare_times(case: Case, calls: int) -> list[int]:
    changes, took = case.changes, []
    cost = _timer_cost()
    for n in range(calls):
        cells = case.arguments[n % STATES][2].copy()
        begun = perf_counter_ns()
        for name, add in changes:
            cells[name] = cells.get(name, 0) + add
        took.append(perf_counter_ns() - begun - cost)
    return took


def _timer_cost(clock: Callable[[], int] = perf_counter_ns) -> int:
    """What two readings with nothing between them cost, most of the time; nanoseconds."""
    took = []
    for _ in range(2_000):
        begun = clock()
        took.append(clock() - begun)
    return int(percentile(took, 50))
