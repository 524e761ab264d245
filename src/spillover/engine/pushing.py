"""New terms into force: what the ledger has booked reaches the hot state as a commit of its own, once.

The push replaces profile n - 1 by n, raises the lots' cells, takes a sequence and appends an entry of kind `terms`. A
push that comes again meets a newer version and changes nothing, so a crash anywhere is mended by pushing once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from spillover.core.decide import RULES
from spillover.core.intake import RESERVED
from spillover.core.lots import lot_cell
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Commit, Conflict, Operation
from spillover.model.errors import Contended
from spillover.model.event import SCHEMA, Event, encode_event
from spillover.ports import HotStore, Ledger, Push

PUSHES_MAX = 256
"""Pushes taken from the outbox at a time."""


async def push_terms(store: HotStore, ledger: Ledger, *, now: int, account: int | None = None) -> int:
    """Push what the outbox holds (of one account, or all); how many. Safe to repeat and to run side by side."""
    count = 0
    while pushes := await ledger.unpushed(PUSHES_MAX, account):
        await _push(store, pushes, now)
        await ledger.pushed(pushes)
        count += len(pushes)
    return count


async def _push(store: HotStore, pushes: Sequence[Push], now: int) -> None:
    commits = []
    for push in pushes:
        state = await store.load(push.profile.account, ())
        if push.profile.version > (state.profile.version if state.profile else 0):
            commits.append(_commit(push, state.epoch, now))
    if not commits:
        return
    for commit, outcome in zip(commits, await store.commit(commits), strict=True):
        # A conflict with a newer version means that another process has pushed this one meanwhile.
        if isinstance(outcome, Conflict):
            found = outcome.state.profile.version if outcome.state.profile else 0
            if found <= commit.version:
                raise Contended(
                    f"terms {commit.version + 1} of account {commit.account} could not be pushed:"
                    f" found version {found}, expected {commit.version}; push again"
                )


def _commit(push: Push, epoch: int, now: int) -> Commit:
    profile = push.profile
    operations: tuple[Operation, ...] = tuple(
        (lot_cell(lot), 0, AMOUNT_MAX - amount, None, amount) for lot, amount in push.raised
    )
    key = f"{RESERVED}terms:{profile.version}"
    event = Event(
        SCHEMA, RULES, "terms", profile.account, key, "", now, profile.version,
        tuple((name, floor, add) for name, _, _, floor, add in operations), terms=profile,
    )  # fmt: skip
    return Commit(profile.account, epoch, profile.version - 1, operations, key, "", encode_event(event), profile)
