"""Keys that the books give themselves."""

from __future__ import annotations

from spillover.core.intake import RESERVED


def again_key(epoch: int, sequence: int) -> str:
    """The key of an event whose own was booked before."""
    return f"{RESERVED}again:{epoch}.{sequence}"
