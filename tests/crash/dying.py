"""A process that is gone at one of its steps: a call of a port, a message to a server, a statement of SQLite.

A port's call and a message are two steps each, before and after; so a process can also die when a server has done what
it was told and nobody has heard of it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import apsw

from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.postgres.connection import Connection
from spillover.stores.postgres import PostgresHotStore
from spillover.stores.sqlite import SQLiteHotStore
from spillover.stores.valkey import ValkeyHotStore
from spillover.stores.valkey.link import Link

PORTS = (SQLiteHotStore, PostgresHotStore, ValkeyHotStore, SQLiteLedger, PostgresLedger)
DIED, FAILED = 77, 1
NEVER = 1 << 60


class Steps:
    """Counts steps once it is armed; at step number `at` the process is gone."""

    def __init__(self, at: int) -> None:
        self.at, self.count, self.armed = at, 0, False

    def __call__(self, *_: object) -> bool:
        if self.armed:
            if self.count == self.at:
                os._exit(DIED)
            self.count += 1
        return True

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a step before and one after."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*values: Any, **named: Any) -> Any:
                self()
                found = await function(*values, **named)
                self()
                return found

            return later

        @functools.wraps(function)
        def now(*values: Any, **named: Any) -> Any:
            self()
            found = function(*values, **named)
            self()
            return found

        return now

    def install(self) -> None:
        """Into this process, for good; before it opens anything."""
        for port in PORTS:
            for name, method in inspect.getmembers(port, inspect.iscoroutinefunction):
                if not name.startswith("_") and name != "close":
                    setattr(port, name, self.around(method))
        Connection.wait = self.around(Connection.wait)  # type: ignore[method-assign]
        Link.send = self.around(Link.send)  # type: ignore[method-assign]
        Link.receive = self.around(Link.receive)  # type: ignore[method-assign]
        apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", self))


def run_to_death(work: Callable[[Steps], None], at: int) -> tuple[bool, int]:
    """Run `work` in a child that dies at that step of what comes after `steps.armed = True`.

    Whether it died, and how many steps it took if it lived.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            steps = Steps(at)
            steps.install()
            work(steps)
            steps.armed = False
            os.write(write, b"%d" % steps.count)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(FAILED)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, DIED), "the child failed in another way"
    return status == DIED, int(said or 0)
