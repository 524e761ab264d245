"""Where a Valkey or a Redis is, from its URL; a password never leaves this noun but to the server."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from spillover.model.errors import InvalidInput

PORT = 6379
EXPECTED = "such as valkey://host:6379/0, valkeys:// for TLS, or valkey+cluster://host:6379,host:6380 (or redis...)"
SCHEMES = {f"{name}{tls}{kind}" for name in ("valkey", "redis") for tls in ("", "s") for kind in ("", "+cluster")}

Node = tuple[str, int]
"""Host and port."""


class Address(Struct, frozen=True):
    """Servers to begin with: one, or some nodes of a cluster. Its text has no password."""

    nodes: tuple[Node, ...]
    cluster: bool = False
    tls: bool = False
    db: int = 0
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"{'valkeys' if self.tls else 'valkey'}{'+cluster' if self.cluster else ''}://" + ",".join(
            shown_node(node) for node in self.nodes
        )

    __str__ = __repr__


def shown_node(node: Node) -> str:
    """HOST:PORT as an error shows it."""
    host, port = node
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(url: str) -> Address:
    """The address that a URL names. Raises InvalidInput, whose text has nothing of the URL but its scheme and place."""
    scheme, _, _ = url.partition("://")
    if "://" not in url or scheme not in SCHEMES:
        raise InvalidInput("address", _hidden(scheme), EXPECTED)
    try:
        parts = urlsplit(url)
        user, _, hosts = parts.netloc.rpartition("@")
        nodes = tuple(_node(host) for host in hosts.split(","))
    except ValueError:
        raise InvalidInput("address", f"a {scheme} address with a host or port that cannot be read", EXPECTED) from None
    cluster = scheme.endswith("+cluster")
    if len(nodes) > 1 and not cluster:
        raise InvalidInput("address", f"{len(nodes)} hosts for one server", f"one host, or {scheme}+cluster://")
    if parts.query or parts.fragment:
        raise InvalidInput("address", f"a {scheme} address with options", EXPECTED)
    name, _, password = user.partition(":")
    return Address(
        nodes, cluster, scheme.split("+")[0] in ("valkeys", "rediss"), _database(parts, cluster),
        unquote(name) or None, unquote(password) or None,
    )  # fmt: skip


def _hidden(scheme: str) -> str:
    return f"the scheme {scheme!r}" if scheme.isascii() and len(scheme) <= 20 and "@" not in scheme else "no scheme"


def _node(text: str) -> Node:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or PORT


def _database(parts: SplitResult, cluster: bool) -> int:
    text = parts.path.strip("/")
    if not text:
        return 0
    if not text.isdecimal() or (cluster and int(text)):
        raise InvalidInput("address", f"database {text!r}", "a number, 0 in a cluster")
    return int(text)
