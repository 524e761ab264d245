"""A hold: a decision on an estimate that is open until it is committed, released, or expires (design, law 9)."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.leg import Leg


class Mark(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a draw was counted: `count` of what the limit counts, so that it can be given back there.

    `limit` is the limit's `cell`, `scope` the value it counted per. `since` tells the window: the start of a session,
    fixed or calendar window, the slot of a sliding one, for a bucket the tick at which what was drawn has come back
    (and `max` the maximum it was drawn under), 0 for one that never resets.
    """

    limit: str
    count: int
    scope: str = ""
    since: int = 0
    max: int = 0


class Part(Struct, frozen=True, omit_defaults=True, gc=False):
    """One leg as it was drawn, and where it was counted: windows of an allowance, spending limits, caps."""

    leg: Leg
    marks: tuple[Mark, ...] = ()


class Hold(Struct, frozen=True, omit_defaults=True, gc=False):
    """The record of an open hold: everything that its end needs, as of the opening and of each extension.

    `key` is the caller's, by which the hold is known; `id` the short form in its cell `hold:ID`. `due`: when it expires
    (ms). `usage` is the estimate, `units` what it amounts to, drawn in `parts` in order. `ceilings` are marks too.
    Price, plan, policy and rules stay those of the opening. `expires`: when the lots that it drew on expire. `steps`:
    how often it was extended.
    """

    id: str
    key: str
    account: int
    feature: str
    opened: int
    due: int
    policy: str
    plan: str
    rules: int
    usage: dict[str, int]
    units: int
    parts: tuple[Part, ...] = ()
    ceilings: tuple[Mark, ...] = ()
    subject: str = ""
    attributes: dict[str, str] = {}
    expires: tuple[tuple[int, int], ...] = ()
    steps: int = 0

    @property
    def lots(self) -> dict[int, int]:
        """Lot -> how much of it this hold keeps."""
        kept: dict[int, int] = {}
        for part in self.parts:
            for lot, amount in part.leg.lots:
                kept[lot] = kept.get(lot, 0) + amount
        return kept
