"""Which addresses may be called. A receiver's address is written by a person, and a name may be resolved to anything:
so what it is resolved to is judged at every try, as a whole, and what was judged is what is connected to.

Without `allow_private` only what lies in the public internet is called, and only over https. With it also what lies
inside the operator's network, there in clear text too; nothing is ever sent in clear text outside of it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit

from msgspec import Struct

from spillover.model.errors import InvalidInput, shown

URL_MAX = 2_048
"""Characters of an address."""
PORTS = {"https": 443, "http": 80}
EXPECTED = "https://HOST/PATH"
# Listed here, as Python's own lists of them change with its version. RFC 6890 and the registries that it began.
_V4_APART = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/3",
        ),
    )
)  # fmt: skip
_V6_INTERNET = ipaddress.IPv6Network("2000::/3")
_V6_APART = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Of these some hold an IPv4 address (Teredo, 6to4), and nobody receives at the others."""
_V4_IN_V6 = ipaddress.IPv6Network("64:ff9b::/96")
"""NAT64: the last 32 bits are the address that is reached."""
_SERVICES = {ipaddress.ip_address("168.63.129.16")}
"""Public by their number, but answered by the machine's own host: Azure's metadata."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
"""Gives the numeric addresses of a host. Raises OSError."""


class Target(Struct, frozen=True):
    """Where a message goes: `host` is what stands in Host and in the certificate, `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header Host says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class Refused(Exception):
    """The address may not be called. Its text says why."""


def target_of(url: object, *, allow_private: bool = False) -> Target:
    """The address in its parts, as far as it can be judged before its name is resolved. Raises InvalidInput."""
    if not isinstance(url, str) or not re.fullmatch(r"[!-~]+", url) or len(url) > URL_MAX:
        raise InvalidInput("url", shown(url), f"{EXPECTED}, at most {URL_MAX:,} characters without blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput("url", shown(url), EXPECTED) from None
    if parts.scheme not in PORTS or not host or port == 0 or "\\" in url:
        raise InvalidInput("url", shown(url), EXPECTED)
    if parts.username is not None or parts.password is not None or "#" in url:
        raise InvalidInput("url", "one with a user, a password or a #fragment", f"{EXPECTED}; a query may hold a token")
    target = Target(parts.scheme, host, port or PORTS[parts.scheme], _path(parts.path, parts.query))
    if target.scheme == "http" and not allow_private:
        raise InvalidInput("url", shown(url), "https; http is for this machine and its network (--allow-private)")
    try:
        _require_callable(target, ["127.0.0.1" if host == "localhost" else host], allow_private=allow_private)
    except Refused as refused:
        raise InvalidInput("url", shown(url), f"another address: {refused}") from None
    except ValueError:
        pass  # a name: judged when it is resolved, at each try
    return target


def resolved(target: Target, seconds: float, *, allow_private: bool, lookup: Lookup | None = None) -> list[str]:
    """The numeric addresses to connect to, in order. All of them may be called, else none is.

    `seconds`: how long names are looked up. Raises Refused, OSError.
    """
    found = _within(seconds, lookup or _system, target.host, target.port)
    if not found:
        raise OSError("the name has no address")
    try:
        _require_callable(target, found, allow_private=allow_private)
    except ValueError:
        raise Refused(f"{target.host} is resolved to what is no address") from None
    return found


def why_private(text: str) -> str:
    """Why a numeric address is not one of the internet; "" where it is. Raises ValueError for what is none."""
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_unspecified or address.is_multicast:
        return "no single machine"
    if address.is_loopback:
        return "this machine itself"
    if address.is_link_local:
        return "link-local, where machines get their metadata"
    if address in _SERVICES:
        return "metadata of this machine"
    return "" if _is_internet(address) else "inside a private network"


def _is_internet(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _V4_APART)
    return address in _V6_INTERNET and not any(address in network for network in _V6_APART)


def _inner(address: Address) -> Address:
    """The IPv4 address within an IPv6 one that is only another way to write it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _V4_IN_V6:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _require_callable(target: Target, found: Sequence[str], *, allow_private: bool) -> None:
    for text in found:
        why = why_private(text)
        where = text if text == target.host else f"{target.host}, which is {text}"
        if why and (not allow_private or why == "no single machine"):
            raise Refused(f"{where} is {why}; --allow-private allows addresses inside the network")
        if not why and target.scheme == "http":
            raise Refused(f"{where} is outside the network, where only https is used")


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def _system(host: str, port: int) -> list[str]:
    """By the machine's own resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def _within(seconds: float, lookup: Lookup, host: str, port: int) -> list[str]:
    """What the lookup gives, if it does so in time: the machine's resolver knows no bound, so it has its own thread."""
    told: Queue[Sequence[str] | Exception] = Queue(1)

    def look() -> None:
        try:
            told.put(lookup(host, port))
        except Exception as error:
            told.put(error)

    Thread(target=look, name="spillover-lookup", daemon=True).start()
    try:
        found = told.get(timeout=max(seconds, 0.0))
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(found, UnicodeError):
        raise OSError("the name is none")
    if isinstance(found, Exception):
        raise found
    return list(found)
