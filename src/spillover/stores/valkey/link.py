"""One connection to one server: opened, its settings checked, then commands and answers in order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from spillover.model.errors import StoreUnavailable
from spillover.ports import Durability
from spillover.stores.valkey.address import Address, Node, shown_node
from spillover.stores.valkey.checks import CONFIG, NodeFacts, facts_of, require
from spillover.stores.valkey.faults import advice_for, kind_of, refusal, shown, told
from spillover.stores.valkey.layout import Texts

Command = tuple[Any, ...]
Reply = Any
"""What a server answers to one command: bytes, numbers, lists of them, or None."""


class Deadline:
    """Until when an answer is waited for."""

    def __init__(self, ms: float) -> None:
        self._at = time.monotonic() + ms / 1000

    def left(self) -> float:
        """Seconds that are left, never quite none."""
        return max(self._at - time.monotonic(), 0.001)

    def part(self) -> Deadline:
        """Half of what is left: for one of several that are tried one after the other."""
        return Deadline(self.left() * 500)


class Broken(Exception):
    """The connection failed. `sent`: a command may have reached the server, and what became of it is not known.
    `late`: the server did not answer in time."""

    def __init__(self, text: str, *, sent: bool, late: bool = False) -> None:
        super().__init__(text)
        self.sent, self.late = sent, late


class Later(Exception):
    """The server cannot serve yet: it loads its data, say. Nothing was done."""


class Link:
    """Used by one thread at a time. A link that an error or an interruption left with answers under way is dropped."""

    def __init__(self, address: Address, node: Node) -> None:
        self.node, self.name = node, shown_node(node)
        self.replicas = 0
        self.facts: NodeFacts | None = None
        self._address = address
        self._connection: Any = None  # a Connection, whose methods have no types
        self._awaited = 0
        self._process = 0

    @property
    def usable(self) -> bool:
        """Whether it is connected, by this process, with nothing under way."""
        return self._connection is not None and not self._awaited and self._process == os.getpid()

    def connect(self, deadline: Deadline) -> None:
        """Connect anew. Raises Broken, Later; StoreUnavailable where the user is refused."""
        self.close()
        address, (host, port) = self._address, self.node
        kind = SSLConnection if address.tls else Connection
        self._connection = kind(
            host=host, port=port, db=address.db, username=address.username, password=address.password,
            socket_timeout=deadline.left(), socket_connect_timeout=deadline.left(), socket_keepalive=True,
            protocol=2, driver_info=None, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._process = os.getpid()
        try:
            self._connection.connect()
        except RedisError as error:
            self.close()
            said = refusal(error)
            if said is None:
                raise Broken(f"{self.name}: {shown(error)}", sent=False, late=isinstance(error, TimedOut)) from None
            raise self._refused(said) from None

    def _refused(self, error: ResponseError) -> Exception:
        return told(self.name, error) if kind_of(error) in ("other", "full") else Later(shown(error))

    def check(self, durability: Durability, cluster: bool, scripts: Iterable[str], deadline: Deadline) -> None:
        """Read its settings, refuse wrong ones, and load the scripts. Raises WrongSettings, and as `connect`."""
        try:
            info = Texts.of(self._one(("INFO",), deadline))
        except ResponseError as error:
            raise self._refused(error) from None
        if info.get("loading", "0") != "0":
            raise Later("LOADING")
        config: dict[str, str | None] = {}
        for name in CONFIG:
            try:
                found = self._one(("CONFIG", "GET", name), deadline)
                config[name] = found[1].decode() if found else ""
            except ResponseError as error:
                if kind_of(error) != "other":
                    raise self._refused(error) from None
                config[name] = None  # forbidden, as some who host servers do
        self.facts = facts_of(self.name, info, config)
        require(self.facts, info.get("redis_version", ""), durability, cluster=cluster)
        self.replicas = self.facts.replicas
        try:
            for script in scripts:
                self._one(("SCRIPT", "LOAD", script), deadline)
        except ResponseError as error:
            raise self._refused(error) from None

    def try_one(self, command: Command, deadline: Deadline) -> Reply:
        """One command, one answer; a refusal is given as the ResponseError that it is. Raises Broken."""
        self.send((command,))
        return self.receive(deadline)

    def _one(self, command: Command, deadline: Deadline) -> Reply:
        found = self.try_one(command, deadline)
        if isinstance(found, ResponseError):
            raise found
        return found

    def ask(self, command: Command, deadline: Deadline) -> Reply:
        """One command, one answer. Raises Broken; StoreUnavailable for a refusal."""
        try:
            return self._one(command, deadline)
        except ResponseError as error:
            raise told(self.name, error) from None

    def send(self, commands: Sequence[Command]) -> None:
        """Put commands under way. Raises Broken."""
        connection = self._connection
        if connection is None:
            raise Broken(f"{self.name}: not connected", sent=False)
        self._awaited += len(commands)
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        except RedisError as error:
            self.close()
            raise Broken(f"{self.name}: {shown(error)}", sent=True) from None

    def receive(self, deadline: Deadline) -> Reply:
        """The next answer; a refusal is given as the ResponseError that it is. Raises Broken."""
        connection = self._connection
        if connection is None:
            raise Broken(f"{self.name}: not connected", sent=True)
        found: Reply
        try:
            found = connection.read_response(disable_decoding=True, timeout=deadline.left(), disconnect_on_error=False)
        except RedisError as error:
            said = refusal(error)
            if said is None:
                self.close()
                late = isinstance(error, TimedOut)
                problem = "no answer in time" if late else shown(error)
                raise Broken(f"{self.name}: {problem}", sent=True, late=late) from None
            found = said
        self._awaited -= 1
        return found

    def close(self) -> None:
        """Give the connection back. Safe to repeat."""
        connection, self._connection = self._connection, None
        self._awaited = 0
        if connection is not None:
            connection.disconnect()


def unavailable(what: str, problem: str, ms: float) -> StoreUnavailable:
    """The error for the caller when time is over."""
    return StoreUnavailable(
        f"{what}: found no answer ({problem}), tried for {ms:.0f} ms, expected one; {advice_for(problem)}"
    )
