"""Watchers that die: `python -m tests.notices.watch_dying URL`.

For each line of numbers it starts as many watchers at once, each a process of its own that kills itself before that
step (a call to the books, or a statement of the office's transactions; 0: never). When all are gone it says, in the
same order, whether each `died` or was `done`: had looked until nothing was new.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from spillover.bootstrap.addresses import address_of
from spillover.notices.watching import Watcher
from spillover.ports import Ledger
from tests.notices.watch_books import look
from tests.office.support import office_at

DIED = 9


class Counted:
    """Whatever is called of this is a step."""

    def __init__(self, one: Any, step: Callable[[], None]) -> None:
        self._one, self._step = one, step

    def __getattr__(self, name: str) -> Any:
        self._step()
        return getattr(self._one, name)


class CountedDesk:
    """A desk whose statements are steps, and so is the commit."""

    def __init__(self, desk: Any, step: Callable[[], None]) -> None:
        self._desk, self._step = desk, step

    def read(self, work: Callable[[Any], Any]) -> Any:
        self._step()
        return self._desk.read(work)

    def write(self, work: Callable[[Any], Any]) -> Any:
        def counted(tables: Any) -> Any:
            done = work(Counted(tables, self._step))
            self._step()
            return done

        return self._desk.write(counted)


def ledger_at(url: str) -> Ledger:
    address = address_of(url)
    if address.path is not None:
        from spillover.ledgers.sqlite import SQLiteLedger

        return SQLiteLedger(address.path)
    from spillover.ledgers.postgres import PostgresLedger

    return PostgresLedger(address.books)


def watch(url: str, dies_at: int) -> None:
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == dies_at:
            os._exit(DIED)

    office: Any = office_at(url)
    office._desk = CountedDesk(office._desk, step)
    ledger: Any = Counted(ledger_at(url), step)
    look(Watcher(ledger, office, clock=lambda: 1, accounts=2, rows=7))


def started(url: str, dies_at: int) -> int:
    child = os.fork()
    if not child:
        code = 1
        try:
            watch(url, dies_at)
            code = 0
        finally:
            os._exit(code)
    return child


def main() -> None:
    url = sys.argv[1]
    print("ready", flush=True)
    for line in sys.stdin:
        children = [started(url, int(number)) for number in line.split()]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(*({DIED: "died", 0: "done"}.get(code, f"failed: {code}") for code in codes), flush=True)


if __name__ == "__main__":
    main()
