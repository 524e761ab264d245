"""When a call is tried again, and what is said when it cannot be: one plan for plain and asynchronous code.

At most three tries within the deadline, under the same key, and only where nothing came back (refused, cut off, 502,
503, 504, a 404 that is not the service's own). A call without a key that changes something is sent once: whether it was
done is not known then.
"""

from __future__ import annotations

import random
from typing import TypeVar

from spillover.http_client.calls import Call, Came
from spillover.http_client.limits import with_limits
from spillover.http_client.problems import Problem, error_of, problem_in
from spillover.model.errors import SpilloverError, StoreError, StoreUnavailable

T = TypeVar("T")

TRIES_MAX = 3
PAUSES = (0.05, 0.25)
"""Before the second and the third try: this part of the deadline, from half to one and a half times as long."""
AWAY = (502, 503, 504)
TOO_LATE = "no answer in time"


class Tries:
    """The tries of one call. Seconds, on a clock that never goes back.

    `is_away`: no service served it. `has_told`: one said so itself, in words.
    """

    def __init__(self, call: Call[T], address: str, deadline: float, now: float) -> None:
        self._again, self._account, self._key = call.again, call.account, call.key
        self._address, self._begun, self._until, self._made = address, now, now + deadline, 0
        self.is_away = self.has_told = False

    def left(self, now: float) -> float:
        """Seconds that the call may still take."""
        return self._until - now

    def begin(self, now: float) -> float:
        """One more try, and how long it may take. Raises StoreUnavailable where there is no time for it."""
        if self.left(now) <= 0:
            raise self._gave_up(TOO_LATE, now)
        self._made += 1
        return self.left(now)

    def after_failure(self, why: BaseException, now: float) -> float:
        """The pause before the next try, after one on which nothing came back. Raises StoreUnavailable."""
        pause = self._pause()
        if pause is None or self.left(now) <= pause:
            late = isinstance(why, TimeoutError) or self.left(now) <= 0
            raise self._gave_up(TOO_LATE if late else " ".join(str(why).split()) or type(why).__name__, now) from why
        return pause

    def after_answer(self, came: Came, now: float) -> float | None:
        """The pause before the next try; None where this is the answer, whatever it says."""
        pause = self._pause() if _is_away(came, problem_in(came)) else None
        if pause is None:
            return None
        wanted = float(came.after) if came.after.isascii() and came.after.isdigit() else 0.0
        pause = max(pause, wanted)
        return pause if self.left(now) > pause else None

    def read(self, call: Call[T], came: Came, now: float) -> T:
        """What an answer tells. Raises the error that it tells, StoreUnavailable for what is no answer of a service."""
        problem = problem_in(came)
        self.is_away = _is_away(came, problem)
        self.has_told = problem is not None
        if problem is not None:
            raise error_of(problem, self._account, self._key)
        if self.is_away:
            whose = " of another program: a proxy, or the address is wrong" if came.status not in AWAY else ""
            raise self._gave_up(f"status {came.status}{whose}", now)
        if came.status != 200:
            raise self._no_service(f"status {came.status} and no problem+json")
        try:
            found = call.reads(came.body)
        except SpilloverError:
            raise
        except Exception as error:  # whoever answers there may have sent anything, such as what is nested without end
            raise self._no_service(f"an answer that cannot be read ({error})") from error
        return with_limits(found, came.policy, came.limits) if came.policy else found

    def _pause(self) -> float | None:
        if not self._again or self._made >= TRIES_MAX:
            return None
        return PAUSES[self._made - 1] * (self._until - self._begun) * random.uniform(0.5, 1.5)

    def _gave_up(self, why: str, now: float) -> StoreUnavailable:
        self.is_away = True
        often = "once" if self._made == 1 else f"{self._made} times"
        once = "" if self._again else ", as it has no key: look whether it was done before you send it again"
        return StoreUnavailable(
            f"{self._address}: found no service that answers ({why}), tried {often} in {now - self._begun:.1f} s{once};"
            " expected one, look whether it runs and can be reached"
        )

    def _no_service(self, found: str) -> StoreError:
        expected = "a Spillover service; look at the address, and at the versions of both"
        return StoreError(f"{self._address}: found {' '.join(found.split())[:200]}, expected {expected}")


def _is_away(came: Came, problem: Problem | None) -> bool:
    """Whether no service served it. Each path of a service's own that is unknown has a problem: a bare 404 is a
    proxy's, which has lost it."""
    return came.status in AWAY or (came.status == 404 and problem is None)


def closed() -> StoreUnavailable:
    """The error for a client that was closed."""
    return StoreUnavailable("client: found it closed, expected an open one; connect again")
