"""A look at a running system through its ports: lag, holds, quarantine, accounts that are shut, terms under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from spillover.core.decide import TOLERANCE
from spillover.engine.rebuilding import moved_away
from spillover.engine.reconciling import look
from spillover.engine.watching import is_behind
from spillover.model.commit import Backlog, Place
from spillover.model.event import decode_event
from spillover.model.health import Sign
from spillover.model.reports import QuarantinedEvent
from spillover.ports import HotStore, Ledger

LOOKED_MAX = 1_000
"""Holds, terms, shut accounts and quarantined events that are counted, at most."""
AHEAD_MAX = 16
"""Accounts ahead of the books, not by what the stream goes on with, that are looked at one by one."""
LAG_WATCH_MS, LAG_ACT_MS = 10_000, 120_000
OVERDUE_WATCH_MS, OVERDUE_ACT_MS = 10_000, 600_000


async def examine(
    store: HotStore, ledger: Ledger, now: int, pause: Callable[[], object] = lambda: None,
    accepted: Callable[[QuarantinedEvent], object] = lambda _: None,
) -> list[Sign]:  # fmt: skip
    """What the ports tell, in the order in which money flows. Nothing is written.

    `pause`: what is done between two looks at the accounts that are shut, as a rebuild shuts each for a moment.
    `accepted`: whether somebody has accepted an event in quarantine as it is.
    """
    return [
        await _policy(ledger, now),
        _lag(await store.backlog(), now),
        await _overdue(store, now),
        await _shut(store, ledger, pause),
        await _hot(store, ledger),
        await _terms(ledger),
        await _quarantine(ledger, accepted),
    ]


def lag_of(backlog: Backlog, now: int) -> int:
    """The age (ms) of the oldest event that waits; 0 for none, or for one that cannot be read."""
    if backlog.oldest is None:
        return 0
    try:
        return max(0, now - decode_event(backlog.oldest.payload).at)
    except msgspec.MsgspecError:
        return 0


async def _policy(ledger: Ledger, now: int) -> Sign:
    if await ledger.policy_document(at=now) is None:
        return Sign("policy", "none is in force", "act", "spillover policy publish policy.yaml")
    return Sign("policy", "in force")


def _lag(backlog: Backlog, now: int) -> Sign:
    if not backlog.entries:
        return Sign("settlement", "nothing waits")
    lag = lag_of(backlog, now)
    found = f"{backlog.entries} waiting, the oldest for {lag / 1000:.1f} s"
    if lag < LAG_WATCH_MS:
        return Sign("settlement", found)
    return Sign("settlement", found, "act" if lag >= LAG_ACT_MS else "watch", "spillover settle --follow")


async def _overdue(store: HotStore, now: int) -> Sign:
    due = await store.due(now - TOLERANCE, LOOKED_MAX)
    if not due:
        return Sign("holds", "none is overdue")
    late = now - due[0].due
    found = f"{_at_least(len(due))} overdue, the first for {late / 1000:.1f} s"
    if late < OVERDUE_WATCH_MS:
        return Sign("holds", found)
    return Sign("holds", found, "act" if late >= OVERDUE_ACT_MS else "watch", "spillover settle --follow")


async def _shut(store: HotStore, ledger: Ledger, pause: Callable[[], object]) -> Sign:
    what = "accounts shut"
    first = await store.shut_accounts(LOOKED_MAX)
    if first:
        pause()
    now = set(await store.shut_accounts(LOOKED_MAX)) if first else set()
    shut = [account for account in first if account in now]
    if not shut:
        return Sign(what, "none" if not first else "none for longer than a moment")
    raised = await ledger.epochs(shut[0])
    if target := await moved_away(ledger, shut[0], raised[-1].epoch if raised else 0):
        return Sign(what, f"{_at_least(len(shut))}, moved to {target}", "act", "connect to where they live now")
    found = f"{_at_least(len(shut))}, such as id {shut[0]}"
    return Sign(what, found, "act", f"spillover rebuild {shut[0]} --reason 'left shut'")


async def _hot(store: HotStore, ledger: Ledger) -> Sign:
    """Whether the first accounts of the books are in the hot state, no further back than the books are, and ahead of
    them only by what waits in the stream."""
    what = "hot state"
    books = {place.account: place for place in await ledger.places(limit=LOOKED_MAX)}
    hot = await store.places(list(books)) if books else {}
    if lost := await _lost(store, ledger, books, hot):
        return Sign(what, lost, "act", "spillover rebuild --all --check")
    behind = [account for account, place in books.items() if is_behind(hot.get(account), place)]
    behind = [account for account in behind if account not in hot or not hot[account].shut]
    looked = sum(1 for place in books.values() if place.epoch or place.sequence)
    if not behind:
        return Sign(what, f"{_at_least(looked)} looked at, none behind the books")
    found = f"{len(behind)} of {looked} looked at are behind the books, such as id {behind[0]}"
    return Sign(what, found, "act", "spillover rebuild --all")


async def _lost(store: HotStore, ledger: Ledger, books: Mapping[int, Place], hot: Mapping[int, Place]) -> str:
    """Which events of an account the books and the stream have lost, as after a restore of older books; "" for none.

    Where the stream goes on behind the books nothing is lost. The others, the first AHEAD_MAX of them, are looked at by
    themselves, as they may have been settled meanwhile.
    """
    ahead = [
        account for account, place in hot.items()
        if not place.shut and (place.epoch, place.sequence) > (books[account].epoch, books[account].sequence)
    ]  # fmt: skip
    first: dict[int, tuple[int, int]] = {}
    for entry in await store.read(LOOKED_MAX) if ahead else ():
        first.setdefault(entry.account, (entry.epoch, entry.sequence))
    ahead = [one for one in ahead if first.get(one) != (books[one].epoch, books[one].sequence + 1)]
    ahead.sort(key=lambda account: account not in first)  # what is held up behind a gap stands at the stream's head
    for account in ahead[:AHEAD_MAX]:
        for finding in (await look(store, ledger, account)).findings:
            if finding.hot == "counted":
                return f"ahead of the books: {finding.what} of id {account} are in neither books nor stream"
            if finding.what == "epoch":
                return f"ahead of the books: id {account} is in epoch {finding.hot}, there {finding.expected}"
    return ""


async def _terms(ledger: Ledger) -> Sign:
    waiting = await ledger.unpushed(LOOKED_MAX)
    if not waiting:
        return Sign("new terms", "all in force")
    return Sign("new terms", f"{_at_least(len(waiting))} not in force yet", "watch", "spillover settle")


async def _quarantine(ledger: Ledger, accepted: Callable[[QuarantinedEvent], object]) -> Sign:
    seen, found = 0, list[QuarantinedEvent]()
    page = await ledger.quarantined(limit=LOOKED_MAX)
    while page and len(found) < LOOKED_MAX:  # of what was accepted all is read: somebody has looked at each
        seen += len(page)
        found += [event for event in page if not accepted(event)]
        page = await ledger.quarantined(limit=LOOKED_MAX, after=page[-1]) if len(page) == LOOKED_MAX else ()
    if not found:
        return Sign("quarantine", f"{seen}, each accepted" if seen else "empty")
    many = _at_least(min(len(found), LOOKED_MAX))
    return Sign("quarantine", f"{many} not booked: {found[-1].reason}", "act", "spillover quarantine list")


def _at_least(count: int) -> str:
    return f"{count}" if count < LOOKED_MAX else f"at least {LOOKED_MAX}"
