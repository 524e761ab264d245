"""Processes that a test may kill or stop: `python -m tests.faults.engines` forks one for each line of its input.

A line is JSON: `role` ("engine", "settler") and what that function takes; the answer is the process's id. An engine
writes each key to its file before it asks, and each answer before it goes on: "? KEY" and "! KEY UNITS". At SIGTERM it
ends when it has an answer to all that it asked. A settler writes "s COUNT" for each step that moved something.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeVar

import spillover
from spillover.access.clock import system_clock
from spillover.access.plain import Access
from spillover.bootstrap import working
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import read_document
from spillover.bootstrap.rungs import FileClaims, open_rung
from spillover.core.decide import hold_id
from spillover.engine.holding import end_key
from spillover.ledgers.postgres import PostgresClaims
from spillover.model.errors import SpilloverError, StoreError

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that a client tries again before it gives up, which fails the test."""
REST = 0.02


class Notes:
    """What this process was told, in a file that outlives it."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


class Engine:
    """A client with an engine of its own, that asks again under the same key until it is answered."""

    def __init__(self, notes: Notes, name: str, accounts: list[str], **options: Any) -> None:
        self.notes, self.name, self.accounts, self.pick = notes, name, accounts, Random(name)
        self.ending = False
        signal.signal(signal.SIGTERM, self._end)
        self.access: Access = self.patiently(lambda: spillover.connect(**options))

    def _end(self, *_: object) -> None:
        self.ending = True

    def patiently(self, ask: Callable[[], T]) -> T:
        """The answer, however often the server is away meanwhile."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except StoreError:
                if time.monotonic() > until:
                    raise
                time.sleep(REST)

    def work(self) -> None:
        for turn in itertools.count():
            if self.ending:
                break
            key = f"{self.name}.{turn}"
            (self.hold if self.pick.random() < 0.3 else self.batch)(key)
        self.patiently(self.access.close)

    def batch(self, key: str) -> None:
        """Several requests at once; those that met an error are sent again."""
        asks: list[dict[str, Any]] = [
            {
                "account": self.pick.choice(self.accounts), "feature": self.pick.choice(["video", "video", "chat"]),
                "usage": self.pick.choice([1, 1, 2, 7]), "key": f"{key}.{number}",
            } for number in range(self.pick.choice([1, 2, 8]))
        ]  # fmt: skip
        for ask in asks:
            if ask["feature"] == "chat":
                ask["usage"] = 1
            self.notes.write(f"? {ask['key']}")
        while asks:
            asks = self.patiently(partial(self._answered, asks))
            if asks:
                time.sleep(REST)

    def _answered(self, asks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left = []
        for ask, answer in zip(asks, self.access.consume_many(asks), strict=True):  # type: ignore[arg-type]
            if isinstance(answer, SpilloverError):
                left.append(ask)
            else:
                self.notes.write(f"! {ask['key']} {answer.granted}")
        return left

    def hold(self, key: str) -> None:
        """Opened, and committed or released."""
        account, estimate = self.pick.choice(self.accounts), self.pick.choice([2, 5])
        for one in (key, end_key(hold_id(key), "end"), end_key(hold_id(key), "late")):
            self.notes.write(f"? {one}")
        opened = self.patiently(lambda: self.access.open_hold(account, "video", estimate, key=key))
        self.notes.write(f"! {key} {opened.granted}")
        if not opened:
            return
        usage, gives_up = self.pick.choice([1, estimate, estimate + 3]), self.pick.random() < 0.3
        verb = self.access.holds.release if gives_up else self.access.holds.commit
        more = {} if gives_up else {"usage": usage}
        ended = self.patiently(lambda: verb(account, key, **more))  # type: ignore[operator]
        self.notes.write(f"! {end_key(hold_id(key), 'late' if ended.late else 'end')} {ended.granted}")


def engine(url: str, notes: str, name: str, accounts: list[str], **options: Any) -> None:
    """See the head of this file."""
    Engine(Notes(notes), name, accounts, url=url, **{"settle": False} | options).work()


def settler(url: str, notes: str, name: str, lasts: int = 500, batch: int = 0, tend: bool = True) -> None:
    """Settles as `spillover settle --follow` does, with claims that end soon (`lasts` ms) after it was killed."""
    told, address = Notes(notes), address_of(url)
    working.CLAIM_SECONDS = lasts / 3000
    until = time.monotonic() + PATIENCE
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(1))

    def open_() -> working.Rung:
        rung = open_rung(address, "strict", 5_000)
        return working.Rung(rung.store, rung.ledger, batch or rung.batch)

    work: working.Working | None = None
    while not ending:
        try:
            if work is None:
                work = _worker(url, name, lasts, open_, tend)
            if done := work.step().done:
                told.write(f"s {done}")
            else:
                time.sleep(REST)
            until = time.monotonic() + PATIENCE
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(REST)


def _worker(url: str, name: str, lasts: int, open_: Callable[[], working.Rung], tend: bool) -> working.Working:
    address = address_of(url)
    claims = FileClaims(address.hot) if address.path else PostgresClaims(address.books, name, lasts=lasts)
    with spillover.connect(url, settle=False) as access:
        policy = access.policy
    return working.Working(open_, claims, lambda: policy, system_clock, read_document, tend=tend)


ROLES: dict[str, Callable[..., None]] = {"engine": engine, "settler": settler}


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            ROLES[task.pop("role")](**task)
        except BaseException:
            Notes(task["notes"]).write("x " + traceback.format_exc().replace("\n", " | "))
        os._exit(0)


if __name__ == "__main__":
    main()
