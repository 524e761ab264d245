"""Bytes of Valkey's memory: an active account, a remembered key, an entry of the stream; and what follows from them."""

from __future__ import annotations

import re
from statistics import mean

from benchmarks.figures import Aim, Figure, Group
from benchmarks.grounds import Grounds, State, restore
from benchmarks.settings import Settings
from tests.servers import valkey

KIND = re.compile(rb"\}:([a-z]+)")
RATE, LAG = 1_000, 60
"""Decisions per second, and seconds that settlement is behind, of the example."""
DAY = 86_400


def measure(settings: Settings, grounds: Grounds) -> Group:
    """Taken once: only these keys are put into a server, and its memory is read before and after."""
    settled = grounds.state("valkey")
    decided = grounds.state("valkey", settings.events)
    accounts, keys = _of(decided, "aphdn"), _of(decided, "k")
    account = _bytes(accounts) / settings.accounts
    key = _bytes(keys) / len(keys)
    streams = _bytes(_of(decided, "stream")) - _bytes(_of(settled, "stream"))
    entry = streams / settings.events
    kept, behind = DAY * RATE * key / 2**30, LAG * RATE * entry / 2**20
    about = (
        f"{grounds.versions()}. Active account: three lots, one subject, two windows and a ceiling, its terms. Key: 32"
        f" digits of the caller's ({mean(len(name) for name, _, _ in keys):.0f} with its place). Memory = accounts x"
        f" {account:,.0f} + decisions in 24 hours x {key:,.0f} + events not yet settled x {entry:,.0f} bytes: at"
        f" {RATE:,} decisions a second, all with keys, {kept:,.1f} GiB of keys, and {behind:,.0f} MiB"
        f" for each minute that settlement is behind."
    )
    figures = [
        Figure("an active account, without keys", "B", [account], aims=(Aim("value", 1024, "at most"),)),
        Figure("of which its terms", "B", [_bytes(_of(decided, "p")) / settings.accounts]),
        Figure("a remembered key", "B", [key]),
        Figure("an entry of the stream", "B", [entry]),
    ]
    return Group("memory of Valkey", figures, about)


def _of(state: State, kinds: str) -> tuple[tuple[bytes, int, bytes], ...]:
    """The keys of these kinds: letters, or the one kind that is a word."""
    wanted = {kinds} if kinds == "stream" else set(kinds)
    found = []
    for name, ttl, value in state.keys:
        kind = KIND.search(name)
        if kind and kind[1].decode() in wanted:
            found.append((name, ttl, value))
    return tuple(found)


def _bytes(keys: tuple[tuple[bytes, int, bytes], ...]) -> int:
    """What they take in a server of their own, with their places in its tables."""
    with valkey(appendonly="no") as server:
        sizes = []
        for some in (keys[:1], keys):
            restore(server, some)
            with server.client() as client:
                sizes.append(int(client.info("memory")["used_memory"]))
    return sizes[1] - sizes[0]
