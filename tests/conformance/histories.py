"""Random histories of a hot store: what a step may bring."""

from __future__ import annotations

import time

from hypothesis import strategies as st

from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, OpenHold, Outcome, Standing, State
from tests.conformance.support import solid

ACCOUNTS = (1, 2, 65, -(2**40), 3)  # 1 and 65 share a shard
NAMES = ("a", "b", "lot:1", "é", "never", "!e")
HOLDS = ("h1", "h2", "h3", "H1")
MINUTE = int(time.time()) // 60
"""Denials are counted for some weeks, so the minute of the tests is a present one."""

accounts = st.sampled_from(ACCOUNTS)
keys = st.integers(0, 400).map(lambda number: f"k{number}")
# Mostly wide boxes, so that histories get somewhere; narrow ones around small values, so that edges are met.
ranges = st.one_of(
    st.just((-(2**53), 2**53)),
    st.just((-(2**53), 2**53)),
    st.tuples(st.integers(-4, 4), st.integers(0, 4)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
operations = st.lists(
    st.tuples(st.sampled_from(NAMES), ranges, st.none() | st.integers(-3, 3), st.integers(-4, 4)),
    max_size=4,
    unique_by=lambda operation: operation[0],
).map(lambda found: tuple((name, low, high, floor, amount) for name, (low, high), floor, amount in found))

dues = st.integers(0, 5)
holds = st.none() | st.tuples(st.sampled_from(HOLDS), dues, st.binary(max_size=6))
plans = st.lists(st.sampled_from(["again", "hold", "deny", "give up", "conflict"]), min_size=1, max_size=8)


@st.composite
def items(draw):
    account, version = draw(accounts), draw(st.integers(0, 3))
    kind = draw(st.sampled_from(["grant", "grant", "grant", "denial", "push"]))
    return Commit(
        account=account,
        epoch=draw(st.sampled_from([1, 1, 1, 1, 1, 2])),
        version=version,
        operations=draw(operations),
        key=draw(keys),
        fingerprint=draw(st.sampled_from(["f", "g"])),
        payload=None if kind == "denial" else draw(st.binary(max_size=6)),
        profile=Profile(account, version + 1, draw(st.sampled_from(["plus", "pro"])), 0) if kind == "push" else None,
        denied=("f", draw(st.sampled_from(["window", "credits"])), MINUTE) if kind == "denial" else None,
        hold=draw(holds),
        ended=draw(st.sampled_from(["", "", *HOLDS])),
        seen=draw(st.sampled_from([0, 0, 0, 1, 2, 40])),
        now=int(time.time() * 1000) if draw(st.booleans()) else 0,  # a store on a server refuses a clock far behind
    )


@st.composite
def standings(draw):
    """What an account is put back to; its epoch and its keys are for the machine to say."""
    account, version = draw(accounts), draw(st.integers(0, 3))
    cells = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(-3, 3).filter(bool), max_size=4))
    found = draw(st.dictionaries(st.sampled_from(HOLDS), st.tuples(dues, st.binary(max_size=4)), max_size=3))
    terms = Profile(account, version, "plus", 0) if version else None
    open_holds = tuple(OpenHold(account, id, *rest) for id, rest in sorted(found.items()))
    return Standing(account, 0, draw(st.sampled_from([0, 0, 2])), terms, cells, open_holds)


class Decider:
    """Decides a conflict again as an engine does: on the fresh state, from a plan that was drawn beforehand."""

    def __init__(self, batch: list[Commit], plan: list[str]) -> None:
        self._batch, self._plan = batch, plan
        self.seen: list[tuple[int, State]] = []

    def __call__(self, index: int, state: State) -> Commit | None:
        self.seen.append((index, solid(state)))
        item, plan = self._batch[index], self._plan[index % len(self._plan)]
        version = state.profile.version if state.profile is not None else 0
        ends = {"hold": ("h1", index, b"again"), "ended": "h2"}
        pinned = tuple((name, v, v, None, 1) for name, v in sorted(solid(state).cells.items())[:3])
        denied = ("f", "again", MINUTE)
        match plan:
            case "give up":
                return None
            case "conflict":
                return Commit(item.account, state.epoch, version + 5, (), item.key, "f", b"x", **ends)
            case "deny":
                return Commit(item.account, state.epoch, version, pinned, item.key, "f", None, None, denied, **ends)
            case "hold":
                return Commit(item.account, state.epoch or 1, version, pinned, item.key, "f", b"again", **ends)
            case _:
                return Commit(item.account, state.epoch or 1, version, pinned, item.key, "f", b"again")


def plain(outcome: Outcome) -> Committed | Duplicate | State:
    return solid(outcome) if isinstance(outcome, Conflict) else outcome
