"""When a denied request passes, and when it stops again: the rules against every single millisecond (law 11)."""

from __future__ import annotations

import random

import pytest

from spillover.core.opening import first_pass, first_stop
from tests.proof.opening_cases import NOW, SPAN, Case, random_case


@pytest.mark.parametrize("seed", range(6))
def test_the_first_instant_is_the_one_that_brute_force_finds(seed):
    opened, denied = compare(random.Random(seed), 80)
    assert denied >= 80
    assert opened >= 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_the_first_instant_is_the_one_that_brute_force_finds_in_5000_cases(seed):
    opened, denied = compare(random.Random(seed), 500)
    assert denied == 500
    assert opened > 100


def compare(rng: random.Random, wanted: int) -> tuple[int, int]:
    """Compare in so many denied cases; in how many it passed later, and how many there were."""
    opened = denied = 0
    while denied < wanted:
        case = random_case(rng)
        if case.passes(NOW):
            continue
        denied += 1
        opened += difference(case) is not None
    return opened, denied


def difference(case: Case) -> int | None:
    """The instant of both; they must agree."""
    true = next((at for at in range(NOW, NOW + SPAN) if case.passes(at)), None)
    found = first_pass(case.policy, case.profile, case.cells, case.request, NOW, case.course())
    assert (found if found is not None and found < NOW + SPAN else None) == true, case
    if true is None:
        return None
    over = next((at for at in range(true + 1, true + SPAN) if not case.passes(at)), None)
    stops = first_stop(case.policy, case.profile, case.cells, case.request, true, case.course())
    assert (stops if stops is not None and stops < true + SPAN else None) == over, case
    return true
