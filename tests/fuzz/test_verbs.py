"""Whatever a public verb is given is taken with a meaning that reads back, or refused before any write (fault 14).

The error names the parameter. Every verb, each of its parameters, every odd value.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import spillover
from spillover.access.plain import Access
from spillover.model.errors import BoundExceeded, InvalidInput, SpilloverError
from spillover.policy import read_policy_text
from tests.faults.shop import Where
from tests.fuzz import traces
from tests.fuzz.judge import Judge, Unjust
from tests.fuzz.odd import ANY, HUGE, SMALL, Fancy, Odd, plain
from tests.fuzz.verbs import BY_NAME, PAIRS, POLICY, public
from tests.support import clock

SEED = 14
BIG = list(HUGE.values())
FEW = 2_500
"""Calls on a rung where one takes longer than in memory."""
FEWER = 200
"""On servers, each pair of verb and parameter once or twice; the long run has all of them."""


@contextmanager
def opened(where: Where, *, live: bool = False) -> Iterator[Judge]:
    """A judge over an engine. `live`: its clock is the machine's, as servers compare it with their own."""
    text = read_policy_text(POLICY)
    now = None if live else clock()
    with spillover.connect(
        where.url, ledger=where.ledger, policy=text, clock=now, settle=False, durability="fast"
    ) as access, traces.of(where, access) as trace:  # fmt: skip
        yield Judge(access, trace)


@contextmanager
def in_memory() -> Iterator[Judge]:
    with opened(Where("memory://")) as judge:
        yield judge


def calls(count: int, seed: int = SEED) -> list[tuple[str, str, object]]:
    """Some of all calls with one odd value, each pair of verb and parameter about as often."""
    pick = random.Random(seed)
    return [(*PAIRS[number % len(PAIRS)], pick.choice(list(SMALL.values()))) for number in range(count)]


def judged(judge: Judge, some: list[tuple[str, str, object]], *, apart: bool = True) -> None:
    """`apart`: each pair of verb and parameter has an account of its own, which takes long to make on a server."""
    for verb, parameter, value in some:
        judge.call(verb, {parameter: value}, ground=parameter if apart else "")
    assert judge.refused > judge.taken > 0


def test_every_public_verb_is_among_them_with_all_that_it_takes() -> None:
    assert public() == set(BY_NAME)
    with in_memory() as judge:
        for name, verb in BY_NAME.items():
            good = verb.good(judge.world, judge.world.account())
            assert set(good) >= {"account"} & set(verb.parameters()), name
            assert set(good) <= set(verb.parameters()), name
            assert judge.call(name, {}), name


def test_each_odd_value_in_each_parameter_is_taken_as_it_is_or_refused_before_any_write() -> None:
    with in_memory() as judge:
        judged(judge, [(*pair, value) for pair in PAIRS for value in SMALL.values()])


def test_ten_megabytes_in_each_parameter_are_refused_before_any_write() -> None:
    pick = random.Random(SEED)
    with in_memory() as judge:
        for verb, parameter in PAIRS:
            judge.call(verb, {parameter: pick.choice(BIG)}, ground=parameter)
        assert judge.taken < judge.refused / 20, "attributes that are let go of"


def test_in_a_file(tmp_path) -> None:
    with opened(Where(f"sqlite:///{tmp_path}/fuzz.db")) as judge:
        judged(judge, calls(FEW))


def test_on_every_server(place: Where) -> None:
    with opened(place, live=True) as judge:
        judged(judge, calls(FEWER), apart=False)


ODDITIES = st.sampled_from(PAIRS).flatmap(
    lambda pair: st.tuples(
        st.just(pair[0]),
        st.dictionaries(st.sampled_from([one[1] for one in PAIRS if one[0] == pair[0]]), ANY, min_size=1, max_size=3),
    )
)
QUIETLY = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)  # fmt: skip


def any_values(judge: Judge, examples: int) -> None:
    @settings(QUIETLY, max_examples=examples)
    @given(ODDITIES)
    def attempt(call: tuple[str, dict[str, object]]) -> None:
        verb, odd = call
        judge.call(verb, {name: value.value if isinstance(value, Odd) else value for name, value in odd.items()})

    attempt()


def test_any_values_in_several_parameters_in_memory() -> None:
    with in_memory() as judge:
        any_values(judge, 600)


