"""How a body that cannot be taken is refused; the connection is closed after each of these."""

from __future__ import annotations

from spillover.http_api.problems import Refused


def too_large(found: str, most: int) -> Refused:
    """The refusal of a body beyond the bound."""
    return Refused("too-large", f"body: found {found} bytes, expected at most {most:,}", close=True)


def too_slow(seconds: float) -> Refused:
    """The refusal of a body that does not come."""
    return Refused("body-timeout", f"body: found it unfinished after {seconds:g} s; send it at once", close=True)


def gone() -> Refused:
    """The refusal that nobody reads: the client has left."""
    return Refused("malformed", "body: found the connection closed, expected the rest of it", close=True)
