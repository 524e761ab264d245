"""What becomes of sendings, over any database's desk: leased, tried, put back, and forgotten in the end."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial

from msgspec import structs

from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.nuls import shown as without_nuls
from spillover.ledgers.books.tables import Desk, Row, Tables
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.office.endpoint_rows import read_endpoint
from spillover.ports.notices import (
    KEPT_MS,
    PAGE_MAX,
    Due,
    Endpoint,
    Message,
    Sending,
    SendingState,
    SentAgain,
    Try,
    Waiting,
)

ERROR_MAX = 500
"""Characters of what went wrong in a try: longer ones are cut."""

LEASE_MAX_MS = 3_600_000
"""No lease is longer; `sendings.sql` says the same."""


class SendingRecords:
    """The half of `Notices` that delivery needs. Every transaction is durable when its call returns."""

    _desk: Desk

    async def pause(self, id: str, now: int) -> bool:
        """Send it nothing until it is resumed; whether there is one that was not paused or ended."""
        return NUL not in id and self._desk.write(lambda tables: tables.one("endpoints.pause", id, now)) is not None

    async def resume(self, id: str, now: int) -> int:
        """Send to it again: what waits is due now, and has all its tries before it. How many wait."""
        return 0 if NUL in id else self._desk.write(partial(_resume, id, now))

    async def lease(
        self, limit: int, now: int, lease_ms: int, each: int = 4, *, slow: Container[str] = (),
        slow_limit: int = PAGE_MAX,
    ) -> list[Due]:  # fmt: skip
        """Sendings that are due, leased until `now + lease_ms`."""
        check_page(limit)
        if not 0 < lease_ms <= LEASE_MAX_MS or each <= 0:
            raise InvalidInput("lease_ms, each", f"{lease_ms}, {each}", f"at least 1; a lease to {LEASE_MAX_MS} ms")
        in_turn = partial(_in_turn, now, each, slow, slow_limit)
        if not self._desk.read(in_turn):
            return []  # workers ask several times a second: no writer waits for one that finds nothing
        return self._desk.write(partial(_lease, limit, now, now + lease_ms, in_turn, slow_limit))

    async def finish(
        self, sending: Sending, tried: Try, state: SendingState, *, due: int = 0, pause: bool = False
    ) -> bool:
        """Log a try of a leased sending and what became of it; whether it was still this lease's."""
        if (tried.message, tried.endpoint, tried.number) != (sending.message, sending.endpoint, sending.tries + 1):
            raise InvalidInput("tried", shown(tried), f"try {sending.tries + 1} of that sending")
        return self._desk.write(partial(_finish, sending, tried, state, due, pause))

    async def drop_sending(self, sending: Sending) -> bool:
        """End a leased sending without a try; whether it was this lease's."""
        return self._desk.write(lambda tables: _end(tables, sending, sending.tries, sending.due, "failed"))

    async def sendings(self, messages: Sequence[int]) -> list[Sending]:
        """The sendings of these messages, in the order of message and endpoint."""
        if len(messages) > PAGE_MAX:
            raise InvalidInput("messages", f"{len(messages):,} of them", f"at most {PAGE_MAX:,}")
        numbers = sorted(set(messages))
        return self._desk.read(
            lambda tables: [Sending(*row) for number in numbers for row in tables.rows("sendings.of", number)]
        )

    async def tries(
        self, *, message: int = 0, endpoint: str = "", limit: int = 1000, after: tuple[int, str, int] = (0, "", 0)
    ) -> list[Try]:
        """The delivery log in the order of (message, endpoint, number)."""
        check_page(limit)
        if NUL in endpoint:
            return []
        named = {(True, True): "both", (True, False): "message", (False, True): "endpoint"}
        end = named.get((bool(message), bool(endpoint)))
        of = tuple(one for one in (message, endpoint) if one)
        name = f"sendings.tries_of_{end}" if end else "sendings.tries"
        return [Try(*row) for row in self._desk.read(lambda tables: list(tables.rows(name, *of, *after, limit)))]

    async def send_again(self, id: str, now: int, endpoint: str = "") -> SentAgain:
        """Put a message's sendings back, due now."""

        def work(tables: Tables) -> SentAgain:
            to = _receivers(tables, endpoint)
            row = tables.one("messages.find", id) if NUL not in id else None
            if row is None:
                raise UnknownName("message", shown(id), "one that is kept: they are, for 30 days")
            return SentAgain(_again(tables, [Message(*row)], to, bool(endpoint), now))

        return self._desk.write(work)

    async def send_again_since(
        self, since: int, now: int, endpoint: str = "", *, limit: int = 1000, after: int = 0
    ) -> SentAgain:
        """The same with all messages of `since` or later, so many at a time."""
        check_page(limit)

        def work(tables: Tables) -> SentAgain:
            to = _receivers(tables, endpoint)
            found = [Message(*row) for row in tables.rows("messages.page", after, since, 1 << 53, "", limit)]
            put = _again(tables, found, to, bool(endpoint), now)
            return SentAgain(put, found[-1].number if len(found) == limit else None)

        return self._desk.write(work)

    async def waiting(self) -> Waiting:
        """What waits for endpoints that are not paused."""
        row = self._desk.read(lambda tables: tables.one("sendings.waiting"))
        return Waiting(*row) if row else Waiting(0, 0)

    async def drop_old(self, now: int, limit: int = 1000) -> int:
        """Forget messages that ended over KEPT_MS ago, with sendings and tries; how many there were."""
        check_page(limit)

        def work(tables: Tables) -> int:
            numbers = [row[0] for row in tables.rows("messages.old", now - KEPT_MS, now, limit)]
            for number in numbers:
                for table in ("sendings.drop_tries", "sendings.drop", "messages.drop"):
                    tables.run(table, number)
            return len(numbers)

        return self._desk.write(work)


