"""The port of notices over any database's desk: alerts, endpoints, messages, and how far the books were looked at.

What becomes of sendings is in `sending_records.py`. Messages are numbered by whoever is alone with them, so that a page
never misses one that is written later.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.tables import Desk, Tables
from spillover.model.account import NEVER
from spillover.model.errors import BoundExceeded, InvalidInput, shown
from spillover.office.endpoint_rows import read_endpoint, terms_of
from spillover.office.keys import Randomness
from spillover.office.sending_records import SendingRecords, check_page
from spillover.ports.notices import (
    ALERTS_MAX,
    ENDPOINTS_MAX,
    Advance,
    Alert,
    Also,
    Endpoint,
    Message,
    Moved,
    Watched,
)

NOTICES = ("alerts", "endpoints", "messages", "sendings", "watched")
"""The files of statements that this needs."""
NOTICE_WRITES = (
    "office_alerts", "office_watched", "office_messages", "office_endpoints", "office_sendings", "office_tries",
)  # fmt: skip
"""The tables that it changes."""
TEXT_MAX = 2_048
"""Characters of any text of an alert or an endpoint."""
DATA_MAX = 256 << 10
"""Bytes of what a message tells."""
ID_BYTES = 15
TAKEN_AT_ONCE = 10_000
"""Accounts whose places are taken in one transaction when watching begins."""


class NoticeRecords(SendingRecords):
    """A `Notices` whose tables are behind this desk. Every transaction is durable when its call returns.

    `randomness` makes the messages' ids. `beside_books`: whether the books are in the same database.
    """

    _desk: Desk
    _randomness: Randomness
    _beside_books: bool = True

    async def put_alert(self, alert: Alert) -> None:
        """Keep an alert, in place of what stands under its name."""
        _check_texts(name=alert.name, of=alert.of)
        if alert.kind not in ("balance", "window"):
            raise InvalidInput("kind", shown(alert.kind), "balance or window")
        most = 100 if alert.kind == "window" else NEVER
        if type(alert.at) is not int or not 0 < alert.at <= most:
            raise InvalidInput("at", shown(alert.at), "a percentage, 1 to 100" if most == 100 else "at least 1")
        self._desk.write(partial(_put_alert, alert))

    async def alerts(self) -> list[Alert]:
        """All alerts, in the order of their names."""
        return [Alert(*row) for row in self._desk.read(lambda tables: list(tables.rows("alerts.all")))]

    async def drop_alert(self, name: str) -> bool:
        """Forget it; whether there was one."""
        return NUL not in name and self._desk.write(lambda tables: tables.one("alerts.drop", name)) is not None

    async def put_endpoint(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, new or changed."""
        _check_texts(id=endpoint.id, url=endpoint.url)
        _check_texts(empty=True, note=endpoint.note, types=" ".join(endpoint.types))
        self._desk.write(partial(_put_endpoint, endpoint))

    async def change_endpoint(self, id: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint | None:
        """Keep an endpoint as `change` makes it of how it stands; None where there is no such one."""
        return None if NUL in id else self._desk.write(partial(_change_endpoint, id, change, []))

    async def endpoint(self, id: str) -> Endpoint | None:
        """The endpoint with that id."""
        row = self._desk.read(lambda tables: tables.one("endpoints.find", id)) if NUL not in id else None
        return read_endpoint(row) if row else None

    async def endpoints(self) -> list[Endpoint]:
        """All of them, ended ones too, in the order of making."""
        rows = self._desk.read(lambda tables: list(tables.rows("endpoints.all")))
        return [read_endpoint(row) for row in rows]

    async def begin_watching(self) -> bool:
        """Take the places where all accounts stand as the start, if that was never done; whether it was done now."""
        if not self._beside_books or self._desk.read(lambda tables: tables.one("watched.begun")):
            return False
        # Page by page, so that nobody waits for long; where it was cut off it is done again, and changes nothing.
        end: int | None = 0
        while end is not None:
            end = self._desk.write(partial(_take_places, end))
        return self._desk.write(lambda tables: tables.one("watched.begin")) is not None

    async def moved(self, limit: int, after: int = 0) -> list[Moved]:
        """Accounts whose place is another than the one watched."""
        check_page(limit)
        if not self._beside_books:
            return []
        rows = self._desk.read(lambda tables: list(tables.rows("watched.moved", after, limit)))
        return [Moved(Watched(row[0], *row[1:4]), Watched(row[0], *row[4:])) for row in rows]

    async def advance(
        self, before: Watched, now: Watched, messages: Sequence[Message], at: int, also: Sequence[Also] = ()
    ) -> bool:
        """Move an account's place, and write these messages with their sendings, or nothing at all."""
        return await self.advance_all([Advance(before, now, messages, also)], at) == 1

    async def advance_all(self, steps: Sequence[Advance], at: int) -> int:
        """The same for many accounts in one transaction, so that a disk is waited for once; how many were moved."""
        for step in steps:
            if step.before.account != step.now.account:
                raise InvalidInput("now", f"account {step.now.account}", f"account {step.before.account}, as before")
            _check_data(step.messages)

        def work(tables: Tables) -> int:
            moved = _move(tables, steps)
            # Rows of others first, then messages: so whoever comes from elsewhere takes the same locks in this order.
            found = [one for step in moved for one in (*step.messages, *_written(tables, step.also))]
            self._put(tables, found, at, "", ())
            return len(moved)

        return self._desk.write(work)

    async def put_messages(
        self, messages: Sequence[Message], at: int, to: str = "", also: Sequence[Also] = ()
    ) -> list[Message]:
        """Write messages that come from elsewhere, with their sendings; those that are new, as written."""
        _check_data(messages)
        return self._desk.write(lambda tables: self._put(tables, messages, at, to, also))

    async def message(self, id: str) -> Message | None:
        """The message with that id."""
        row = self._desk.read(lambda tables: tables.one("messages.find", id)) if NUL not in id else None
        return Message(*row) if row else None

    async def messages(
        self, *, since: int = 0, until: int = 1 << 53, account: int | None = None, type: str = "", limit: int = 1000,
        after: int = 0,
    ) -> list[Message]:  # fmt: skip
        """Messages in the order of their numbers."""
        check_page(limit)
        name, of = ("messages.page", ()) if account is None else ("messages.page_of", (account,))
        rows = self._desk.read(lambda tables: list(tables.rows(name, *of, after, since, until, type, limit)))
        return [Message(*row) for row in rows]

    def _put(
        self, tables: Tables, messages: Sequence[Message], at: int, to: str, also: Sequence[Also]
    ) -> list[Message]:  # fmt: skip
        found = [*messages, *_written(tables, also)]
        if not found:
            return []
        tables.alone("office messages")
        last = tables.one("messages.last")
        number, written = last[0] if last else 0, []
        about = {message.account for message in found}
        endpoints = [
            one
            for one in map(read_endpoint, list(tables.rows("endpoints.live")))
            if not one.accounts or not about.isdisjoint(one.accounts) or to  # others are asked for each message
        ]
        keys = dict.fromkeys(message.key for message in found)
        known = {row[0] for row in tables.many("messages.known", [(key,) for key in keys])}
        sendings = []
        for message in found:
            if message.key in known:
                continue
            known.add(message.key)
            number += 1
            id_ = f"msg_{b32encode(self._randomness(ID_BYTES)).decode().lower()}"
            written.append(msgspec.structs.replace(message, id=id_, number=number))
            for endpoint in endpoints:
                if endpoint.id == to if to else endpoint.wants(message.type, message.account):
                    sendings.append((number, endpoint.id, at))
        tables.many(
            "messages.add",
            [(one.number, one.id, one.key, one.account, one.type, one.at, one.until, one.data) for one in written],
        )
        tables.many("sendings.add", sendings)
        return written


def _put_alert(alert: Alert, tables: Tables) -> None:
    tables.alone("office alerts")
    _check_room(tables, "alerts", "alerts", alert.name, ALERTS_MAX)
    tables.run("alerts.put", alert.name, alert.account, alert.kind, alert.of, alert.at, alert.made)


def _put_endpoint(endpoint: Endpoint, tables: Tables) -> None:
    tables.alone("office endpoints")
    identity = endpoint.id
    terms = terms_of(endpoint)
    if not endpoint.ended:
        _check_room(tables, "endpoints", "endpoints that are not ended", identity, ENDPOINTS_MAX)
    if tables.one("endpoints.find", identity):
        tables.run("endpoints.change", identity, *terms)
    else:
        tables.run("endpoints.add", identity, *terms, endpoint.made, endpoint.failing_since, endpoint.paused)
    if endpoint.ended:
        tables.run("sendings.end", identity)


def _change_endpoint(
    id: str, change: Callable[[Endpoint], Endpoint], done: list[Endpoint], tables: Tables
) -> Endpoint | None:  # fmt: skip
    """`done`: what this work, which may be run again, has written before, as far as that came through."""
    tables.alone("office endpoints")  # of two that read it before, the second would write over what the first wrote
    row = tables.one("endpoints.find", id)
    found = read_endpoint(row) if row else None
    if found is None or found in done:
        return found
    done.append(change(found))
    _put_endpoint(done[-1], tables)
    return done[-1]


def _check_room(tables: Tables, file: str, what: str, name: str, most: int) -> None:
    others = tables.one(f"{file}.others", name)
    if others and others[0] >= most:
        raise BoundExceeded(what, others[0] + 1, most, "drop one first, or let one tell more")


def _take_places(after: int, tables: Tables) -> int | None:
    """The places of the next accounts; the last of them, None where there are no more, or looking has begun."""
    tables.alone("office watched")
    if tables.one("watched.begun"):
        return None
    row = tables.one("watched.page_ends", after, TAKEN_AT_ONCE)
    end = row[0] if row else None
    if end is not None:
        tables.run("watched.take_places", after, end)
    return end


def _move(tables: Tables, steps: Sequence[Advance]) -> list[Advance]:
    """Those whose place is still the old one; it is moved."""
    tables.alone("office watched")
    known = {row[0]: Watched(*row) for row in tables.many("watched.places", [(step.now.account,) for step in steps])}
    moved = [step for step in steps if known.get(step.now.account, Watched(step.now.account)) == step.before]
    tables.many("watched.put", [msgspec.structs.astuple(step.now) for step in moved])
    return moved


def _written(tables: Tables, also: Sequence[Also]) -> list[Message]:
    return [message for write in also for message in write(tables)]


def _check_data(messages: Iterable[Message]) -> None:
    for message in messages:
        if len(message.data) > DATA_MAX:
            raise BoundExceeded("bytes of a message", len(message.data), DATA_MAX, "tell less in it")


def _check_texts(*, empty: bool = False, **texts: str) -> None:
    for field, text in texts.items():
        if len(text) > TEXT_MAX or NUL in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise InvalidInput(field, shown(text), f"at most {TEXT_MAX:,} characters, without NUL")
        if not text and not empty:
            raise InvalidInput(field, "nothing", "some text")
