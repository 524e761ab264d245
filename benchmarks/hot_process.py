"""Run as a process of its own: one of several engines on the same servers.

Reads a line of JSON, opens an engine, learns the accounts, writes a line, waits for one, decides, writes what it found.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from time import process_time

import spillover
from benchmarks.loops import many
from benchmarks.scenario import FEATURE, Asked, once_each, policy, require_allowed


async def main() -> None:
    """Decide what the first line says."""
    told = json.loads(sys.stdin.readline())
    asked = [Asked(*row) for row in told["asked"]]
    opening = spillover.connect_async(
        told["url"], ledger=told["ledger"], policy=policy(), durability="strict", settle=False, deadline=30
    )
    async with opening as access:
        warm = [one.words() for one in once_each(told["accounts"], told["number"] + 100)]
        require_allowed(await access.consume_many(warm))
        print("ready", flush=True)
        sys.stdin.readline()
        given: Counter[str] = Counter()

        async def ask(request: Asked) -> None:
            answer = await access.consume(request.account, FEATURE, subject=request.subject, key=request.key)
            require_allowed([answer])
            if request.account == told["hot"]:
                given.update({leg.layer: leg.units for leg in answer.legs})

        busy = process_time()
        run = await many(ask, asked, told["in_flight"])
        print(json.dumps({"rate": run.rate, "given": given, "processor": process_time() - busy}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
