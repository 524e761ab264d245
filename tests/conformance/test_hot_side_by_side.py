"""Several writers at once: whatever they decided on meanwhile, each account's history is a serial one."""

import threading

import pytest

from spillover.model.commit import Commit, Committed, State
from tests.conformance.conftest import RUNGS
from tests.conformance.support import Hot, Rung, grant

ACCOUNTS = (1, 2, 65)
BATCHES = 25


def write(hot: Hot, name: str, turned: bool, committed: list[tuple[int, int, int]]) -> None:
    """Draw 1 from each account in each batch, from a state that may be old; those that went through, with the value."""

    def draw(account: int, value: int, key: str) -> Commit:
        return grant(("a", value, value, None, 1), account=account, key=key, hold=(key, value, b""))

    known = dict.fromkeys(ACCOUNTS, 0)
    for turn in range(BATCHES):
        order = ACCOUNTS[::-1] if turned else ACCOUNTS
        batch = [draw(account, known[account], f"{name}{turn}") for account in order]

        def again(index: int, state: State, batch: list[Commit] = batch) -> Commit:
            return draw(batch[index].account, state.cells["a"], batch[index].key)

        for item, outcome in zip(batch, hot.commit(*batch, again=again), strict=True):
            if isinstance(outcome, Committed):
                known[item.account] = outcome.cells["a"]
                committed.append((item.account, outcome.sequence, outcome.cells["a"]))


@pytest.mark.parametrize("rung", [name for name in RUNGS if name != "memory"], indirect=True)
def test_writers_side_by_side_lose_nothing_and_draw_nothing_twice(rung: Rung):
    committed = list[tuple[int, int, int]]()
    writers = [
        threading.Thread(target=write, args=(rung.open(), name, turned, committed))
        for name, turned in (("x", False), ("y", True), ("z", False))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    hot = rung.open()
    for account in ACCOUNTS:
        drawn = sorted((sequence, value) for whose, sequence, value in committed if whose == account)
        assert drawn == [(n, n) for n in range(1, len(drawn) + 1)]
        assert len(drawn) >= BATCHES
        standing = hot.standing(account)
        assert standing is not None
        assert (standing.sequence, standing.cells["a"], len(standing.holds)) == (len(drawn),) * 3
        assert [entry.sequence for entry in hot.entries(account)] == [n for n, _ in drawn]
        assert len({entry.key for entry in hot.entries(account)}) == len(drawn)
        if rung.locked:
            assert len(drawn) == 3 * BATCHES
