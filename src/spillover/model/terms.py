"""What new terms do to the fast numbers, besides replacing the profile: lots lowered, limits reset."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.amounts import AMOUNT_MAX
from spillover.model.event import MoveKind


class Lower(Struct, frozen=True):
    """A lot to be lowered by the hot state, by what it has left then, at most `most`; a rollover goes `to` that lot.

    Several of one lot take what those before them left.
    """

    lot: int
    kind: MoveKind
    most: int = AMOUNT_MAX
    to: int = 0


class Reset(Struct, frozen=True):
    """Cells of one limit to be set to 0: what it has counted is forgotten. `what` names it in the statement.

    Of a bucket, `spacing` and `ticks` tell how many units that is. `scoped`: its cell being 0 frees a scope value.
    """

    what: str
    cells: tuple[str, ...]
    spacing: int = 0
    ticks: int = 0
    scoped: bool = False
