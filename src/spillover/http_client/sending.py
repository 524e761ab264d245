"""A call of plain code, made until it is answered or given up."""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import TypeVar

from spillover.http_client.calls import Call
from spillover.http_client.holding import Skew
from spillover.http_client.pool import Pool
from spillover.http_client.tries import Tries

T = TypeVar("T")


def answered(pool: Pool, skew: Skew, call: Call[T], tries: Tries) -> T:
    """What a call reads. Raises what it tells, StoreUnavailable, Overloaded."""
    while True:
        now = time.monotonic()
        until = now + tries.begin(now)
        try:
            came = pool.send(call, until)
        except (OSError, HTTPException) as error:
            pause: float | None = tries.after_failure(error, time.monotonic())
        else:
            skew.note(came)
            pause = tries.after_answer(came, time.monotonic())
            if pause is None:
                return tries.read(call, came, time.monotonic())
        time.sleep(pause or 0.0)
