"""Run a coroutine of an embedded rung to its end, without an event loop.

Embedded adapters never suspend, so their coroutines finish at the first step. This is what lets the use cases be
written once, asynchronously, while a plain call costs neither a thread nor a loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. Raises RuntimeError if it suspends: only an event loop can serve such a rung."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    finally:
        coroutine.close()  # nothing to do, unless it suspended or an interruption came before it began
    raise RuntimeError("this store waits for a network: use it through connect_async")
