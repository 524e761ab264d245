"""Libraries that only count, on the same server: two fixed windows (5 hours, 7 days) of each account, one hit each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import NamedTuple

from benchmarks.grounds import Place
from benchmarks.loops import IN_FLIGHT, Run, alone, many
from benchmarks.scenario import Asked

SHORT, LONG = 1_000_000, 6_000_000
"""Never used up."""


class Counter(NamedTuple):
    """A library's plain and its asynchronous face."""

    name: str
    plain: Callable[[str], Callable[[Asked], None]]
    asynchronous: Callable[[str], Callable[[Asked], Awaitable[None]]]

    def many(self, place: Place, asked: Sequence[Asked]) -> Run:
        """64 in flight, after as many to open their connections."""

        async def run() -> Run:
            hit = self.asynchronous(place.url)
            await many(hit, asked[: 4 * IN_FLIGHT])
            before = place.spent()
            found = await many(hit, asked)
            return found._replace(server=(place.spent() - before) / len(asked))

        return asyncio.run(run())

    def alone(self, place: Place, asked: Sequence[Asked]) -> Run:
        """One after the other."""
        hit = self.plain(place.url)
        alone(hit, asked[:4])
        return alone(hit, asked)


def counters() -> tuple[Counter, Counter]:
    """`limits` and `throttled-py`."""
    return (
        Counter(f"limits {version('limits')}", _limits_plain, _limits_async),
        Counter(f"throttled-py {version('throttled-py')}", _throttled_plain, _throttled_async),
    )


def _require(granted: bool) -> None:
    if not granted:
        raise RuntimeError("the benchmark expects grants only, found a refusal")


def _limits_plain(url: str) -> Callable[[Asked], None]:
    from limits import RateLimitItemPerHour
    from limits.storage import RedisStorage
    from limits.strategies import FixedWindowRateLimiter

    limiter = FixedWindowRateLimiter(RedisStorage(url))
    short, long = RateLimitItemPerHour(SHORT, 5), RateLimitItemPerHour(LONG, 7 * 24)

    def hit(asked: Asked) -> None:
        _require(limiter.hit(short, asked.account) and limiter.hit(long, asked.account))

    return hit


def _limits_async(url: str) -> Callable[[Asked], Awaitable[None]]:
    from limits import RateLimitItemPerHour
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import FixedWindowRateLimiter

    limiter = FixedWindowRateLimiter(RedisStorage(f"async+{url}", implementation="redispy"))
    short, long = RateLimitItemPerHour(SHORT, 5), RateLimitItemPerHour(LONG, 7 * 24)

    async def hit(asked: Asked) -> None:
        _require(await limiter.hit(short, asked.account) and await limiter.hit(long, asked.account))

    return hit


def _throttled_plain(url: str) -> Callable[[Asked], None]:
    from throttled import RedisStore, Throttled
    from throttled.rate_limiter import Quota, Rate

    store = RedisStore(server=url)
    first, second = (
        Throttled(
            using="fixed_window", quota=Quota(Rate(timedelta(hours=hours), most), most), store=store, key_prefix=prefix
        )
        for hours, most, prefix in ((5, SHORT, "short"), (168, LONG, "long"))
    )

    def hit(asked: Asked) -> None:
        _require(not first.limit(asked.account).limited and not second.limit(asked.account).limited)

    return hit


def _throttled_async(url: str) -> Callable[[Asked], Awaitable[None]]:
    from throttled.asyncio import RedisStore, Throttled
    from throttled.rate_limiter import Quota, Rate

    store = RedisStore(server=url)
    first, second = (
        Throttled(
            using="fixed_window", quota=Quota(Rate(timedelta(hours=hours), most), most), store=store, key_prefix=prefix
        )
        for hours, most, prefix in ((5, SHORT, "short"), (168, LONG, "long"))
    )

    async def hit(asked: Asked) -> None:
        _require(not (await first.limit(asked.account)).limited)
        _require(not (await second.limit(asked.account)).limited)

    return hit