def check_page(limit: object) -> None:
    """Raises InvalidInput unless so many rows may be asked for."""
    if type(limit) is not int or not 0 < limit <= PAGE_MAX:
        raise InvalidInput("limit", shown(limit), f"from 1 to {PAGE_MAX:,} rows")


def _resume(id: str, now: int, tables: Tables) -> int:
    if tables.one("endpoints.resume", id) is None:
        return 0
    tables.run("sendings.resume", id, now)
    row = tables.one("sendings.wait", id)
    return int(row[0]) if row else 0


def _in_turn(now: int, each: int, slow: Container[str], slow_limit: int, tables: Tables) -> list[tuple[str, int, bool]]:
    """Endpoints that have something due: id, how much it may have, whether it is slow; slow ones last, if at all."""
    rows = list(tables.rows("sendings.endpoints", now, each))
    found = [(id_, each - leased, bool(failing) or id_ in slow) for id_, _, leased, failing in rows]
    return sorted((one for one in found if slow_limit > 0 or not one[2]), key=lambda one: one[2])


def _lease(
    limit: int, now: int, until: int, in_turn: Callable[[Tables], list[tuple[str, int, bool]]], slow_limit: int,
    tables: Tables,
) -> list[Due]:  # fmt: skip
    # Who comes second sees the first one's leases, and waits no longer than it takes to write them.
    tables.alone("office sendings")
    found: list[Sending] = []
    for identity, free, is_slow in in_turn(tables):
        most = min(free, limit - len(found), slow_limit if is_slow else limit)
        if most <= 0:
            break
        rows = list(tables.rows("sendings.due", identity, now, most))
        slow_limit -= len(rows) if is_slow else 0
        found.extend(Sending(*row) for row in rows)
    endpoints: dict[str, Endpoint] = {}
    due = []
    for sending in found:
        tables.run("sendings.lease", sending.message, sending.endpoint, until)
        row = tables.one("messages.numbered", sending.message)
        if sending.endpoint not in endpoints:
            endpoints[sending.endpoint] = _endpoint(tables, sending.endpoint)
        if row is not None:
            due.append(Due(structs.replace(sending, leased=until), Message(*row), endpoints[sending.endpoint]))
    return due


def _endpoint(tables: Tables, id: str) -> Endpoint:
    row: Row | None = tables.one("endpoints.find", id)
    assert row is not None  # its sendings were found by it
    return read_endpoint(row)


def _finish(sending: Sending, tried: Try, state: SendingState, due: int, pause: bool, tables: Tables) -> bool:
    if not _end(tables, sending, tried.number, due, state):
        return False
    error = without_nuls(tried.error.encode("utf-8", "replace").decode())[:ERROR_MAX]
    tables.run(
        "sendings.log", tried.message, tried.endpoint, tried.number, tried.at, tried.status, tried.ms, error
    )  # fmt: skip
    if state == "sent":
        tables.run("endpoints.well", tried.endpoint)
    else:
        tables.run("endpoints.failing", tried.endpoint, tried.at)
    if pause:
        tables.one("endpoints.pause", tried.endpoint, tried.at)
    return True


def _end(tables: Tables, sending: Sending, tries: int, due: int, state: SendingState) -> bool:
    lease = (sending.message, sending.endpoint, sending.leased, sending.tries)
    return tables.one("sendings.finish", *lease, tries, due, state) is not None


def _receivers(tables: Tables, endpoint: str) -> list[Endpoint]:
    live = [read_endpoint(row) for row in list(tables.rows("endpoints.live"))]
    if not endpoint:
        return live
    found = [one for one in live if one.id == endpoint]
    if not found:
        raise UnknownName("endpoint", shown(endpoint), "one that is there and not ended")
    return found


def _again(tables: Tables, messages: Sequence[Message], to: Sequence[Endpoint], whatever: bool, now: int) -> int:
    count = 0
    for message in messages:
        for endpoint in to:
            if whatever or endpoint.wants(message.type, message.account):
                tables.run("sendings.again", message.number, endpoint.id, now)
                count += 1
    return count
