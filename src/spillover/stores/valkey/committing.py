"""Rounds of a batch: one call for each server or shard, and again what met a conflict.

The script stops an account at its first conflict. What is left of it is decided here on the state that the script gave
back, item by item as a store does that holds a lock: what fits stays as it is, what does not is decided again, each on
the state that those before it would leave. Then it is sent once more; if nobody else changed the account meanwhile, all
of it commits. So a batch takes two calls, however many of its items conflict.

In a Cluster each call fails alone: its items are Unanswered where others are answered.

An answer that was lost leaves a call of which nobody knows whether it was done, or will be when the server comes to it.
It is sent again once, with the order to hear no more of the first: its keys decide, so what was done answers Duplicate.
What a denial counts may be counted twice then. A call that was given up for good is called off by the next one.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterable, Sequence

from spillover.core.apply import apply
from spillover.model.commit import Commit, Conflict, Outcome, State, Unanswered
from spillover.model.errors import PartUnavailable, StoreError
from spillover.ports import Again
from spillover.stores.valkey.calls import Call, Failed
from spillover.stores.valkey.encoding import Batch, Booked, Clocks
from spillover.stores.valkey.link import Deadline, unavailable
from spillover.stores.valkey.shards import SHAS, Shards

ROUNDS_MAX = 4
"""How often what met a conflict is sent again."""
GROUP_MAX = 128
"""Items in one script: at some 30 microseconds each it lasts about 4 ms, then others are served."""
GIVEN_UP_MAX = 100
"""Calls of one shard whose end is not known; beyond that the oldest is forgotten, which the server has long ended."""

Numbered = tuple[int, Commit]
"""An item with its place in the batch."""
Outcomes = dict[int, Outcome | Unanswered]
"""By place in the batch."""


class Committing:
    """Commits batches. Used by one thread at a time."""

    def __init__(self, shards: Shards, booked: Booked, retention_ms: int, *, by_shard: bool) -> None:
        """`by_shard`: a call has items of one shard only, as a Cluster wants it."""
        self._exchange, self._layout, self._slots = shards.exchange, shards.layout, shards.slots
        self._booked, self._retention, self._by_shard = booked, retention_ms, by_shard
        self._name = secrets.token_hex(8)
        self._calls = itertools.count()
        self._given_up: dict[int, list[str]] = {}

    def commit(self, batch: Sequence[Commit], again: Again | None) -> list[Outcome | Unanswered]:
        """As the port says."""
        outcomes: Outcomes = {}
        for first in range(0, len(batch), GROUP_MAX):
            pending = list(enumerate(batch[first : first + GROUP_MAX], first))
            deadline = self._exchange.deadline()
            for left in range(ROUNDS_MAX, -1, -1):
                shaken, states = self._send(pending, outcomes, deadline)
                pending = _decide_again(shaken, states, again if left else None, outcomes, resend=left > 0)
                if not pending:
                    break
        found = [outcomes[index] for index in range(len(batch))]
        failed = [one.error for one in found if isinstance(one, Unanswered)]
        if failed and len(failed) == len(found):
            raise failed[0]
        return found

    def _send(
        self, items: Iterable[Numbered], outcomes: Outcomes, deadline: Deadline
    ) -> tuple[list[Numbered], dict[int, State]]:
        """Send all; what was not answered comes back, with the states of its accounts."""
        items, shard = list(items), self._layout.shard
        # All that goes together is refused together: an engine tells its clock with one item of a batch.
        clocks = Clocks.of((item for _, item in items), self._exchange.timeout_ms)
        groups: dict[int, list[Numbered]] = {}
        for numbered in items:
            groups.setdefault(shard(numbered[1].account) if self._by_shard else 0, []).append(numbered)
        left: list[Numbered] = []
        fresh: dict[int, State] = {}
        lost = self._try(groups, clocks, left, fresh, outcomes, deadline)
        if lost:
            lost = self._try(lost, clocks, left, fresh, outcomes, deadline)
        for unanswered in lost.values():
            what, ms = str(self._exchange.servers.address), self._exchange.timeout_ms
            error = unavailable(what, "the answer was lost", ms)
            self._give_up(unanswered, PartUnavailable(str(error)) if self._by_shard else error, outcomes)
        return sorted(left, key=lambda numbered: numbered[0]), fresh

    def _try(
        self, groups: dict[int, list[Numbered]], clocks: Clocks, left: list[Numbered], fresh: dict[int, State],
        outcomes: Outcomes, deadline: Deadline,
    ) -> dict[int, list[Numbered]]:  # fmt: skip
        """Send each group once; those whose answer was lost come back."""
        batches, calls = [], []
        durable = self._exchange.servers.replicated
        for shard, items in groups.items():
            mark = f"{self._layout.tags[shard]}x:{self._name}:{os.getpid()}:{next(self._calls)}"
            cancelled = self._given_up.get(shard, [])
            made = Batch(self._layout, [item for _, item in items], mark, cancelled, clocks)
            command = made.command(SHAS["commit"], self._retention, durable=durable)
            batches.append((shard, items, made))
            calls.append(Call(self._slots[shard], (command,), writes=True, once=True))
            # Until it is answered, or known not to be under way, it counts as given up, whatever interrupts this.
            self._given_up[shard] = [*cancelled[-GIVEN_UP_MAX:], mark]
        lost: dict[int, list[Numbered]] = {}
        replies = self._exchange.each(calls, deadline)
        for (shard, items, made), reply in zip(batches, replies, strict=True):
            if reply is None:
                lost[shard] = items
                continue
            if isinstance(reply, Failed):
                self._given_up[shard].pop()
                self._give_up(items, reply.error, outcomes)
                continue
            self._given_up.pop(shard, None)
            found, states = made.answer(reply[0], str(self._exchange.servers.address), self._booked)
            fresh.update(states)
            for (index, item), outcome in zip(items, found, strict=True):
                if outcome is None:
                    left.append((index, item))
                else:
                    outcomes[index] = outcome
        return lost

    def _give_up(self, items: Sequence[Numbered], error: StoreError, outcomes: Outcomes) -> None:
        if not self._by_shard:
            raise error
        outcomes.update((index, Unanswered(error)) for index, _ in items)


class _Ahead:
    """An account as it will be once what is to be sent has been applied; what it knows is what the script checks."""

    __slots__ = ("keys", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.keys: set[str] = set()

    def take(self, item: Commit) -> bool:
        """Whether the item fits; then it counts as applied."""
        state = self.state
        version = state.profile.version if state.profile is not None else 0
        if state.shut or item.version != version or item.seen > state.sequence:
            return False
        if item.epoch != state.epoch and (state.epoch or state.sequence):
            return False
        changed = apply(state.cells, item.operations)
        if changed is None:
            return False
        if item.payload is not None:
            state.cells.update(changed)
            state.epoch, state.sequence = item.epoch, state.sequence + 1
            state.profile = item.profile or state.profile
            self.keys.add(item.key)
        return True

    def copy(self, item: Commit) -> State:
        """Its state, to be kept and changed by whoever asks; cells that the item names are in it, absent or not."""
        state = self.state
        cells = {operation[0]: 0 for operation in item.operations}
        cells.update((name, value) for name, value in state.cells.items() if value or name in cells)
        return State(state.epoch, state.sequence, state.profile, cells, state.shut)


def _decide_again(
    left: Sequence[Numbered], states: dict[int, State], again: Again | None, outcomes: Outcomes,
    *, resend: bool,
) -> list[Numbered]:  # fmt: skip
    """What is to be sent once more, in order; the rest is answered as conflicts."""
    ahead = {account: _Ahead(state) for account, state in states.items()}
    pending: list[Numbered] = []
    for index, first in left:
        item: Commit | None = first
        account = ahead[first.account]
        if resend and (first.key in account.keys or account.take(first)):
            pending.append((index, first))
            continue
        state = account.copy(first)
        item = None if again is None or state.shut else again(index, state)
        if item is None:
            outcomes[index] = Conflict(account.copy(first))
        elif item.key in account.keys or account.take(item):
            pending.append((index, item))
        else:
            outcomes[index] = Conflict(account.copy(item))
    return pending
