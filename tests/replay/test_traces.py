"""Recorded usage, replayed: sound books, all kinds of answers, and a second run that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from spillover.engine.answers import Decision
from spillover.engine.items import Answer
from spillover.replay.requests import Entry
from tests.replay import books
from tests.replay.support import HOLDS, TRACES, Bench, recorded, shape
from tests.rungs.opening import Place

pytestmark = pytest.mark.trace

LIMIT = 2_000

KINDS = {
    "gentd26": {"ceiling", "window", "spending", "credits"},
    "agentic-coding": {"ceiling", "spending", "credits", "cap"},
    "azure-llm-2023": {"ceiling", "spending", "credits"},
    "gentd26/holds": {"ceiling", "window", "spending", "credits", "attribute"},
    "agentic-coding/holds": {"ceiling", "spending", "credits", "cap", "owed"},
}
LAYERS = {
    "gentd26": {"allowance", "units", "credits"},
    "agentic-coding": {"allowance", "units", "credits", "overage"},
    "azure-llm-2023": {"allowance", "units", "credits"},
    "gentd26/holds": {"allowance", "units", "credits"},
    "agentic-coding/holds": {"allowance", "units", "credits", "overage"},
}
REQUESTS = {
    "gentd26": 22_722, "agentic-coding": 33_286, "azure-llm-2023": 28_185, "gentd26/holds": 22_743,
    "agentic-coding/holds": 33_286,
}  # fmt: skip


def twice(one: Bench, path: Path | Place, limit: int | None) -> None:
    """The first run's grants are the second run's answers; books and digest stay."""
    grants: list[dict[tuple[str, str], tuple[object, ...]]] = []

    def keep(entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
        grants[-1].update(
            ((answer.account, answer.key), (answer.legs, answer.at, answer.units, answer.sequence))
            for answer in answers
            if isinstance(answer, Decision) and answer.allowed
        )

    grants.append({})
    first = one.replay(path, observe=keep, limit=limit)
    before = books.sound(path)
    grants.append({})
    second = one.replay(path, observe=keep, limit=limit)
    assert grants[0] == grants[1]
    assert (second.granted, second.granted_before, second.denials) == (0, first.granted, first.denials)
    assert shape(second) == shape(first)
    assert not first.refused
    assert not first.bad
    assert books.sound(path) == before


@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_a_prefix_replayed_twice_gives_the_same_answers_and_books(name: str, tmp_path: Path) -> None:
    twice(recorded(name), tmp_path / "x.db", LIMIT)


@pytest.mark.soak
@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_the_whole_trace_meets_every_layer_and_kind_of_denial(name: str) -> None:
    summary = recorded(name).replay(settle=False)
    assert summary.requests == REQUESTS[name]
    assert {use.layer for use in summary.layers} == LAYERS[name]
    assert {denied.kind for denied in summary.denied} == KINDS[name]
    assert summary.split > 100
    assert not summary.refused


@pytest.mark.soak
@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_the_whole_trace_replayed_twice_gives_the_same_answers_and_books(name: str, tmp_path: Path) -> None:
    twice(recorded(name), tmp_path / "x.db", None)


def test_without_traces_the_tests_say_so_and_fail_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPILLOVER_TRACES", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no trace at .*gentd26.*SPILLOVER_TRACES"):
        recorded("gentd26")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no trace at"):
        recorded("gentd26")
