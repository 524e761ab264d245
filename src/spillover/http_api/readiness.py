"""Whether a service is worth sending requests to: it is while any part of its store works, as other services share it.

Not ready is what a balancer should turn from: no part of the hot state answers, the accounts live elsewhere, nobody
would be let in, or this process cannot serve what others may (its settings, its version, its clock).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from spillover.engine.elsewhere import books_moved_to, moved_books
from spillover.http_api.service import Service
from spillover.model.errors import (
    ClockAhead,
    ClockBehind,
    NewerRules,
    NewerSchema,
    NotADatabase,
    PartUnavailable,
    SpilloverError,
    StoreUnavailable,
    WrongSettings,
)

OWN = (ClockAhead, ClockBehind, NewerRules, NewerSchema, NotADatabase, WrongSettings)
"""Trouble of settlement that each decision of this process meets too."""


class NotReady(Exception):
    """No part works; its text says why."""


async def troubles_of(service: Service) -> dict[str, Exception]:
    """What does not work, and why, where the rest does. Raises NotReady."""
    run = asyncio.get_running_loop().run_in_executor
    hot, books = await asyncio.gather(run(None, _asked(_hot, service)), run(None, _asked(_books, service)))
    trouble = service.access.trouble
    if trouble is not None and (isinstance(trouble, OWN) or not isinstance(trouble, SpilloverError)):
        raise NotReady(str(trouble))
    if "books" in books and not service.gate.lets_in():
        raise NotReady(f"no key can be looked up: {books['books']}")
    return hot | books | ({} if trouble is None else {"settlement": trouble})


def _asked(look: Callable[[Service], dict[str, Exception]], service: Service) -> Callable[[], dict[str, Exception]]:
    def asked() -> dict[str, Exception]:
        try:
            return look(service)
        except SpilloverError as error:
            raise NotReady(str(error)) from error

    return asked


def _hot(service: Service) -> dict[str, Exception]:
    """Which shards of the hot state cannot be read. Raises StoreError where none can."""
    plain, store = service.plain, service.desk.store
    away: list[PartUnavailable] = []
    try:
        plain.run(store.backlog())
        return {}
    except PartUnavailable:
        pass
    for shard in range(store.shards):
        try:
            plain.run(store.backlog((shard,)))
        except PartUnavailable as error:
            away.append(error)
    if len(away) == store.shards:
        raise away[0]
    return {f"hot state ({len(away)} of {store.shards} shards)": away[0]} if away else {}


def _books(service: Service) -> dict[str, Exception]:
    """Whether the books cannot be reached, where hot state lies apart. Raises InvalidInput where they were moved away,
    StoreError."""
    try:
        target = service.plain.look(books_moved_to(service.desk.ledger))
    except StoreUnavailable as error:
        return {"books": error}
    if target:
        raise moved_books(target)
    return {}
