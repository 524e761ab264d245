"""From the address of a service to its client."""

from __future__ import annotations

from spillover.http_client.address import headers_with, refuse_others, service_address
from spillover.http_client.admit import Admit, admit_given
from spillover.http_client.opening_async import Opening
from spillover.http_client.plain import Client

USUAL = {"durability": "strict", "settle": True, "tend": True, "force": False}
"""What `connect` says to an engine where its caller says nothing; the rest is None then."""


def open_client(url: str, key: str | None, deadline: float, admit: Admit | None, **others: object) -> Client:
    """The client of a service. `deadline`: seconds that a verb may take. `admit`: what to do when it cannot
    be reached. `others`: what is said only to an engine.

    Raises InvalidInput.
    """
    refuse_others(others, USUAL)
    return Client(service_address(url), headers_with(key), deadline, admit_given(admit))


def opening_client(url: str, key: str | None, deadline: float, admit: Admit | None, **others: object) -> Opening:
    """The same for an event loop."""
    refuse_others(others, USUAL)
    return Opening(service_address(url), headers_with(key), deadline, admit_given(admit))
