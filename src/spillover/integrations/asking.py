"""How integrations ask an access, whichever it is: embedded or over HTTP, for plain code or an event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from spillover.access.desk import Desk
from spillover.conventions.headers import PROFILES, Pair, limit_headers
from spillover.conventions.rate_limits import Standing, Told, standing_after
from spillover.engine.answers import Decision
from spillover.engine.overview import Overview
from spillover.model.errors import InvalidInput, SpilloverError, shown

Usage = Mapping[str, int] | int


class Asked(Struct, frozen=True):
    """One request as an access takes it."""

    account: str
    feature: str
    usage: Usage | None = None
    subject: str | None = None
    attributes: Mapping[str, str] | None = None
    key: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What is given by name."""
        return {"key": self.key, "subject": self.subject, "attributes": self.attributes}


def opened(access: Any) -> Any:  # noqa: ANN401  # four classes with the same verbs
    """The access, or what the function gives that stands for one that is opened when the application starts."""
    return access() if callable(access) else access


def is_async(access: Any) -> bool:  # noqa: ANN401  # as above
    """Whether its verbs are awaited."""
    return inspect.iscoroutinefunction(access.consume)


def check_profiles(profiles: Iterable[str]) -> tuple[str, ...]:
    """The older header profiles that were asked for. Raises InvalidInput for one that is none."""
    asked = (profiles,) if isinstance(profiles, str) else tuple(profiles)
    for one in asked:
        if one not in PROFILES:
            raise InvalidInput("profiles", shown(one), " or ".join(PROFILES))
    return asked


async def consume(access: Any, asked: Asked) -> Decision:  # noqa: ANN401  # as above
    """`access.consume`; the one of plain code runs in a thread. Raises what it raises."""
    decision: Decision = await ask(access.consume, asked.account, asked.feature, asked.usage, **asked.options)
    return decision


async def limits_beside(
    access: Any,  # noqa: ANN401  # as above
    decision: Decision,
    asked: Asked,
    profiles: Sequence[str],
) -> list[Pair]:
    """RateLimit-Policy and RateLimit of a decision, and the older names that were asked for.

    Embedded they are read from what the engine remembers. Over HTTP the service told them beside the decision; only for
    the older names the overview is asked, which tells no lengths of windows, and nothing is told where it fails: it is
    no reason to refuse.
    """
    desk = getattr(access, "desk", None)
    if isinstance(desk, Desk):
        credits = "codex" in profiles
        standing = standing_after(desk, decision, asked.subject, asked.attributes, credits=credits)
        return limit_headers(standing.limits, profiles, desk.clock(), standing.credits)
    if not profiles or decision.journaled:
        found = (("ratelimit-policy", "ratelimit_policy"), ("ratelimit", "ratelimit"))
        return [(name, told) for name, where in found if (told := getattr(decision, where, ""))]
    try:
        overview: Overview = await ask(access.overview, asked.account, subject=asked.subject)
    except SpilloverError:
        return []
    standing = _standing(overview, asked.feature)
    return limit_headers(standing.limits, profiles, overview.at, standing.credits)


def _standing(overview: Overview, feature: str) -> Standing:
    """The limits of a feature as the overview tells them."""
    found = next((one for one in overview.features if one.feature == feature), None)
    if found is None:
        return Standing()
    pays = any(one.available for one in overview.measures) and found.layers[-1] != "allowance"
    told = []
    for one in found.limits:
        if one.kind not in ("ceiling", "window") or one.of in ("open_holds", "subjects"):
            continue
        resets = None if one.resets_at is None else max(-(-(one.resets_at - overview.at) // 1000), 0)
        passed_on = one.kind == "window" and not one.room and (pays or "overage" in found.layers)
        told.append(Told(one.kind, one.name, one.of, one.max, one.room, 0, resets, passed_on))
    return Standing(tuple(told), overview.credits)


async def ask(verb: Callable[..., Any], *args: object, **options: object) -> Any:  # noqa: ANN401  # what it gives
    """What a verb of any access gives; one of plain code runs in a thread."""
    if inspect.iscoroutinefunction(verb):
        return await verb(*args, **options)
    return await asyncio.to_thread(verb, *args, **options)
