"""In memory, beside libraries that only count: the same accounts, the same two windows, the same order of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from time import perf_counter

import spillover
from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.scenario import FEATURE, Asked, policy, populate, requests, require_allowed
from benchmarks.settings import Settings

TOGETHER = 128
"""Requests that `consume_many` gets at once."""
HALF = (Aim("ratio", 0.5, "at least"),)

ABOUT = (
    "Spillover on memory:// also decides a ceiling, gifted units and credits in two lots, answers each key once and"
    " records every event; the others hit two windows (5 hours, 7 days) for the same key, one after the other."
    " consume: one call after the other. consume_many: 128 requests in a call."
)


def measure(settings: Settings) -> Group:
    """Spillover, `limits` and `throttled-py`, in turn in every round."""
    asked = requests(settings.decisions, settings.accounts, seed=3)
    more = [requests(settings.decisions, settings.accounts, seed=100 + n) for n in range(2 * settings.rounds)]
    with spillover.connect("memory://", policy=policy(), settle=False) as access:
        populate(access, settings.accounts)
        access.settle()
        peers = {**limits_peers(), **throttled_peers()}
        contestants: dict[str, Callable[[], float]] = {
            "consume": lambda: _one_by_one(access, more.pop()),
            "consume_many": lambda: _together(access, more.pop()),
        }
        for name, hit in peers.items():
            contestants[name] = lambda hit=hit: _hits(hit, asked)
        found = in_turn(settings.rounds, contestants)
    figures = []
    for name in ("consume", "consume_many"):
        for peer in peers:
            figures.append(Figure(f"decisions, {name}", "/s", found[name], peer, found[peer], HALF))
    return Group("memory://, beside counters in memory", figures, ABOUT)


def _one_by_one(access: spillover.Access, asked: Sequence[Asked]) -> float:
    answers = []
    begun = perf_counter()
    for request in asked:
        answers.append(access.consume(request.account, FEATURE, subject=request.subject, key=request.key))
    elapsed = perf_counter() - begun
    return _settled(access, answers) / elapsed


def _together(access: spillover.Access, asked: Sequence[Asked]) -> float:
    words = [request.words() for request in asked]
    answers = []
    begun = perf_counter()
    for start in range(0, len(words), TOGETHER):
        answers += access.consume_many(words[start : start + TOGETHER])
    elapsed = perf_counter() - begun
    return _settled(access, answers) / elapsed


def _settled(access: spillover.Access, answers: list[spillover.Decision | spillover.SpilloverError]) -> int:
    """Outside of the time: the stream is settled, so that every round begins with the same one."""
    require_allowed(answers)
    access.settle()
    return len(answers)


def _hits(hit: Callable[[str], bool], asked: Sequence[Asked]) -> float:
    names = [request.account for request in asked]
    begun = perf_counter()
    for name in names:
        if not hit(name):
            raise RuntimeError("the benchmark expects grants only, found a refusal")
    return len(names) / (perf_counter() - begun)


def limits_peers() -> dict[str, Callable[[str], bool]]:
    """`limits`: two limits for each key, fixed or moving windows, in its memory storage."""
    from limits import RateLimitItemPerHour
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

    short, long = RateLimitItemPerHour(1_000_000, 5), RateLimitItemPerHour(6_000_000, 7 * 24)

    def peer(limiter: FixedWindowRateLimiter | MovingWindowRateLimiter) -> Callable[[str], bool]:
        def hit(key: str) -> bool:
            return limiter.hit(short, key) and limiter.hit(long, key)

        return hit

    name = f"limits {version('limits')}"
    return {
        f"{name}, fixed windows": peer(FixedWindowRateLimiter(MemoryStorage())),
        f"{name}, moving windows": peer(MovingWindowRateLimiter(MemoryStorage())),
    }


def throttled_peers() -> dict[str, Callable[[str], bool]]:
    """`throttled-py`: two limiters for each key, fixed windows or GCRA, in its memory store."""
    from throttled import MemoryStore, RateLimiterType, Throttled
    from throttled.rate_limiter import Quota, Rate

    def peer(kind: str) -> Callable[[str], bool]:
        store = MemoryStore(options={"MAX_SIZE": 100_000})
        first, second = (
            Throttled(using=kind, quota=Quota(Rate(timedelta(hours=hours), most), most), store=store, key_prefix=prefix)
            for hours, most, prefix in ((5, 1_000_000, "short"), (168, 6_000_000, "long"))
        )

        def hit(key: str) -> bool:
            return not first.limit(key).limited and not second.limit(key).limited

        return hit

    name = f"throttled-py {version('throttled-py')}"
    return {
        f"{name}, fixed windows": peer(RateLimiterType.FIXED_WINDOW.value),
        f"{name}, GCRA": peer(RateLimiterType.GCRA.value),
    }
