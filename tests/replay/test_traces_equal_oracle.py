"""Recorded usage is decided as the naive oracle decides it, which counts an account's whole history each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.engine.answers import Decision
from spillover.model.decision import Blocker
from spillover.model.leg import Leg
from spillover.model.request import Request
from spillover.policy import read_policy
from spillover.replay.binding import bind
from spillover.replay.engine import Engine, Opening
from spillover.replay.mapping import read_map
from spillover.replay.requests import Entry, Requests
from tests.oracle.oracle import Oracle
from tests.replay.support import TRACES, Bench, bench, recorded

LIMIT = 3_000

Said = tuple[bool, int, tuple[Leg, ...], tuple[tuple[str, str, int, int], ...]]


class Both:
    """The engine in memory and the oracle, fed with the same accounts and requests."""

    def __init__(self, one: Bench, engine: Engine) -> None:
        policy = engine.policy
        bound = bind(read_map(one.map), policy, str(one.trace))
        assert bound.newcomers
        self.newcomers = bound.newcomers
        self.requests = Requests(str(one.trace), bound, policy, skip_bad=False)
        self.engine, self.oracle = engine, Oracle(policy)
        self.ids: dict[str, int] = {}

    def open(self, entry: Entry) -> int:
        """The account's id; at its first request it is put, with its lots, on both sides."""
        name = entry.ask.account
        if name not in self.ids:
            terms, lots = self.newcomers.opening(name, self.newcomers.terms(name, entry.cells), entry.at)
            self.engine.open_accounts([Opening(name, terms, lots, entry.at)])
            profile = self.engine.profile(name)
            assert [lot.id for lot in sorted(profile.lots, key=lambda lot: lot.id)] == list(range(1, len(lots) + 1))
            # Nothing has been asked yet, so the account's newest instant is none.
            self.oracle.put(profile, 0)
            for number, grant in enumerate(lots, 1):
                self.oracle.raise_lot(profile.account, number, grant.amount, 0)
            self.ids[name] = profile.account
        return self.ids[name]

    def expected(self, entry: Entry, account: int) -> Said:
        ask = entry.ask
        request = Request(account, ask.feature, ask.usage, ask.key, ask.subject, ask.attributes)
        verdict = self.oracle.decide(request, entry.at)
        return verdict.allowed, verdict.units, verdict.legs, _blocking(verdict.blockers)

    def play(self, limit: int | None) -> int:
        """Compare every answer, in groups as a replay has them; how many there were."""
        count = 0
        group: list[tuple[Entry, Said]] = []
        for entry in self.requests.entries(limit):
            group.append((entry, self.expected(entry, self.open(entry))))
            if len(group) == 64:
                count += self._compare(group)
                group = []
        return count + self._compare(group)

    def _compare(self, group: list[tuple[Entry, Said]]) -> int:
        answers = self.engine.decide([entry.ask for entry, _ in group])
        for (entry, expected), answer in zip(group, answers, strict=True):
            assert isinstance(answer, Decision)
            blockers = answer.denial.blockers if answer.denial else ()
            said: Said = (answer.allowed, answer.units, answer.legs, _blocking(blockers))
            assert said == expected, f"row {entry.number}, line {entry.line}"
        return len(group)


def _blocking(blockers: tuple[Blocker, ...]) -> tuple[tuple[str, str, int, int], ...]:
    # Without the scope: the engine knows subjects by tokens.
    return tuple((blocker.kind, blocker.name, blocker.room, blocker.short) for blocker in blockers)


def played(one: Bench, limit: int | None) -> int:
    with Engine("memory://", read_policy(one.policy), "strict", settle=False) as engine:
        return Both(one, engine).play(limit)


def test_a_synthetic_trace_is_decided_as_the_oracle_decides_it(tmp_path: Path) -> None:
    assert played(bench(tmp_path, 1500), None) > 1_400


@pytest.mark.trace
@pytest.mark.parametrize("name", TRACES)
def test_a_prefix_is_decided_as_the_oracle_decides_it(name: str) -> None:
    assert played(recorded(name), LIMIT) == LIMIT


@pytest.mark.soak
@pytest.mark.trace
@pytest.mark.parametrize("name", TRACES)
def test_the_whole_trace_is_decided_as_the_oracle_decides_it(name: str) -> None:
    assert played(recorded(name), None) > 20_000
