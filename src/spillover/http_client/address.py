"""Where a service is, and what every call says to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from spillover.model.errors import InvalidInput, shown

EXPECTED = "http://HOST:PORT or https://HOST, with nothing behind it but a path"
KEY = re.compile(r"[\x21-\x7e]{1,4096}")
SERVICE = re.compile(r"https?://", re.IGNORECASE)


class ServiceAddress(Struct, frozen=True):
    """Where a service is: `base` is the path that its own paths stand behind, "" for none."""

    tls: bool
    host: str
    port: int
    base: str

    @property
    def text(self) -> str:
        """As people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.base}"


def is_service(url: object) -> bool:
    """Whether an address is that of a service, not of a database."""
    return isinstance(url, str) and SERVICE.match(url) is not None


def service_address(url: str) -> ServiceAddress:
    """What an address means. Raises InvalidInput; a password in it is not shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput("address", f"one that cannot be read ({error})", EXPECTED) from None
    if "@" in parts.netloc:
        raise InvalidInput("address", "a name or password in it", f'{EXPECTED}; the key is told by key="sp_..."')
    if not host or parts.query or parts.fragment or not url.isascii() or re.search(r"[\s\0]", url) or port == 0:
        raise InvalidInput("address", shown(url), EXPECTED)
    tls = parts.scheme == "https"
    return ServiceAddress(tls, host, port or (443 if tls else 80), parts.path.rstrip("/"))


def headers_with(key: object) -> dict[str, str]:
    """The headers of every call. Raises InvalidInput for what is no key; it is not shown."""
    found = {"Accept": "application/json", "Content-Type": "application/json"}
    if key is None:
        return found
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise InvalidInput("key", f"a {type(key).__name__} that is none", "an API key, such as sp_..., or a token")
    return found | {"Authorization": f"Bearer {key}"}


def refuse_others(others: Mapping[str, object], usual: Mapping[str, object]) -> None:
    """What says how an engine is opened says nothing to a service, which has its own. Raises InvalidInput."""
    for name, value in others.items():
        if value != usual.get(name):
            raise InvalidInput(name, "one beside an http address", "none: it is the service's to say")


def refuse_for_a_client(key: object, when_unreachable: object) -> None:
    """What is said to the client of a service alone says nothing to an engine. Raises InvalidInput."""
    if key is not None:
        raise InvalidInput("key", "one beside the address of a database", "one beside http:// or https:// only")
    if when_unreachable is not None:
        expected = "a plan's `outage: {admit: ...}` with journal=, or an http address"
        raise InvalidInput("when_unreachable", "it beside the address of a database", expected)
