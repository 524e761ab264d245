"""What a look at a running system finds: each sign with what to do about it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["fine", "watch", "act"]


class Sign(Struct, frozen=True):
    """One thing that was looked at: what was found, how it stands, and the next command to run, if there is one.

    `watch`: it may become trouble. `act`: it is trouble, or soon will be.
    """

    what: str
    found: str
    level: Level = "fine"
    advice: str = ""
