"""What selling keeps beside the books, asked from any thread: the office's records, one piece of work at a time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from spillover.ports.office import Office
from spillover.ports.sales import Sales

T = TypeVar("T")
PROVIDER = "stripe"
"""The name under which customers and payments of Stripe are kept."""


class Records(Office, Sales, Protocol):
    """What a service remembers, as far as selling needs it."""


class Ask(Protocol):
    """Does work on the records and gives what it gives. Raises StoreError."""

    def __call__(self, work: Callable[[Records], Coroutine[Any, Any, T]]) -> T:
        """The work's answer."""
        ...
