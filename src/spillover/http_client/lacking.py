"""What a client has not, and says so: it is the service's own."""

from __future__ import annotations

from typing import NoReturn

LACKING = {
    "policy": "access.policies.list() and .get(hash) tell the policies",
    "shadow": "open the engine itself for a shadow",
    "trouble": "the service's /readyz and its log tell of trouble",
    "tend": "the service sees to what falls due by itself; settle() does, too",
    "desk": "a service has its own",
    "run": "a service has its own",
    "submit": "a service has its own",
}


class NotOverHTTP(AttributeError):
    """A client has no such attribute; the embedded engine has."""


class Lacking:
    """Tells what is missing, and what to do instead."""

    def __getattr__(self, name: str) -> NoReturn:
        if name in LACKING:
            raise NotOverHTTP(f"{name}: found a client of a service, expected the engine itself; {LACKING[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
