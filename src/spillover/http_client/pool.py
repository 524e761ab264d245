"""Connections of plain code: kept open, bounded, shared by threads, and never carried over a fork."""

from __future__ import annotations

import http.client
import io
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from threading import BoundedSemaphore, Lock
from typing import Any

from spillover.http_client.address import ServiceAddress
from spillover.http_client.calls import HEADS, Call, Came
from spillover.http_client.tries import closed
from spillover.model.errors import Overloaded

CONNECTIONS_MAX = 64
"""Calls under way at once; who comes then waits, within the deadline."""
PIECE = 65_536

Left = Callable[[], float]


class Pool:
    """Sends calls to one service."""

    def __init__(self, address: ServiceAddress, headers: dict[str, str]) -> None:
        self._address, self._headers = address, headers
        self._tls = ssl.create_default_context() if address.tls else None
        self._closed = False
        self._idle: list[Connection] = []
        self._lock, self._turns, self._pid = Lock(), BoundedSemaphore(CONNECTIONS_MAX), os.getpid()

    def send(self, call: Call[Any], until: float) -> Came:
        """What came back. `until`: on the monotonic clock, in seconds.

        Raises OSError or HTTPException where nothing did, Overloaded, StoreUnavailable if this was closed.
        """
        if os.getpid() != self._pid:  # a parent's connections are the parent's; its locks may be held for ever
            self._renew()
        if self._closed:
            raise closed()
        turns = self._turns
        if not turns.acquire(timeout=max(until - time.monotonic(), 0.0)):
            most = f"found {CONNECTIONS_MAX} calls under way until the deadline"
            raise Overloaded(f"client: {most}, expected fewer at once")
        try:
            return self._sent(call, until)
        finally:
            turns.release()

    def close(self) -> None:
        """Close what is idle; calls under way end first. Safe to repeat."""
        self._closed = True
        if os.getpid() == self._pid:
            with self._lock:
                idle, self._idle = self._idle, []
            for connection in idle:
                connection.close()

    def _renew(self) -> None:
        self._idle = []
        self._lock, self._turns, self._pid = Lock(), BoundedSemaphore(CONNECTIONS_MAX), os.getpid()

    def _sent(self, call: Call[Any], until: float) -> Came:
        # One that was idle may be cut off just when it is used: not for what cannot be sent again.
        connection = self._take() if call.again else Connection(self._address, self._tls)
        connection.until = until
        try:
            connection.request(call.method, self._address.base + call.target, call.body, self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except BaseException:  # an interruption, too: the answer of this call must not be read as that of the next
            connection.close()
            raise
        if answer.will_close or answer.status < 200:  # a hint, behind which the answer is still to come
            connection.close()
        self._give_back(connection)
        told = [answer.headers.get(name) or "" for name in HEADS]
        return Came(answer.status, body, *told)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                if not self._idle:
                    return Connection(self._address, self._tls)
                connection = self._idle.pop()
            if not connection.is_stale():
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()


class Connection(http.client.HTTPConnection):
    """One connection, on which nothing waits longer than `until`."""

    def __init__(self, address: ServiceAddress, tls: ssl.SSLContext | None) -> None:
        super().__init__(address.host, address.port)
        self.default_port = 443 if address.tls else 80  # so that the header Host is as it is usually written
        self._tls = tls
        self.until = 0.0

    def connect(self) -> None:
        """Open it: each address of the host in turn. Raises OSError."""
        failure: OSError | None = None
        for family, kind, protocol, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            found = socket.socket(family, kind, protocol)
            try:
                found.settimeout(self.left())
                found.connect(place)
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                wrapped = self._tls.wrap_socket(found, server_hostname=self.host) if self._tls else found
            except OSError as error:
                found.close()
                failure = error
            except BaseException:
                found.close()
                raise
            else:
                self.sock: Any = Timed(wrapped, self.left)
                return
        raise failure or OSError("no such host")

    def left(self) -> float:
        """Seconds until the call must be over. Raises TimeoutError."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def is_stale(self) -> bool:
        """Whether the other side closed it, or sent what nobody asked for."""
        poll = select.poll()
        poll.register(self.sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class Timed:
    """A socket as http.client uses one, every step of which ends in time: a slow drip of bytes does not go on."""

    def __init__(self, found: socket.socket, left: Left) -> None:
        self._socket, self._left = found, left

    def sendall(self, sent: bytes) -> None:
        """Send all of it."""
        self._socket.settimeout(self._left())
        self._socket.sendall(sent)

    def makefile(self, _: str) -> io.BufferedReader:
        """What is read from it."""
        return io.BufferedReader(Reading(self._socket, self._left), PIECE)

    def fileno(self) -> int:
        """The number by which the system knows it."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it, when what is read from it is closed, too."""
        self._socket.close()


class Reading(io.RawIOBase):
    """Reads of a socket, each within what is left."""

    def __init__(self, found: socket.socket, left: Left) -> None:
        self._socket, self._left = found, left
        self._raw = found.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, into: Any) -> int | None:  # noqa: ANN401  # a buffer
        """Read some."""
        self._socket.settimeout(self._left())
        return self._raw.readinto(into)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()
