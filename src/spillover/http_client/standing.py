"""How the journal of a client stands."""

from __future__ import annotations

from msgspec import Struct


class JournalStatus(Struct, frozen=True):
    """What was admitted while the service could not be reached.

    `waiting`: entries that are still to be recorded; `refused`: those that could not be, each with its reason
    (`spillover journal list FILE`); `holds`: holds that are open here. `is_away`: the service does not answer now.
    `open_until` (ms), `reason`, `actor`: of the operators' switch, None and "" where it is not set. `trouble`: why the
    last try to record went no further, "" if nothing.
    """

    waiting: int
    refused: int
    holds: int
    is_away: bool
    open_until: int | None
    reason: str
    actor: str
    trouble: str
