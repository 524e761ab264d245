"""One policy with every part of the waterfall, and engines over it: both faces, in memory and in a file."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import spillover
from spillover.access.clock import TurnableClock
from tests.support import policy as shared

POLICY = """
spillover: 1
attributes: [team]
features:
  codex.messages: {unit: message, count: requests, price: {credits: 5}}
  codex.tokens:
    unit: credit
    count: cost
    price: [{input: 1, output: 10, per: 1M}]
  sora.seconds: {unit: second, count: seconds, price: {credits: 1}}
plans:
  plus:
    rules:
      - for: [codex.messages]
        ceilings:
          - {name: parallel, max: 2, of: open_holds}
          - {name: burst, max: 20, refill: 1m, per: subject}
        waterfall:
          - from: allowance
            windows:
              - {name: hourly, max: 3, sliding: 1h}
              - {name: daily, max: 6, every: day, in: UTC}
          - from: units
          - from: credits
        spending: [{name: monthly, max: 40, every: month, in: UTC}]
      - for: [codex.tokens]
        hold: {default: {input: 100, output: 100}, at_least: {output: 10}, for: 1m, when_short: finish}
        waterfall: [{from: credits}]
        overshoot: {forgive: "0.0001", every: day, in: UTC}
      - for: [sora.seconds]
        hold: {for: 1m, when_short: stop}
        waterfall:
          - from: allowance
            windows: [{name: five, max: 10, every: 5h, starting: first_use}]
          - from: units
          - from: credits
  free:
    rules:
      - for: [codex.messages]
        waterfall: [{from: allowance, windows: [{name: daily, max: 1, every: day, in: UTC}]}]
  trial:
    lasts: 14d
    then: free
    gives: [{credits: 200, expires: 14d, once: true}]
    rules: [{for: [codex.messages], waterfall: [{from: credits}]}]
  gifted:
    gives:
      - {units: 10, for: sora.seconds, every: day, in: UTC, rollover: {max: 4, expires: 1d}}
    rules: [{for: [sora.seconds], waterfall: [{from: units}]}]
"""
SECONDS_OF_PLUS = """      - for: [sora.seconds]
        hold: {for: 1m, when_short: stop}
        waterfall:
          - from: allowance
            windows: [{name: five, max: 10, every: 5h, starting: first_use}]
          - from: units
          - from: credits
"""
START = "2026-03-02T09:00:00Z"
URLS = ("memory", "sqlite")


def policy(text: str = POLICY) -> spillover.Policy:
    """The policy of this room, or another."""
    return shared(text)


def clock() -> TurnableClock:
    """A clock at the start of all stories."""
    return TurnableClock(START)


def url_of(kind: str, path: Path) -> str:
    """An address of that kind."""
    return "memory://" if kind == "memory" else f"sqlite:///{path}/x.db"


class Plainly:
    """An asynchronous object whose verbs are run to their end, so that one story is told of both faces."""

    def __init__(self, inner: Any, runner: asyncio.Runner) -> None:
        self._inner, self._runner = inner, runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return Plainly(found, self._runner) if type(found).__name__.startswith("Async") else found

        def verb(*args: Any, **options: Any) -> Any:
            result = found(*args, **options)
            return self._runner.run(_awaited(result)) if inspect.isawaitable(result) else result

        return verb


async def _awaited(result: Any) -> Any:
    return await result


@contextmanager
def engine(url: str, face: str = "plain", **options: Any) -> Iterator[Any]:
    """An open engine of that face, with the account acme under plus."""
    options = {"policy": policy(), "settle": False, **options}
    if face == "plain":
        with spillover.connect(url, **options) as access:
            access.accounts.put("acme", "plus")
            yield access
        return
    with asyncio.Runner() as runner:
        opened = runner.run(_awaited(spillover.connect_async(url, **options)))
        told = Plainly(opened, runner)
        try:
            told.accounts.put("acme", "plus")
            yield told
        finally:
            told.close()


def credits_of(access: Any, account: str = "acme") -> tuple[int, int, int]:
    """Available, held and settled micro-credits."""
    found = next(one for one in access.balance(account).measures if one.measure == "credits")
    return found.available, found.held, found.settled
