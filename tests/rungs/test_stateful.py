"""Any sequence of verbs, from two engines on one place that are closed and opened again: as one engine in memory.

Hypothesis chooses the sequence; one that fails is made short and printed. After each settlement all books are audited,
their sums and their digest are those of memory, and hot state and books agree account by account.
"""

from __future__ import annotations

from contextlib import ExitStack
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.audit.worlds import START
from tests.rungs.comparing import smallest
from tests.rungs.opening import RUNGS, Fixture
from tests.rungs.pairs import ENGINES, Act, complaint_of, paired
from tests.rungs.worlds import ACCOUNTS, Maker, Step

POLICIES = (2, 3, 5, 8, 14, 18, 20, 21)
"""Seeds of policies that have much to decide."""
HOUR, DAY = 3_600_000, 86_400_000
MOVES = (1, 999, 1_000, 7_000, 60_000, HOUR, DAY, 3 * DAY)

picks = st.randoms(use_true_random=False)
turns = st.integers(0, ENGINES - 1)


class Parted(AssertionError):
    """The two sides said different things at the last of these acts."""

    def __init__(self, complaint: str, policy: int, acts: list[Act]) -> None:
        self.complaint, self.policy, self.acts = complaint, policy, acts
        super().__init__(f"policy {policy}: {complaint}\n" + "\n".join(f"  {act}" for act in acts))


class Machine(RuleBasedStateMachine):
    """One rung beside memory. `rung` and `fixture` are set by the test."""

    rung: str
    fixture: Fixture

    @initialize(policy=st.sampled_from(POLICIES), pick=picks)
    def begin(self, policy: int, pick: Random) -> None:
        self.policy, self.acts, self.stack = policy, list[Act](), ExitStack()
        self.maker = Maker(policy, START, denials=False)
        self.pair = self.stack.enter_context(paired(self.rung, self.fixture, self.maker.policy))
        self.made(0)

    def act(self, act: Act) -> None:
        self.acts.append(act)
        complaint = self.pair.act(act)
        if complaint:
            raise Parted(complaint, self.policy, self.acts)

    def made(self, turn: int) -> None:
        """The steps that were made since are taken on both sides."""
        for step in self.maker.steps:
            self.act(Act(turn, step))
        self.maker.steps.clear()

    def with_dice(self, pick: Random) -> Maker:
        self.maker.pick = pick
        return self.maker

    @rule(turn=turns, pick=picks, size=st.integers(1, 6))
    def requests(self, turn: int, pick: Random, size: int) -> None:
        self.with_dice(pick).batch(size)
        self.made(turn)

    @rule(turn=turns, pick=picks, what=st.sampled_from(("hold", "hold", "end", "end", "extend")))
    def holds(self, turn: int, pick: Random, what: str) -> None:
        getattr(self.with_dice(pick), what)()
        self.made(turn)

    @rule(
        turn=turns, pick=picks, name=st.sampled_from(ACCOUNTS),
        what=st.sampled_from(("lot", "terms", "order", "limit", "refund", "ask", "look")),
    )  # fmt: skip
    def orders_and_reads(self, turn: int, pick: Random, name: str, what: str) -> None:
        getattr(self.with_dice(pick), what)(name)
        self.made(turn)

    @rule(turn=turns, by=st.sampled_from(MOVES))
    def time_passes(self, turn: int, by: int) -> None:
        """What falls due is seen to at once: a denial would else expire holds, and an engine whose state is old, which
        first takes a grant for a denial, would do so where memory does not."""
        self.maker.at += by
        self.act(Act(turn, Step(self.maker.at, "tend")))

    @rule(turn=turns)
    def settle(self, turn: int) -> None:
        self.act(Act(turn, Step(self.maker.at, "settle")))

    @rule(turn=turns)
    def ended_and_begun(self, turn: int) -> None:
        self.act(Act(turn, None))

    @invariant()
    def engines_agree(self) -> None:
        """What one engine has done, the other reads."""
        if hasattr(self, "pair"):
            name = ACCOUNTS[self.maker.count % len(ACCOUNTS)]
            for engine in range(ENGINES):
                self.act(Act(engine, Step(self.maker.at, "balance", (name,))))

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()


def run(rung: str, fixture: Fixture, examples: int, steps: int) -> None:
    """So many sequences of so many steps. Fails with a short one, made so here: Hypothesis would take too long."""
    machine = type(f"Machine on {rung}", (Machine,), {"rung": rung, "fixture": staticmethod(fixture)})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck), database=None, print_blob=False, report_multiple_bugs=False,
            ),
        )  # fmt: skip
    except Parted as parted:
        policy = Maker(parted.policy, START, denials=False).policy
        acts = smallest(parted.acts, lambda some: bool(complaint_of(some, rung, fixture, policy)))
        complaint = complaint_of(acts, rung, fixture, policy) or f"{parted.complaint} (no more when played again)"
        raise Parted(complaint, parted.policy, acts) from None


@pytest.mark.parametrize("rung", RUNGS)
def test_any_verbs_in_any_order_say_and_book_what_memory_does(rung: str, request: pytest.FixtureRequest) -> None:
    run(rung, request.getfixturevalue, 4, 30)


@pytest.mark.soak
@pytest.mark.parametrize("rung", RUNGS)
def test_ten_thousand_steps_say_and_book_what_memory_does(rung: str, request: pytest.FixtureRequest) -> None:
    run(rung, request.getfixturevalue, 100, 100)
