"""The watcher: accounts whose books went on, what is to be told of them, and their new places, in one transaction.

It may be killed anywhere, and any number may run: a message is written only with the step that moves the account's
place past what it tells, and only if the place is still the one from which was read. So each thing is told once.
Many accounts are read together, and moved in one transaction: each statement costs a way to the server, each
transaction a wait for its disk.

What a window alert tells is how the account stands when it is looked at, at the newest instant that it has seen: a
window that filled and was over before the watcher came is not told of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from spillover.core.decide import TIME
from spillover.core.publications import in_force
from spillover.documents.amounts import is_money
from spillover.engine.known import Recent
from spillover.model.account import NEVER
from spillover.model.commit import Standing
from spillover.model.errors import StoreUnavailable
from spillover.model.policy import Policy
from spillover.model.reports import PlacedEvent, Publication, StatementRow
from spillover.notices.crossings import (
    Change,
    balance_messages,
    changes,
    hold_messages,
    of_account,
    whole,
    window_messages,
)
from spillover.policy import policy_from_document
from spillover.ports import Ledger, News, Since
from spillover.ports.notices import Advance, Alert, Also, Message, Moved, Notices, Watched

ACCOUNTS, ROWS = 200, 1_000
"""Accounts looked at in one step; balance updates, and events, read of each: what is more comes with the next step."""
TOGETHER, ROWS_TOGETHER, CELLS_TOGETHER = 100, 2_000, 1_000
"""A group that is read and moved together: accounts; events, and balance updates, that they had when they were seen to
have moved (twice as many are read at most, since the books go on); cells of each. Who has more is a group alone."""
LOOK_BACK_MAX = 10_000
"""Events before its end among which a hold's opening is looked for; beyond, its key is not told."""
POLICIES_KEPT = 16
WEIGHT = 2_000
"""Messages, and balance updates that finders write by, that are written in one transaction, unless one account has
more."""
REST_MIN_S, REST_TIMES = 0.25, 10


class Look(Struct, frozen=True):
    """What a step has read of one account: everything between two of its places in the books.

    `rows`: the balance updates, `changes` what they did to balances, cause by cause. `policy`: the one in force when
    the last of these happened; None where there is none.
    """

    account: int
    before: Watched
    now: Watched
    rows: Sequence[StatementRow]
    changes: Sequence[Change]
    events: Sequence[PlacedEvent]
    policy: Policy | None


class Found(Struct, frozen=True):
    """Messages to write, and what else to write in the transaction that moves the account's place past this look."""

    messages: Sequence[Message] = ()
    also: Sequence[Also] = ()


Finder = Callable[[Sequence[Look]], Awaitable[Sequence[Found]]]
"""Finds more to tell, and rows to write, in what was read of a group of accounts: for each look what it found there. It
runs in the watcher's thread.

It writes nothing itself: it may be called again with the same look, alone or beside others, or with a longer one, where
the step did not come to its end. What it raises for several looks is asked for each alone. What is decided by rows of
the office belongs into `also`, which sees them inside the transaction; the messages that an `also` gives are written
too. Of an erased account nothing is written.
"""


