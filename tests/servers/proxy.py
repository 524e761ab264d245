"""A network between a client and a server that tests can make slow, silent or broken."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.servers.process import STARTING, free_port

CHUNK = 65_536


class Proxy:
    """Passes bytes between clients and port `target` of `host`, as it is told. All of it counts for all connections.

    `lost`: is set when a reply was dropped, and the server had all that came before it.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.target, self.port = (host, target), free_port()
        self.lost = threading.Event()
        self._changed = threading.Condition()
        self._delay, self._silent, self._broken, self._losing = 0.0, False, False, b""
        self._before: Callable[[], bool] | None = None
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.run(self._accept)

    @classmethod
    def to(cls, url: str) -> Proxy:
        """One to the server of this URL."""
        parts = urlsplit(url)
        return cls(parts.port or 0, parts.hostname or "127.0.0.1")

    def through(self, url: str) -> str:
        """The server's URL, by way of this proxy."""
        parts = urlsplit(url)
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{self.port}"))

    def delay(self, seconds: float) -> None:
        """Hold every chunk, either way, for so long."""
        self._set(_delay=seconds)

    def blackhole(self) -> None:
        """Let nothing pass, and say nothing: connections stay open. What was held passes after `heal`."""
        self._set(_silent=True)

    def cut(self) -> None:
        """Reset all connections, and every new one until `heal`."""
        self._set(_broken=True)
        self.reset()

    def reset(self) -> None:
        """Reset all present connections; new ones pass."""
        for link in tuple(self._links):
            link.reset()
        self._set()

    def lose_reply(self, after: bytes) -> None:
        """Once: the request in which these bytes stand reaches the server; the connection ends instead of an answer."""
        self.lost.clear()
        self._set(_losing=after)

    def before_each(self, admit: Callable[[], bool] | None) -> None:
        """Ask this before each chunk of a client goes on to the server; False: the connection ends instead."""
        self._before = admit

    def admits(self) -> bool:
        """Whether a client's next chunk goes on."""
        return self._before is None or self._before()

    @property
    def connected(self) -> int:
        """How many connections there are; when one is over, the server has done all that it got by it."""
        return len(self._links)

    def heal(self) -> None:
        """Pass everything, at once."""
        self._set(_delay=0.0, _silent=False, _broken=False, _losing=b"")

    def _set(self, **values: float | bool | bytes) -> None:
        with self._changed:
            vars(self).update(values)
            self._changed.notify_all()

    def wait_to_pass(self, link: _Link) -> None:
        """What a chunk does before it goes on. Raises ConnectionResetError for a link that was reset meanwhile."""
        with self._changed:
            if delay := self._delay:
                self._changed.wait_for(lambda: link.ended or self._delay != delay, delay)
            self._changed.wait_for(lambda: link.ended or not self._silent)
        if link.ended:
            raise ConnectionResetError

    def loses(self, chunk: bytes) -> bool:
        """Whether the answer to this is the one to be lost; it is asked for once."""
        with self._changed:
            if not self._losing or self._losing not in chunk:
                return False
            self._losing = b""
            return True

    def run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._broken:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self.target, STARTING)
            except OSError:  # the server is down: so it is for the client
                _reset(client)
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(self, client, server)
            self._links.add(link)
            self.run(link.to_server)
            self.run(link.to_client)
            if self._broken:  # cut meanwhile
                link.reset()

    def forget(self, link: _Link) -> None:
        self._links.discard(link)

    def close(self) -> None:
        """End all connections. Safe to repeat."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(STARTING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Link:
    """One client's connection, two threads."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.ended = self._losing = False
        self._ends = 2
        self._lock, self._losing_now = threading.Lock(), threading.Lock()

    def to_server(self) -> None:
        """Pass on what the client says; when it ends, in whatever way, the server hears of an end in good order."""
        with contextlib.suppress(OSError):
            while chunk := self.client.recv(CHUNK):
                self.proxy.wait_to_pass(self)
                loses = self.proxy.loses(chunk)
                if not self.proxy.admits():
                    self._losing = True
                    _end(self.client, socket.SHUT_RDWR)
                    break
                if loses:
                    with self._losing_now:  # an answer to what came before ends nothing until the server has this
                        self.server.sendall(chunk)
                        self._losing = True
                else:
                    self.server.sendall(chunk)
            self.proxy.wait_to_pass(self)  # that it ended is news that must pass too
        if not self.ended:
            _end(self.server, socket.SHUT_WR)
        self._leave()

    def to_client(self) -> None:
        """Pass on what the server says. For a client that is gone it is read to its end: then it is done."""
        try:
            while chunk := self.server.recv(CHUNK):
                self.proxy.wait_to_pass(self)
                self._answer(chunk)
            self.proxy.wait_to_pass(self)
            _end(self.client, socket.SHUT_WR)
        except OSError:  # the server is gone, or a test reset it
            self.reset()
        self._leave()

    def _answer(self, chunk: bytes) -> None:
        with self._losing_now:
            losing = self._losing
        if losing:
            _end(self.client, socket.SHUT_RDWR)
            _end(self.server, socket.SHUT_WR)
            return
        with contextlib.suppress(OSError):
            self.client.sendall(chunk)

    def _leave(self) -> None:
        with self._lock:
            self._ends -= 1
            last = not self._ends
        if last:
            self.client.close()
            self.server.close()
            self.proxy.forget(self)
            if self._losing:
                self.proxy.lost.set()

    def reset(self) -> None:
        """Wake both threads; the last of them closes both ends, with a reset and not in good order."""
        self.ended = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RD)


def _end(end: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(how)


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