def test_any_values_in_several_parameters_in_a_file(tmp_path) -> None:
    with opened(Where(f"sqlite:///{tmp_path}/fuzz.db")) as judge:
        any_values(judge, 200)


@pytest.mark.soak
def test_every_odd_value_and_many_more_on_every_rung(place: Where) -> None:
    with opened(place, live=place.url[:6] != "sqlite") as judge:
        judged(judge, [(*pair, value) for pair in PAIRS for value in SMALL.values()])
        any_values(judge, 5_000)


def test_many_at_once_are_judged_each_for_itself() -> None:
    pick = random.Random(SEED)
    good = {"account": "", "feature": "video", "usage": 1, "key": "", "subject": "ann", "attributes": {"team": "a"}}
    with in_memory() as judge:
        access, account = judge.world.access, judge.world.account()
        asked = [good | {"account": account, "key": f"k{number}"} for number in range(200)]
        for number in range(0, 200, 2):
            asked[number] |= {pick.choice(list(good)): pick.choice(list(SMALL.values()))}
        answers = access.consume_many(asked)
        assert all(not isinstance(answer, SpilloverError) for answer in answers[1::2])
        refused = [answer for answer in answers[::2] if isinstance(answer, SpilloverError)]
        assert len(refused) > 50
        assert all(isinstance(answer, InvalidInput | BoundExceeded) for answer in refused)
        assert len(access.run(judge.world.access.desk.store.entries(account_id(access, account), 1000))) <= 200


def account_id(access: Access, name: str) -> int:
    return access.run(access.desk.account(name))


REPORTED = {name: value for name, value in SMALL.items() if name != "number: 0"}


@pytest.mark.parametrize("how", ["report", "exact"])
def test_what_a_hold_is_told_is_counted_or_refused(how: str) -> None:
    with in_memory() as judge:
        access, account = judge.world.access, judge.world.account()
        with access.hold(account, "video", 2, key="h") as hold:
            for value in REPORTED.values():
                before = hold.reported
                if type(value) is int and 0 <= value < 2**53 and sum(before.values()) + value < 2**53:
                    getattr(hold, how)(seconds=value)
                    continue
                with pytest.raises(InvalidInput, match=r"^usage.seconds: "):
                    getattr(hold, how)(seconds=value)
                assert hold.reported == before
            for name in ("minutes", "\ud800", "x" * 100_000, "a\0b"):
                with pytest.raises(InvalidInput, match=r"^usage: "):
                    getattr(hold, how)(**{name: 1})
            hold.exact(seconds=1)
        assert hold.ending is not None
        assert hold.ending.charged == 1_000_000


def test_a_verb_that_writes_and_then_refuses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_memory() as judge:
        access = judge.world.access
        told = access.consume

        def hasty(**asked: object) -> object:
            access.consume_many([asked | {"at": None}])
            return told(**asked)  # type: ignore[arg-type]

        monkeypatch.setattr(access, "consume", hasty)
        with pytest.raises(Unjust, match="something was written"):
            judge.call("consume", {"at": 1})


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (TypeError("no"), "raised TypeError"), (InvalidInput("other", "x", "y"), "named other"),
        (InvalidInput("at", "a\nb", "y"), "one short line"), (SpilloverError("at"), "raised SpilloverError"),
    ],
)  # fmt: skip
def test_an_error_of_another_kind_or_that_names_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch, error: Exception, found: str
) -> None:
    def unjust(**_: object) -> object:
        raise error

    with in_memory() as judge:
        monkeypatch.setattr(judge.world.access, "consume", unjust)
        with pytest.raises(Unjust, match=found):
            judge.call("consume", {"at": 1})


def test_a_value_that_is_taken_for_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_memory() as judge:
        told = judge.world.access.consume
        monkeypatch.setattr(judge.world.access, "consume", lambda **asked: told(**asked | {"usage": 3}))
        with pytest.raises(Unjust, match="does not read back"):
            judge.call("consume", {"usage": 2})


def test_the_plain_form_of_a_value_is_what_it_means() -> None:
    found = plain({Fancy("a"): (Fancy("b"), [True])})
    assert found == {"a": ("b", [True])}
    assert type(next(iter(found))) is str
