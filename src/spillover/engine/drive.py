"""Run a coroutine of the engine to its end, without an event loop.

No adapter suspends, embedded or networked (0006), so coroutines finish at the first step. This is what lets the use
cases be written once, asynchronously, while a plain call costs neither a thread nor a loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. Raises RuntimeError if it suspends, which no adapter may do."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    finally:
        coroutine.close()  # nothing to do, unless it suspended or an interruption came before it began
    raise RuntimeError("found a coroutine that suspends, expected one that ends in the thread that called it")
