"""Watchers beside one another over the same books: each with places and messages of its own, kept in memory; and the
books read for one account at a time, by what reads single ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spillover.engine.drive import drive as run
from spillover.notices.watching import Finder, Watcher
from spillover.ports import News, Since
from spillover.ports.notices import Advance, Alert, Message, Moved, Watched
from tests.notices.watch_books import Shop, look


class Apart:
    """What a watcher needs of `Notices`; the office of the books is only read, and never moves a place."""

    def __init__(self, office: Any) -> None:
        self._office = office
        self._places: dict[int, Watched] = {}
        self.messages: dict[str, Message] = {}

    async def begin_watching(self) -> bool:
        return False

    async def alerts(self) -> Sequence[Alert]:
        return list(await self._office.alerts())

    async def moved(self, limit: int, after: int = 0) -> Sequence[Moved]:
        found = []
        for one in await self._office.moved(10_000, after):
            before = self._places.get(one.now.account, one.before)
            if before != one.now:
                found.append(Moved(before, one.now))
        return found[:limit]

    async def advance_all(self, steps: Sequence[Advance], at: int) -> int:
        for step in steps:
            self._places[step.now.account] = step.now
            for message in step.messages:
                self.messages.setdefault(message.key, message)
        return len(steps)


class Singly:
    """A ledger whose news are read by the verbs for one account."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def news(self, wanted: Sequence[Since]) -> dict[int, News]:
        return {one.account: await self._of(one) for one in wanted}

    async def _of(self, one: Since) -> News:
        ledger, account = self._ledger, one.account
        standing = await ledger.standing(account)
        page = await ledger.events(account=account, limit=one.most, after=(account, one.epoch, one.sequence))
        statement = await ledger.statement(account, limit=one.most, after=one.updates)
        every = (await ledger.statement(account, limit=100_000)).rows
        return News(
            await ledger.account_name(account),
            page.after[1:] if page.after else (standing.epoch, standing.sequence),
            page.rows,
            every[-1].number if every else 0,
            statement.rows,
            statement.after is not None,
            standing if one.cells else None,
        )  # fmt: skip


class Beside:
    """A watcher apart from all others over a shop's books. `told`: its messages, each account's in their order."""

    def __init__(self, shop: Shop, ledger: Any, *finders: Finder, **bounds: int) -> None:
        self._notices = Apart(shop.office)
        self._watcher = Watcher(ledger, self._notices, clock=shop.clock, finders=finders, **bounds)  # type: ignore[arg-type]

    def look(self) -> int:
        return look(self._watcher)

    def told(self) -> dict[int, list[Message]]:
        found: dict[int, list[Message]] = {}
        for message in self._notices.messages.values():
            found.setdefault(message.account, []).append(message)
        return found


def known(shop: Shop, account: int) -> Since:
    """All that there is of an account."""
    assert run(shop.ledger.account_name(account))
    return Since(account, 0, 0, 0, 10_000, 10_000)
