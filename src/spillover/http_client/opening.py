"""From the address of a service to its client."""

from __future__ import annotations

from spillover.http_client.address import headers_with, refuse_others, service_address
from spillover.http_client.asynchronous import Opening
from spillover.http_client.plain import Client

USUAL = {"durability": "strict", "settle": True, "tend": True, "force": False}
"""What `connect` says to an engine where its caller says nothing; the rest is None then."""


def open_client(url: str, key: str | None, deadline: float, **others: object) -> Client:
    """The client of a service. `deadline`: seconds that a verb may take. `others`: what is said only to an engine.

    Raises InvalidInput.
    """
    refuse_others(others, USUAL)
    return Client(service_address(url), headers_with(key), deadline)


def opening_client(url: str, key: str | None, deadline: float, **others: object) -> Opening:
    """The same for an event loop."""
    refuse_others(others, USUAL)
    return Opening(service_address(url), headers_with(key), deadline)
