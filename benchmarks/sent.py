"""The limit of a server: the very commands that the engine sent, sent again with no engine around them.

A recording run notes what goes out on the way to a commit: to Valkey the scripts' calls, to PostgreSQL the statements
of each transaction that writes, with their values. The bare run brings back the state of before and sends just these,
one batch after the other, and waits for the answers: same groups, bytes, settings. So it checks, looks up keys and
locks as the engine had the server do, but nobody decides. To Valkey the bytes are packed before the time begins; to
PostgreSQL each transaction is one pipeline, where the engine's takes two round trips or three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, Self

from redis.exceptions import ResponseError

from benchmarks.grounds import Place, connection_to, waiting
from benchmarks.loops import Run
from spillover.core.decide import RULES
from spillover.ledgers.postgres.desks import LEDGER
from spillover.ledgers.postgres.tables import SQL as BOOKS
from spillover.postgres import Connection, open_database
from spillover.stores.postgres.hot import HOT, ROLE
from spillover.stores.postgres.known import SQL
from spillover.stores.valkey.encoding import Clocks
from spillover.stores.valkey.link import Command, Link
from spillover.stores.valkey.shards import SHAS

Statement = tuple[str, Any]


class Sent:
    """Notes commits while entered. `batches` are those after the mark, `before` those before it."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.batches: list[Any] = []
        self._undo: list[Callable[[], None]] = []

    def mark(self) -> None:
        """What is timed begins here."""
        self.before += self.batches
        self.batches = []

    def __enter__(self) -> Self:
        self._undo.append(self._wrap())
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.pop()()

    def _wrap(self) -> Callable[[], None]:
        raise NotImplementedError

    def replay(self, place: Place, decisions: int) -> Run:
        """Send all of it again; `decisions` were made by what came after the mark."""
        raise NotImplementedError

    def _timed(self, place: Place, decisions: int, step: Callable[[Any], None], batches: Sequence[Any]) -> Run:
        times, before = [], place.spent()
        for batch in batches:
            begun = perf_counter_ns()
            step(batch)
            times.append((perf_counter_ns() - begun) / 1000)
        spent = (place.spent() - before) / decisions
        return Run(decisions / sum(times) * 1e6, times, decisions / len(batches), server=spent)


class Scripts(Sent):
    """Calls of the script that commits, each with what went along with it."""

    def _wrap(self) -> Callable[[], None]:
        original, box = Link.send, Clocks.box

        def send(link: Link, commands: Sequence[Command]) -> None:
            if commands and commands[0][:2] == ("EVALSHA", SHAS["commit"]):
                self.batches.append(tuple(commands))
            original(link, commands)

        def any_time(clocks: Clocks) -> tuple[int, int]:
            return 0, 0  # the script refuses what was decided long ago, as these will have been

        Link.send = send  # type: ignore[method-assign]
        Clocks.box = any_time  # type: ignore[method-assign]

        def undo() -> None:
            Link.send = original  # type: ignore[method-assign]
            Clocks.box = box  # type: ignore[method-assign]

        return undo

    def replay(self, place: Place, decisions: int) -> Run:
        connection = connection_to(place.server)

        def step(batch: tuple[list[bytes], int]) -> None:
            packed, answers = batch
            connection.send_packed_command(packed, check_health=False)
            for _ in range(answers):
                if isinstance(answer := connection.read_response(disable_decoding=True), ResponseError):
                    raise answer

        def packed(batches: Sequence[Any]) -> list[tuple[list[bytes], int]]:
            return [(connection.pack_commands(commands), len(commands)) for commands in batches]

        try:
            for batch in packed(self.before):
                step(batch)
            begun = waiting(place.server)
            run = self._timed(place, decisions, step, packed(self.batches))
        finally:
            connection.disconnect()
        if waiting(place.server) - begun != decisions:
            raise RuntimeError("the benchmark expects the bare run to append what the engine's did")
        return run


class Transactions(Sent):
    """Statements of the transactions that append events to the stream, as they were sent."""

    marker, component, role = SQL["append"], HOT, ROLE

    def _wrap(self) -> Callable[[], None]:
        original, open_ = Connection.execute, dict[int, list[Statement]]()

        def execute(connection: Connection, query: Any, params: Any = None, **options: Any) -> Any:
            if query.startswith("BEGIN"):
                open_[id(connection)] = []
            elif query == "COMMIT":
                done = open_.pop(id(connection), [])
                if any(text == self.marker for text, _ in done):
                    self.batches.append(done)
            elif id(connection) in open_:
                open_[id(connection)].append((query, params))
            return original(connection, query, params, **options)

        Connection.execute = execute  # type: ignore[method-assign]

        def undo() -> None:
            Connection.execute = original  # type: ignore[method-assign]

        return undo

    def replay(self, place: Place, decisions: int) -> Run:
        database = open_database(
            place.url, self.component, role=self.role, rules=RULES, durability=place.durability, timeout_ms=30_000
        )

        def step(batch: list[Statement]) -> None:
            database.write(lambda connection: [connection.execute(text, values) for text, values in batch])

        try:
            for batch in self.before:
                step(batch)
            return self._timed(place, decisions, step, self.batches)
        finally:
            database.close()


class Booked(Transactions):
    """Statements of the transactions that book events."""

    marker, component, role = BOOKS["settling.add_usage"], LEDGER, "spillover_books"
