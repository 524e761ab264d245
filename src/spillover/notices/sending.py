"""One try of a message at one address: in a bounded time as a whole, to the address that was judged, and no further.

http.client speaks HTTP; what it reads from and writes to is bounded by the instant at which the try is over, so that a
receiver that gives one byte a second holds nobody longer than one that is silent.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from spillover.model.errors import InvalidInput
from spillover.notices.addresses import Lookup, Refused, Target, resolved, target_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SECONDS = 10.0
"""For names, connection, handshake, request and answer together."""
ANSWER_MAX = 65_536
"""Bytes of an answer that are read."""
SHOWN = 200
"""Characters of an answer that the log of tries keeps."""
AGENT = "spillover"
GONE = 410


class Outcome(Struct, frozen=True):
    """How a try ended. `status`: what was answered, 0 for nothing; `after`: ms that the receiver asked to wait.

    `error` is "" where the message arrived: a whole answer of 2xx.
    """

    status: int
    ms: int
    error: str = ""
    after: int = 0


class Rules(Struct, frozen=True):
    """How this machine sends. `lookup`, `tls` stand in for the machine's resolver and its list of authorities."""

    allow_private: bool = False
    seconds: float = SECONDS
    lookup: Lookup | None = None
    tls: ssl.SSLContext | None = None


def send(url: str, headers: Mapping[str, str], body: bytes, now: int, rules: Rules) -> Outcome:
    """Send it once. Everything that can go wrong outside is an outcome. `now`: ms since 1970."""
    begun = time.monotonic()
    until = begun + rules.seconds
    status, after, error = 0, 0, ""
    try:
        target = target_of(url, allow_private=rules.allow_private)
        status, after, error = _exchange(target, headers, body, now, until, rules)
    except (InvalidInput, Refused) as refused:
        error = f"not called: {refused}"
    except TimeoutError as late:
        error = f"no answer within {rules.seconds:g} s ({late})"
    except ssl.SSLCertVerificationError as wrong:
        error = f"certificate: {wrong.verify_message}"
    except http.client.HTTPException as wrong:
        error = f"no HTTP: {type(wrong).__name__} {wrong}"
    except OSError as away:
        error = f"no connection: {away.strerror or away}"
    except ValueError as odd:  # a name that no certificate can be for
        error = f"not called: {odd}"
    return Outcome(status, round((time.monotonic() - begun) * 1000), error, after)


def _exchange(
    target: Target, headers: Mapping[str, str], body: bytes, now: int, until: float, rules: Rules
) -> tuple[int, int, str]:  # fmt: skip
    connection = _Connection(target, rules, until)
    try:
        connection.request("POST", target.path, body, {"host": target.authority, **_USUAL, **headers})
        answer = connection.getresponse()
        if connection.has_ended:  # http.client takes headers that break off for all of them
            return answer.status, 0, "the answer was cut off: the connection ended"
        after = retry_after(answer.getheader("retry-after"), now)
        if 300 <= answer.status < 400:
            return answer.status, after, "a redirect; none is followed: give the endpoint its final address"
        try:
            said = answer.read(ANSWER_MAX)
        except (OSError, http.client.HTTPException) as cut:
            why = str(cut) if isinstance(cut, TimeoutError) else "the connection ended"
            return answer.status, after, f"the answer was cut off: {why}"
        if len(said) < ANSWER_MAX and answer.length:  # read() with a bound does not tell that less came
            return answer.status, after, "the answer was cut off: the connection ended"
        return answer.status, after, "" if 200 <= answer.status < 300 else _shown(answer.status, said)
    finally:
        connection.finish()


_USUAL = {"content-type": "application/json", "accept": "*/*", "user-agent": AGENT, "connection": "close"}


def retry_after(text: str | None, now: int) -> int:
    """Milliseconds that Retry-After asks for, as a number of seconds or a date; 0 for none."""
    written = (text or "").strip()
    if written.isascii() and written.isdigit() and len(written) < 12:
        return int(written) * 1000
    try:
        moment = parsedate_to_datetime(written)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(round(moment.timestamp() * 1000) - now, 0)
    except (ValueError, OverflowError):
        return 0


def _shown(status: int, said: bytes) -> str:
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in said.decode("utf-8", "replace")).split())
    return f"{status}: {text[:SHOWN]}" if text else f"{status}"


class _Connection(http.client.HTTPConnection):
    """A connection to where the name was resolved to, under the name that was asked for, until an instant."""

    def __init__(self, target: Target, rules: Rules, until: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._rules, self._until = target, rules, until
        self._inner: socket.socket | None = None
        self._bounded: _Bounded | None = None

    def connect(self) -> None:
        """Resolve once, judge, and connect to what was judged. Raises Refused, OSError."""
        rules, target = self._rules, self._target
        addresses = resolved(target, self._left(), allow_private=rules.allow_private, lookup=rules.lookup)
        self._inner = self._reached(addresses)
        if target.scheme == "https":
            self._inner.settimeout(self._left())
            self._inner = (rules.tls or _authorities()).wrap_socket(self._inner, server_hostname=target.host)
        self.sock = self._bounded = _Bounded(self._inner, self._left)  # as much of a socket as http.client uses

    @property
    def has_ended(self) -> bool:
        """Whether the other side was seen to say no more."""
        reading = self._bounded.reading if self._bounded else None
        return reading is not None and reading.ended

    def finish(self) -> None:
        """Close what was opened."""
        if self._inner is not None:
            self._inner.close()

    def _reached(self, addresses: list[str]) -> socket.socket:
        """The first that takes the connection; each has its share of the time that is left."""
        for place, address in enumerate(addresses):
            share = self._left() / (len(addresses) - place)
            try:
                return socket.create_connection((address, self._target.port), timeout=share)
            except OSError:
                if place == len(addresses) - 1:
                    raise
        raise AssertionError("a name without an address is refused before")

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it came too slowly")
        return left


class _Bounded:
    """A socket whose every step is given what is left of the time."""

    def __init__(self, inner: socket.socket, left: Callable[[], float]) -> None:
        self._inner, self._left = inner, left
        self.reading: _Reading | None = None

    def sendall(self, data: ReadableBuffer) -> None:
        """All of it, or an error at the end of the time."""
        rest = memoryview(data).cast("B")
        while rest:
            self._inner.settimeout(self._left())
            rest = rest[self._inner.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """What is read from it."""
        assert mode == "rb"
        self.reading = _Reading(self._inner, self._left)
        return io.BufferedReader(self.reading)

    def close(self) -> None:
        """Nothing: http.client closes before the answer is read, as a socket of its own would outlive that."""


class _Reading(io.RawIOBase):
    def __init__(self, inner: socket.socket, left: Callable[[], float]) -> None:
        self._inner, self._left = inner, left
        self.ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        """What has come."""
        self._inner.settimeout(self._left())
        count = self._inner.recv_into(into)
        self.ended = not count
        return count


@cache
def _authorities() -> ssl.SSLContext:
    """Whom this machine trusts; SSL_CERT_FILE and SSL_CERT_DIR name others."""
    return ssl.create_default_context()
