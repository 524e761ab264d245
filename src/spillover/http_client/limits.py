"""The limits that a service told beside a decision, in the headers RateLimit-Policy and RateLimit."""

from __future__ import annotations

import re
from typing import TypeVar, cast

from msgspec import Struct

from spillover.documents.told import ToldDecision

T = TypeVar("T")

ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"((?:;[a-z]=[0-9]{1,18})*)')


class LimitTold(Struct, frozen=True):
    """One window or ceiling of the decision's rule, after it: `max` of what it counts, in `window` seconds (None: it
    has no length). `room` is what is left, `resets` in how many seconds there is more; both None where the allowance is
    used up and a later layer pays, so that nobody has to wait for it.
    """

    name: str
    max: int
    window: int | None
    room: int | None
    resets: int | None


class BesideLimits(ToldDecision, frozen=True, eq=False, gc=False, kw_only=True):
    """A decision with the two headers as they came; "" where none did."""

    ratelimit_policy: str = ""
    ratelimit: str = ""

    @property
    def limits(self) -> tuple[LimitTold, ...]:
        """The same, read."""
        left = dict(_items(self.ratelimit))
        return tuple(
            LimitTold(name, told.get("q", 0), told.get("w"), *(left.get(name, {}).get(one) for one in ("r", "t")))
            for name, told in _items(self.ratelimit_policy)
        )


def with_limits(found: T, policy: str, limits: str) -> T:
    """What was read, with its limits if it is a decision."""
    if type(found) is not ToldDecision:
        return found
    fields = {name: getattr(found, name) for name in ToldDecision.__struct_fields__}
    return cast(T, BesideLimits(**fields, ratelimit_policy=policy, ratelimit=limits))


def _items(header: str) -> list[tuple[str, dict[str, int]]]:
    return [
        (name, {word[0]: int(word[2:]) for word in words.split(";") if word}) for name, words in ITEM.findall(header)
    ]
