"""What follows a try: sent, tried again then and then, given up, or the endpoint paused (decision 0007, "Notices").

Pure: instants and chance are arguments.
"""

from __future__ import annotations

from msgspec import Struct

from spillover.notices.sending import GONE, Outcome
from spillover.ports.notices import Endpoint, Sending, SendingState

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
WAITS_MS = (
    5 * _SECOND, 30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    24 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""After each failed try but the last."""
TRIES_MAX = len(WAITS_MS) + 1
MORE_AT_RANDOM = 0.2
"""Up to this part of a wait is added, so that a receiver that comes back is not met by everything at once."""
AFTER_MAX_MS = 24 * _HOUR
"""How long a receiver's Retry-After is kept, at most."""
PAUSED_AFTER_MS = 72 * _HOUR
"""An endpoint that answered nothing well for so long is paused."""


class Next(Struct, frozen=True):
    """`due`: when it is tried again, if it waits. `pause`: the endpoint is sent nothing until it is resumed."""

    state: SendingState
    due: int = 0
    pause: bool = False


def after(sending: Sending, endpoint: Endpoint, outcome: Outcome, now: int, chance: float) -> Next:
    """What follows this try of the sending, which `sending.tries` does not count yet. `chance`: 0 <= chance < 1."""
    if not outcome.error:
        return Next("sent")
    pause = outcome.status == GONE or 0 < endpoint.failing_since <= now - PAUSED_AFTER_MS
    made = sending.tries - sending.before + 1
    if made >= TRIES_MAX:
        return Next("failed", 0, pause)
    wait = WAITS_MS[made - 1]
    wait += int(wait * MORE_AT_RANDOM * chance)
    return Next("waiting", now + max(wait, min(outcome.after, AFTER_MAX_MS)), pause)
