"""New terms into force: what the ledger has booked reaches the hot state as a commit of its own, once.

The push replaces profile n - 1 by n, raises, lowers and resets cells, takes a sequence and appends an entry of kind
`terms`, which says what was moved. Its instant is the pusher's now, and never before the order was booked: an engine
with a clock ahead may have ordered the end of a lot that by this clock still lives. A push that comes again meets a
newer version and changes nothing, so a crash anywhere is mended by pushing once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from spillover.core.decide import RULES
from spillover.core.intake import RESERVED
from spillover.core.terms import Orders, carry_out, cells_for_orders
from spillover.engine.reconciling import place_in_books
from spillover.model.commit import Commit, Conflict, Outcome, State, Unanswered
from spillover.model.errors import AccountShut, Contended, PartUnavailable, SpilloverError, StoreFull, shut
from spillover.model.event import SCHEMA, Event, encode_event
from spillover.ports import Again, HotStore, Ledger, Push

PUSHES_MAX = 256
"""Pushes taken from the outbox at a time."""
HELD_MAX = 4_096
"""Pushes of shut accounts that are read again and passed over; what is behind more of them waits."""
Waiting = dict[int, SpilloverError]
"""Accounts whose terms cannot come into force now, and why."""
ROUNDS_MAX = 8
"""How often a push is tried again when other engines change the account between."""


async def push_terms(
    store: HotStore, ledger: Ledger, *, now: int, account: int | None = None, mends: bool = True
) -> int:
    """Push what the outbox holds (of one account, or all); how many. Safe to repeat and to run side by side.

    An account whose hot state has lost terms that were pushed before is rebuilt (unless not `mends`). Terms of one that
    is shut wait until it is put back, those of one whose server does not answer, of several, until it does, and those
    for which a store has no room until it has. Raises AccountShut, PartUnavailable or StoreFull for the one that was
    asked for, Contended, StoreError.
    """
    count, waiting, held = 0, Waiting(), 0
    while True:
        found = await ledger.unpushed(PUSHES_MAX + held, account)
        pushes = [push for push in found if push.profile.account not in waiting]
        if not pushes and (len(found) < PUSHES_MAX + held or held >= HELD_MAX):
            return count
        behind = await _push(store, ledger, pushes, now, waiting)
        if waiting and account is not None:
            raise waiting[account]
        done = [push for push in pushes if push.profile.account not in waiting and push.profile.account not in behind]
        await ledger.pushed(done)
        for lost in behind:
            try:
                await _mend(store, ledger, lost, now, mends=mends)
            except (AccountShut, Contended, PartUnavailable, StoreFull) as error:
                if account is not None:
                    raise
                waiting[lost] = error  # it was moved away, say: no other waits for it
        count += len(done)
        if not done and any(isinstance(error, StoreFull) for error in waiting.values()):
            return count  # nor has it room for those behind
        held = min(len(found) - len(done), HELD_MAX)  # they come first again, beside as many others


def terms_key(version: int, epoch: int) -> str:
    """The key of the entry by which a version of the terms came into force: in each epoch another, as terms that a
    rebuild found unsettled come into force once more."""
    return f"{RESERVED}terms:{version}" if not epoch else f"{RESERVED}terms:{version}:{epoch}"


async def _mend(store: HotStore, ledger: Ledger, account: int, now: int, *, mends: bool) -> None:
    """Rebuild an account whose hot state lacks terms that are not in the outbox any more."""
    from spillover.engine.rebuilding import rebuild  # which pushes in its turn what it finds unsettled

    if not mends:
        raise Contended(f"account {account}: its terms do not follow those in force; run an audit, and rebuild it")
    reason = "the hot state has lost terms that were pushed"
    await rebuild(store, ledger, account, now=now, reason=reason, actor="spillover")


async def _push(store: HotStore, ledger: Ledger, pushes: Sequence[Push], now: int, waiting: Waiting) -> set[int]:
    """Bring these into force; what cannot be joins `waiting`. The answer are those that have lost earlier terms."""
    left = list(pushes)
    before: set[int] = set()
    for _ in range(ROUNDS_MAX):
        left, kept = await _round(store, ledger, left, now)
        waiting |= kept
        if not left:
            return set()
        # The first of an account does not follow what is in force: seen twice, nobody is just bringing it about.
        behind = {first.profile.account for first in _firsts(left) if await _is_behind(store, ledger, first)}
        if behind and behind <= before and {push.profile.account for push in left} <= behind:
            return behind
        before = behind
    push = left[0].profile
    raise Contended(
        f"terms {push.version} of account {push.account} could not be pushed: the account changed between"
        f" {ROUNDS_MAX} tries; push again"
    )


def _firsts(pushes: Sequence[Push]) -> list[Push]:
    """The earliest of each account."""
    found: dict[int, Push] = {}
    for push in pushes:
        found.setdefault(push.profile.account, push)
    return list(found.values())


async def _is_behind(store: HotStore, ledger: Ledger, push: Push) -> bool:
    state = await store.load(push.profile.account, ())
    version = state.profile.version if state.profile else 0
    return version < push.profile.version - 1 or await _is_lost(ledger, push, state)


async def _is_lost(ledger: Ledger, push: Push, state: State) -> bool:
    """Whether the hot state does not know an account that was in it before: nobody begins it anew in its first epoch,
    which the books have fenced."""
    if push.profile.version > 1 or state.profile is not None or state.shut or (state.epoch, state.sequence) != (0, 0):
        return False
    return (await place_in_books(ledger, push.profile.account)).epoch > 0


async def _round(store: HotStore, ledger: Ledger, pushes: Sequence[Push], now: int) -> tuple[list[Push], Waiting]:
    """Commit those that are next; what met a change of the account comes back, and which accounts have to wait."""
    waiting = Waiting()
    left: list[Push] = []
    trying: list[Push] = []
    commits: list[Commit] = []
    for push in pushes:
        try:
            state = await store.load(push.profile.account, cells_for_orders(_orders(push)))
        except PartUnavailable as error:
            waiting[push.profile.account] = error
            continue
        if await _is_lost(ledger, push, state):
            left.append(push)
        elif push.profile.version > (state.profile.version if state.profile else 0):
            trying.append(push)
            commits.append(_commit(push, state, now))
    if not commits:
        return left, waiting

    def again(index: int, state: State) -> Commit | None:
        found = state.profile.version if state.profile else 0
        return _commit(trying[index], state, now) if found == commits[index].version else None

    for push, outcome in zip(trying, await _outcomes(store, commits, again), strict=True):
        # A conflict with a newer version means that another process has pushed this one meanwhile.
        if isinstance(outcome, Unanswered):
            waiting[push.profile.account] = outcome.error
        elif isinstance(outcome, Conflict):
            found = outcome.state.profile.version if outcome.state.profile else 0
            if outcome.state.shut:
                waiting[push.profile.account] = shut(f"account {push.profile.account}")
            elif found < push.profile.version:
                left.append(push)
    return left, waiting


async def _outcomes(store: HotStore, commits: Sequence[Commit], again: Again) -> Sequence[Outcome | Unanswered]:
    try:
        return await store.commit(commits, again)
    except (PartUnavailable, StoreFull) as error:
        return [Unanswered(error)] * len(commits)


def _orders(push: Push) -> Orders:
    return Orders(push.raised, push.relieved, push.lowers, push.resets)


def _commit(push: Push, state: State, now: int) -> Commit:
    profile, now = push.profile, max(now, push.at)
    operations, moves, entries = carry_out(profile, state.cells, _orders(push), now)
    key = terms_key(profile.version, state.epoch)
    event = Event(
        SCHEMA, RULES, "terms", profile.account, key, "", now, profile.version,
        tuple((name, floor, add) for name, _, _, floor, add in operations if add or floor is not None), terms=profile,
        moves=moves, entries=(*push.entries, *entries), reason=push.reason, actor=push.actor,
    )  # fmt: skip
    return Commit(
        profile.account, state.epoch, profile.version - 1, operations, key, "", encode_event(event), profile,
        seen=state.sequence,
    )  # fmt: skip
