"""Whether a machine's clock agrees with the server's: what was decided by a wrong one is refused."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.core.decide import TOLERANCE
from spillover.model.errors import ClockAhead, ClockBehind
from spillover.postgres.database import TRIES

BEHIND_MS = 10_000
"""How far a clock may be behind the server's. More than TOLERANCE, as what was decided waits for its turn: the time
limits of its tries count instead where they are longer."""


class Clock:
    """What is asked of clocks where a statement or lock may last `timeout_ms`. `name`: the database, for errors."""

    def __init__(self, name: str, timeout_ms: int) -> None:
        self._name = name
        self._behind = max(BEHIND_MS, TRIES * timeout_ms + TOLERANCE)

    def require(self, instants: Iterable[int], own: int) -> None:
        """These (ms) agree with the server's clock, which shows `own`; one that is not above 0 tells no clock.

        Raises ClockAhead, ClockBehind.
        """
        told = [now for now in instants if now > 0]
        if not told:
            return
        mend = "let both follow the same time server, then send the same keys again"
        found = f"{self._name}: found this machine's clock"
        if (ahead := max(told) - own) > TOLERANCE:
            raise ClockAhead(f"{found} {ahead} ms ahead of the server's, expected at most {TOLERANCE} ms; {mend}")
        if (behind := own - min(told)) > self._behind:
            raise ClockBehind(f"{found} {behind} ms behind the server's, expected at most {self._behind} ms; {mend}")
