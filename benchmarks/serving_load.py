"""Run as a process of its own: a closed loop over so many connections, each asking again as soon as it is answered.

Raw bytes over asyncio's protocols, requests made before, answers looked at no more than they must be: it costs about a
third of the fastest server. Reads lines of JSON, each a run, and writes a line with what was found.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from time import perf_counter, perf_counter_ns, process_time
from typing import Any

import uvloop

from benchmarks.figures import percentile
from benchmarks.scenario import requests

END = b"\r\n\r\n"
LENGTH = b"content-length: "


class Asking(asyncio.Protocol):
    """One connection."""

    def __init__(self, waiting: Iterator[bytes], want: bytes, times: list[int], ended: asyncio.Future[None]) -> None:
        self.waiting, self.want, self.times, self.ended = waiting, want, times, ended
        self.found, self.begun = b"", 0
        self.transport: Any = None

    def ask(self) -> None:
        """The next request, if there is one."""
        request = next(self.waiting, None)
        if request is None:
            self.transport.close()
            self.done()
            return
        self.begun = perf_counter_ns()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self.found = found = self.found + data if self.found else data
        head = found.find(END)
        if head < 0:
            return
        at = found.index(LENGTH) + len(LENGTH)
        if len(found) < head + len(END) + int(found[at : found.index(b"\r", at)]):
            return
        self.times.append(perf_counter_ns() - self.begun)
        if not found.startswith(b"HTTP/1.1 200") or self.want not in found:
            raise RuntimeError(f"the benchmark expects grants only, found {found!r}")
        self.found = b""
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """By us when all is asked; before that it is an error."""
        self.done()

    def done(self) -> None:
        """It asks no more."""
        if not self.ended.done():
            self.ended.set_result(None)


def bodies(told: dict[str, Any]) -> list[bytes]:
    """What is sent: one decision a request, or so many."""
    asked = [one.words() for one in requests(told["count"], told["accounts"], told["seed"])]
    together = told["together"]
    if together == 1:
        return [json.dumps(one).encode() for one in asked]
    return [json.dumps({"requests": asked[at : at + together]}).encode() for at in range(0, len(asked), together)]


async def run(told: dict[str, Any]) -> dict[str, float]:
    """One run: decisions a second, percentiles in milliseconds, and the processor time of one in microseconds."""
    loop = asyncio.get_running_loop()
    head = f"POST {told['path']} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    made = [head.encode() + str(len(body)).encode() + END + body for body in bodies(told)]
    waiting, times = iter(made), list[int]()
    asking = []
    for _ in range(told["connections"]):
        one = Asking(waiting, told["want"].encode(), times, loop.create_future())
        one.transport, _ = await loop.create_connection(lambda one=one: one, "127.0.0.1", told["port"])
        asking.append(one)
    begun, busy = perf_counter(), process_time()
    for one in asking:
        one.ask()
    await asyncio.gather(*(one.ended for one in asking))
    took, busy = perf_counter() - begun, process_time() - busy
    if len(times) != len(made):
        raise RuntimeError(f"the benchmark expects {len(made)} answers, found {len(times)}")
    found = {f"p{percent}": percentile(times, percent) / 1e6 for percent in (50, 95, 99)}
    return {**found, "rate": told["count"] / took, "own": busy / told["count"] * 1e6, "busy": busy / took}


def main() -> None:
    """One run for each line."""
    for line in sys.stdin:
        print(json.dumps(uvloop.run(run(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
