"""Calls to servers, all under way together, tried again within the time limit where that cannot do harm.

A call is tried again where the server refused it without doing anything (moved, loading, busy, a slot on its way, a
script forgotten). A call whose answer was lost is tried again too, except one that is marked `once`: there its caller
decides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct
from redis.exceptions import AskError, MovedError, ResponseError

from spillover.model.errors import StoreError, StoreUnavailable
from spillover.stores.valkey.address import Node
from spillover.stores.valkey.faults import kind_of, shown, told
from spillover.stores.valkey.link import Broken, Command, Deadline, Later, Link, Reply, unavailable
from spillover.stores.valkey.servers import Servers, place_of

PAUSE_MAX = 0.1
TRY_MIN = 0.05
"""Seconds that must be left for another try to begin: one that is cut short leaves it unknown what became of it."""
CONFIRM_MARGIN = 0.15
"""Seconds that WAIT leaves of the time limit for its answer: a server looks at such times ten times a second."""


class Call(Struct, frozen=True, gc=False):
    """Commands for one slot, in order. `writes`: in mode strict, replicas confirm them. `once`: see above."""

    slot: int
    commands: tuple[Command, ...]
    writes: bool = False
    once: bool = False


Replies = list[Reply] | None
"""One for each command of a call; None: the answer to a call that is sent once was lost."""


class Exchange:
    """Used by one thread at a time."""

    def __init__(self, servers: Servers, timeout_ms: float) -> None:
        self.servers, self.timeout_ms = servers, timeout_ms
        self._strict = servers.durability == "strict"

    def deadline(self) -> Deadline:
        """The time limit of what begins now."""
        return Deadline(self.timeout_ms)

    def run(self, calls: Sequence[Call], deadline: Deadline | None = None) -> list[Replies]:
        """The replies, in the order of the calls. Raises StoreUnavailable, StoreFull, WrongSettings."""
        return _Run(self, calls, deadline or self.deadline()).to_the_end()

    def confirm(self, link: Link, waited: Reply, role: Reply, deadline: Deadline) -> None:
        """Raises StoreUnavailable unless a replica has what this connection wrote, where there are replicas."""
        if isinstance(role, ResponseError):
            if kind_of(role) == "other":
                raise told(link.name, role)
            raise Broken(f"{link.name}: {shown(role)}", sent=True)  # it began to refuse between two of our commands
        link.replicas = len(role[2]) if role and role[0] == b"master" else 0
        if not link.replicas:
            return  # none is attached, or not any more
        if waited is None:  # one was attached since
            waited = link.ask(self.wait(deadline), deadline)
        if isinstance(waited, ResponseError):
            raise told(link.name, waited)
        if waited < 1:
            raise StoreUnavailable(
                f"{link.name}: found {link.replicas} replicas of which none confirmed in time, expected 1; the key"
                " decides: send the same again"
            )

    def trailer(self, link: Link, deadline: Deadline) -> tuple[Command, ...]:
        """What goes behind writes on the same connection."""
        if not self._strict:
            return ()
        return (self.wait(deadline), ("ROLE",)) if link.replicas else (("ROLE",),)

    @staticmethod
    def wait(deadline: Deadline) -> Command:
        """The command that waits for one replica."""
        left = deadline.left()
        return ("WAIT", 1, max(1, int((left - min(CONFIRM_MARGIN, left / 2)) * 1000)))


class _Run:
    """One run of calls: rounds of sending and receiving, until all are answered or time is over."""

    def __init__(self, exchange: Exchange, calls: Sequence[Call], deadline: Deadline) -> None:
        self._exchange, self._servers = exchange, exchange.servers
        self._calls, self._deadline = calls, deadline
        self._replies: list[Replies] = [None] * len(calls)
        self._pending = list(range(len(calls)))
        self._asks: dict[int, Node] = {}
        self._fatal: StoreError | None = None
        self._problem = ""
        self._pause = 0.0

    def to_the_end(self) -> list[Replies]:
        tries = 0
        while self._pending:
            if tries:
                if self._deadline.left() < self._pause + TRY_MIN:
                    raise unavailable(str(self._servers.address), self._problem, self._exchange.timeout_ms)
                time.sleep(self._pause)
            self._pause = min(PAUSE_MAX, 0.002 * 2**tries)
            tries += 1
            again: list[int] = []
            # Everything is sent before anything is waited for.
            for link, indexes, trailing in [sent for sent in self._send(again) if sent is not None]:
                self._receive(link, indexes, trailing, again)
            if self._fatal is not None:
                raise self._fatal
            self._pending = sorted(again)
        return self._replies

    def _send(self, again: list[int]) -> list[tuple[Link, list[int], tuple[Command, ...]] | None]:
        groups: dict[Node, list[int]] = {}
        for index in self._pending:
            try:
                where = self._asks.get(index) or self._servers.node(self._calls[index].slot, self._deadline)
                groups.setdefault(where, []).append(index)
            except (Broken, Later) as error:
                self._problem = str(error)
                again.append(index)
        return [self._send_to(node, indexes, again) for node, indexes in groups.items()]

    def _send_to(
        self, node: Node, indexes: list[int], again: list[int]
    ) -> tuple[Link, list[int], tuple[Command, ...]] | None:
        try:
            link = self._servers.link(node, self._deadline)
            writes = any(self._calls[index].writes for index in indexes)
            trailing = self._exchange.trailer(link, self._deadline) if writes else ()
            link.send([*(command for index in indexes for command in self._commands(index)), *trailing])
        except Later as error:
            self._problem = str(error)
            again += indexes
        except Broken as error:
            self._lost(node, indexes, error, again)
        except StoreError as error:
            self._fatal = error
        else:
            return link, indexes, trailing
        return None

    def _commands(self, index: int) -> list[Command]:
        commands = self._calls[index].commands
        if index not in self._asks:
            return list(commands)
        return [step for command in commands for step in (("ASKING",), command)]

    def _receive(self, link: Link, indexes: list[int], trailing: tuple[Command, ...], again: list[int]) -> None:
        refused: list[tuple[int, ResponseError]] = []
        unknown = list(indexes)
        try:
            for index in indexes:
                found = [link.receive(self._deadline) for _ in self._commands(index)]
                unknown.remove(index)
                found = found[1::2] if self._asks.pop(index, None) else found
                error = next((one for one in found if isinstance(one, ResponseError)), None)
                if error is None:
                    self._replies[index] = found
                else:
                    refused.append((index, error))
            if trailing:
                unknown = [index for index in indexes if self._calls[index].writes and self._replies[index] is not None]
                *waited, role = [link.receive(self._deadline) for _ in trailing]
                if unknown:
                    self._exchange.confirm(link, waited[0] if waited else None, role, self._deadline)
                unknown = []
            for index, error in refused:
                self._refused(link, index, error)
        except Broken as error:
            self._lost(link.node, unknown, error, again)
        except StoreError as error:
            self._fatal = self._fatal or error
        again += [index for index, _ in refused]

    def _lost(self, node: Node, indexes: list[int], error: Broken, again: list[int]) -> None:
        self._problem = str(error)
        self._servers.doubt(node)
        for index in indexes:
            self._replies[index] = None
            if not (error.sent and self._calls[index].once):
                again.append(index)

    def _refused(self, link: Link, index: int, error: ResponseError) -> None:
        kind, call = kind_of(error), self._calls[index]
        self._problem = f"{link.name}: {shown(error)}"
        match kind:
            case "full" | "other":
                raise told(link.name, error)
            case "script":
                self._servers.load(link, self._deadline)
                self._pause = 0.0
            case "moved" if isinstance(error, MovedError):
                self._servers.moved(call.slot, place_of(error.host, error.port, link.node))
                self._pause = 0.0
            case "ask" if isinstance(error, AskError):
                self._asks[index] = place_of(error.host, error.port, link.node)
                self._pause = 0.0
            case "elsewhere":
                self._servers.doubt(link.node)
            case _:
                if "CLUSTERDOWN" in self._problem:
                    self._servers.doubt()
