"""Recorded usage is decided as the naive oracle decides it, which counts an account's whole history each time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from spillover.core.decide import TOLERANCE
from spillover.engine.answers import Decision, Ending
from spillover.engine.items import Answer
from spillover.model.decision import Blocker
from spillover.model.leg import Leg
from spillover.model.request import Request
from spillover.policy import read_policy
from spillover.replay.binding import bind
from spillover.replay.engine import Engine
from spillover.replay.feed import Feed
from spillover.replay.mapping import read_map
from spillover.replay.requests import Entry, Requests
from spillover.replay.tally import Tally
from tests.oracle.oracle import Oracle
from tests.replay.support import HOLDS, TRACES, Bench, bench, holds_bench, recorded, url_of
from tests.rungs.opening import Place

LIMIT = 3_000

Said = tuple[bool, int, tuple[Leg, ...], tuple[tuple[str, str, int, int], ...]]


class Both:
    """A replay in memory; the oracle is told of the same accounts and steps, and has to say the same to each."""

    def __init__(self, one: Bench, engine: Engine) -> None:
        policy = engine.policy
        bound = bind(read_map(one.map), policy, str(one.trace))
        assert bound.newcomers
        self.newcomers = bound.newcomers
        self.requests = Requests(str(one.trace), bound, policy, skip_bad=False)
        self.engine, self.oracle = engine, Oracle(policy)
        self.feed = Feed(
            engine, bound, self.requests, Tally(str(one.trace), holds=bound.ends is not None), self.see, 64
        )
        self.ids: dict[str, int] = {}
        self.due: dict[tuple[str, str], int] = {}
        self.starts = self.ends = 0

    def play(self, limit: int | None) -> None:
        """Compare every answer, in batches as a replay has them."""
        entries = self.requests.entries(limit)
        while taken := list(islice(entries, self.feed.rows)):
            self.feed.take(taken)
        self.feed.finish()

    def see(self, entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
        """One batch of the replay."""
        for entry, answer in zip(entries, answers, strict=True):
            account = self.open(entry)
            if isinstance(answer, Ending):
                self.ends += 1
                self.end(entry, account, answer)
                continue
            assert isinstance(answer, Decision), f"row {entry.number}, line {entry.line}: {answer}"
            self.starts += 1
            blockers = answer.denial.blockers if answer.denial else ()
            said: Said = (answer.allowed, answer.units, answer.legs, _blocking(blockers))
            assert said == self.expected(entry, account), f"row {entry.number}, line {entry.line}"
            self.due[answer.account, answer.key] = answer.due

    def open(self, entry: Entry) -> int:
        """The account's id; at its first request the oracle is told of its terms and lots."""
        name = entry.ask.account
        if name not in self.ids:
            _, lots = self.newcomers.opening(name, self.newcomers.terms(name, entry.cells), entry.at)
            profile = self.engine.profile(name)
            assert [lot.id for lot in sorted(profile.lots, key=lambda lot: lot.id)] == list(range(1, len(lots) + 1))
            # Nothing has been asked yet, so the account's newest instant is none.
            self.oracle.put(profile, 0)
            for number, grant in enumerate(lots, 1):
                self.oracle.raise_lot(profile.account, number, grant.amount, 0)
            self.ids[name] = profile.account
        return self.ids[name]

    def expected(self, entry: Entry, account: int) -> Said:
        """What the oracle answers to a request."""
        ask = entry.ask
        request = Request(account, ask.feature, ask.usage, ask.key, ask.subject, ask.attributes, hold=ask.hold)
        verdict = self.oracle.decide(request, entry.at)
        return verdict.allowed, verdict.units, verdict.legs, _blocking(verdict.blockers)

    def end(self, entry: Entry, account: int, ending: Ending) -> None:
        """A hold ended: when and how by the trace, with what result by the oracle."""
        expires, end = self.due[ending.account, ending.key] + TOLERANCE, entry.end
        in_time = end is not None and end.at <= expires
        if ending.kind == "expire":
            assert not in_time
            kind, at, usage = "expire", expires, dict[str, int]()
        else:
            assert end
            kind, at, usage = end.verb if in_time else "late", end.at, end.usage
        expected = self.oracle.end(account, entry.ask.key, kind, usage, at)
        assert expected.refused is None
        assert (ending.at, ending.late, ending.granted) == (at, kind == "late", expected.granted), f"row {entry.number}"
        assert (ending.legs, ending.overshoot, ending.moves) == expected[2:5], f"row {entry.number}"


def _blocking(blockers: tuple[Blocker, ...]) -> tuple[tuple[str, str, int, int], ...]:
    # Without the scope: the engine knows subjects by tokens.
    return tuple((blocker.kind, blocker.name, blocker.room, blocker.short) for blocker in blockers)


def played(one: Bench, limit: int | None, place: str | Place = "memory://") -> tuple[int, int]:
    """How many starts and ends were compared."""
    with Engine(url_of(place), read_policy(one.policy), "strict", settle=False) as engine:
        both = Both(one, engine)
        both.play(limit)
        return both.starts, both.ends


def test_a_synthetic_trace_is_decided_as_the_oracle_decides_it(tmp_path: Path) -> None:
    starts, ends = played(bench(tmp_path, 1500), None)
    assert starts > 1_400
    assert not ends


def test_a_synthetic_trace_of_holds_is_decided_and_ended_as_by_the_oracle(tmp_path: Path) -> None:
    starts, ends = played(holds_bench(tmp_path), None)
    assert starts == 1200
    assert ends > 300


@pytest.mark.trace
@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_a_prefix_is_decided_as_the_oracle_decides_it(name: str) -> None:
    starts, ends = played(recorded(name), LIMIT)
    assert starts == LIMIT
    assert (ends > 1_000) == (name in HOLDS)


@pytest.mark.soak
@pytest.mark.trace
@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_the_whole_trace_is_decided_as_the_oracle_decides_it(name: str) -> None:
    assert played(recorded(name), None)[0] > 20_000
