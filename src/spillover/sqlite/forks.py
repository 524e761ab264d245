"""What a forked child must leave alone: SQLite's locks belong to the process, and its copy of their list is wrong.

Not even a new connection to a file that the parent had open is safe there, so both are refused.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from spillover.model.errors import StoreUnavailable


class Openable(Protocol):
    """Something that holds a file open, perhaps."""

    path: str

    def is_open(self) -> bool: ...


_opened: weakref.WeakSet[Openable] = weakref.WeakSet()
_inherited: set[str] = set()


def watch(holder: Openable) -> None:
    """Remember, should this process be forked, that it holds its file open."""
    _opened.add(holder)


def inherited(path: str) -> StoreUnavailable:
    """The error for a file that the parent had open when this process was forked."""
    return StoreUnavailable(
        f"{path}: found it open since before this process was forked, expected it opened after;"
        " close the store before forking, or start processes by spawn"
    )


def require_not_inherited(path: str) -> None:
    """Raises StoreUnavailable if the parent had the file open when this process was forked."""
    if path in _inherited:
        raise inherited(path)


def _note_in_child() -> None:
    _inherited.update(holder.path for holder in list(_opened) if holder.is_open())


os.register_at_fork(after_in_child=_note_in_child)
