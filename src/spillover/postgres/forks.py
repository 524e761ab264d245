"""A forked child must leave its parent's connections alone: both would talk on one socket."""

from __future__ import annotations

from spillover.model.errors import StoreUnavailable


def inherited(name: str) -> StoreUnavailable:
    """The error for a connection of the parent's."""
    return StoreUnavailable(
        f"{name}: found it open since before this process was forked, expected it opened after;"
        " close the store before forking, or start processes by spawn"
    )
