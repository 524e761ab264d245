"""The table of faults is true: what it names is there, every rung is covered, and the check of the books can fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.shop import Where, check_sound, open_shop
from tests.faults.table import ELSEWHERE, FAULTS, RUNGS

TESTS = Path(__file__).parents[1]


def test_every_fault_has_a_test_on_every_rung_or_a_reason() -> None:
    assert sorted(FAULTS) == list(range(1, 21))
    for number, (_, tests) in FAULTS.items():
        reasons = ELSEWHERE.get(number, {})
        shown = {rung for names in tests.values() for rungs in names.values() for rung in rungs}
        assert set(RUNGS) - shown <= reasons.keys(), number


@pytest.mark.parametrize("number", FAULTS)
def test_what_the_table_names_is_there(number: int) -> None:
    for path, names in FAULTS[number][1].items():
        tree = ast.parse((TESTS / path).read_text())
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert {f"test_{name}" for name in names} <= there, path


def test_an_answer_that_is_not_booked_and_an_event_that_nobody_asked_for_are_found(tmp_path: Path) -> None:
    where = Where(f"sqlite:///{tmp_path}/shop.db")
    open_shop(where)
    with where.connect() as access:
        access.consume("acme", "video", 2, key="k")
    check_sound(where, {"k": 2}, {"k"})
    with pytest.raises(AssertionError, match="told and not so in the books"):
        check_sound(where, {"k": 2, "lost": 1}, {"k", "lost"})
    with pytest.raises(AssertionError, match="told and not so in the books"):
        check_sound(where, {"k": 1}, {"k"})
    with pytest.raises(AssertionError):
        check_sound(where, {}, set())