class Watcher:
    """Used by one thread at a time. `clock`: ms since 1970; messages are due when they are written."""

    def __init__(
        self, ledger: Ledger, notices: Notices, *, clock: Callable[[], int], finders: Sequence[Finder] = (),
        accounts: int = ACCOUNTS, rows: int = ROWS,
    ) -> None:  # fmt: skip
        self._ledger, self._notices, self._clock, self._finders = ledger, notices, clock, finders
        self._accounts, self._rows = accounts, rows
        self._policies = _Policies(ledger)
        self._begun, self._together = False, min(accounts, TOGETHER)
        self._after = 0

    async def step(self) -> int:
        """Look at the next accounts whose books went on, round and round by their ids; how many, 0 if there are none.

        Raises StoreError; then the next step goes on behind the account at which it was.
        """
        if not self._begun:
            await self._notices.begin_watching()
            self._begun = True
        found = await self._notices.moved(self._accounts, self._after)
        if self._after and not found:
            found = await self._notices.moved(self._accounts)
        if found:
            alerts = await self._notices.alerts()
            await self._policies.learn()
            await self._look_at(found, alerts)
        if len(found) < self._accounts:
            self._after = 0
        return len(found)

    async def _look_at(self, found: Sequence[Moved], alerts: Sequence[Alert]) -> None:
        group: list[Moved] = []
        rows = 0
        for moved in found:
            more = self._behind(moved)
            if group and (len(group) >= self._together or rows + more > ROWS_TOGETHER):
                await self._move(group, alerts)
                group, rows = [], 0
            group.append(moved)
            rows += more
        await self._move(group, alerts)

    def _behind(self, moved: Moved) -> int:
        """How many events, or balance updates, are to be read of an account at least, up to the bound for each."""
        before, now = moved.before, moved.now
        events = now.sequence - before.sequence if now.epoch == before.epoch else self._rows
        return max(min(max(events, now.updates - before.updates), self._rows), 1)

    async def _move(self, group: Sequence[Moved], alerts: Sequence[Alert]) -> None:
        """What one account cannot be read for, or written, keeps no other from being moved."""
        self._after = group[-1].now.account
        try:
            read = await self._read(group, alerts)
            steps = await self._steps(group, read, alerts)
        except StoreUnavailable:
            self._together = max(len(group) // 2, 1)  # perhaps it was too much at once
            raise
        except Exception:
            if len(group) == 1:
                raise
            for moved in group:
                await self._move([moved], alerts)
            return
        left = [moved for moved in group if moved.now.account not in read]
        try:
            await self._write(steps)
        finally:
            for moved in left:
                await self._move([moved], alerts)

    async def _write(self, steps: Sequence[Advance]) -> None:
        if not steps:
            return
        if len(steps) == 1 or sum(map(_weight, steps)) <= WEIGHT:
            try:
                await self._notices.advance_all(steps, self._clock())
                self._together = min(self._together + 1, self._accounts, TOGETHER)
                return
            except StoreUnavailable:
                self._together = max(len(steps) // 2, 1)
                raise
            except Exception:
                if len(steps) == 1:
                    raise
        middle = len(steps) // 2
        try:
            await self._write(steps[:middle])
        finally:
            await self._write(steps[middle:])

    async def _read(self, group: Sequence[Moved], alerts: Sequence[Alert]) -> dict[int, News]:
        """What came to each, of one moment; without those that have too much for a group."""
        cells = NEVER if (alone := len(group) == 1) else CELLS_TOGETHER
        windows = {alert.account for alert in alerts if alert.kind == "window"}
        wanted = []
        for moved in group:
            before, most = moved.before, self._rows if alone else min(self._behind(moved) * 2, self._rows)
            place = (before.account, before.epoch, before.sequence, before.updates)
            wanted.append(Since(*place, most, 0 if windows.isdisjoint((0, before.account)) else cells))
        read = await self._ledger.news(wanted)
        return read if alone else {account: news for account, news in read.items() if not _cut(news)}

    async def _steps(self, group: Sequence[Moved], read: Mapping[int, News], alerts: Sequence[Alert]) -> list[Advance]:
        looks = [await self._look(moved.before, news) for moved in group if (news := read.get(moved.now.account))]
        found = [await finder(looks) for finder in self._finders] if looks else []
        steps = []
        for nth, look in enumerate(looks):
            news = read[look.account]
            messages = await self._messages(look, news, of_account(alerts, look.account))
            also: list[Also] = []
            for more in found:
                messages += more[nth].messages
                also += more[nth].also
            if news.name is None:
                messages, also = [], []
            steps.append(Advance(look.before, look.now, messages, also))
        return steps

    async def _look(self, before: Watched, news: News) -> Look:
        rows = whole(news.rows, news.more)
        updates = rows[-1].number if rows else news.updates
        seen = [row.at for row in rows] + [placed.event.at for placed in news.events]
        policy = await self._policies.at(max(seen)) if seen else None
        now = Watched(before.account, *news.reached, updates)
        return Look(before.account, before, now, rows, changes(rows), news.events, policy)

    async def _messages(self, look: Look, news: News, alerts: Sequence[Alert]) -> list[Message]:
        account, settled = look.account, news.settled
        told = balance_messages(account, look.changes, alerts, lambda measure: _money(look.policy, measure))
        told += hold_messages(account, look.events, await self._keys(account, look.events))
        if settled and news.reached == (settled.epoch, settled.sequence):
            told += _windows(look, settled, alerts)
        return told

    async def _keys(self, account: int, events: Sequence[PlacedEvent]) -> dict[str, str]:
        """Hold -> the caller's key, of those that expired here: its opening is among these events, or before them."""
        ends = [placed for placed in events if placed.event.kind == "expire"]
        wanted = {placed.event.ends for placed in ends}
        found = _openings(events, wanted) if wanted else {}
        if len(found) == len(wanted):
            return found
        first = ends[0]
        after = (account, first.epoch, max(first.sequence - LOOK_BACK_MAX, 0))
        for _ in range(-(-LOOK_BACK_MAX // self._rows)):
            page = await self._ledger.events(account=account, limit=self._rows, after=after)
            found |= _openings(page.rows, wanted)
            if len(found) == len(wanted) or page.after is None:
                break
            after = page.after
        return found


def rest_s(took_s: float, full: bool = False) -> float:
    """How many seconds a watcher rests after a step that took so many, so that it is never more than a small load.

    `full`: it looked at as many accounts as a step may; others may wait, so it rests as long as it worked.
    """
    return took_s if full else max(REST_MIN_S, REST_TIMES * took_s)


def _cut(news: News) -> bool:
    """Whether its rows may be the first part of one cause: what that did to a balance is told of the whole."""
    return news.more and len({row.cause for row in news.rows}) == 1


def _weight(step: Advance) -> int:
    return len(step.messages) + (step.now.updates - step.before.updates if step.also else 0)


class _Policies:
    """Which policy was in force when, as the books say; parsed once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._publications: Sequence[Publication] = ()
        self._kept: Recent[str, Policy] = Recent(POLICIES_KEPT)

    async def learn(self) -> None:
        """Read what was published meanwhile."""
        self._publications = await self._ledger.publications()

    async def at(self, instant: int) -> Policy | None:
        publication = in_force(self._publications, instant)
        if publication is None:
            return None
        policy = self._kept.get(publication.hash)
        if policy is None:
            document = await self._ledger.policy_document(publication.hash)
            if document is None:
                return None
            policy = policy_from_document(document)
            self._kept.put(publication.hash, policy)
        return policy


def _windows(look: Look, standing: Standing, alerts: Sequence[Alert]) -> list[Message]:
    """What stands filled after the last of these events; nothing where there was none."""
    if not look.events or look.policy is None or standing.profile is None:
        return []
    at = max(standing.cells.get(TIME, 0), *(placed.event.at for placed in look.events))
    return window_messages(look.account, look.policy, standing.profile, standing.cells, at, alerts)


def _openings(events: Sequence[PlacedEvent], wanted: set[str]) -> dict[str, str]:
    opened = [placed.event.hold for placed in events if placed.event.kind == "hold"]
    return {hold.id: hold.key for hold in opened if hold is not None and hold.id in wanted}


def _money(policy: Policy | None, measure: str) -> bool:
    return is_money(policy, measure) if policy else measure == "credits"
