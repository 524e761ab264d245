"""Work that takes long, done by a process of its own, so that decisions go on: one at a time of each sort.

The process ends with whoever asked, however that one ends: it listens to a pipe that only the asking process holds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import traceback
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Thread

import msgspec

from spillover.http_api.problems import TYPE, Problem, Refused, problem_of
from spillover.model.errors import BoundExceeded, Fault, SpilloverError, StoreUnavailable

LOG = logging.getLogger("spillover.http")
Work = Callable[[bytes], bytes]
"""From a question to an answer, both JSON: a function that stands in a module under its own name."""
ANSWER, PROBLEM, FAULT = b"A", b"P", b"F"
"""The first byte that the process says: what follows is the answer, a problem, or what only a log is told."""
LENGTH = 8
NICE = 10
"""How far it stands back behind decisions for the processor."""
_BOOT = f"import sys; sys.path[:] = sys.argv.pop(1).split({os.pathsep!r}); from {__name__} import main; main()"
_encode = msgspec.json.Encoder().encode
_problem = msgspec.json.Decoder(Problem).decode


class Apart:
    """One sort of work. Used by one loop."""

    def __init__(self, work: Work, what: str, seconds: float, advice: str, **always: object) -> None:
        """`what` it is and what to do if it takes longer than `seconds`, for people; `always`: part of each question,
        which no arguments of a process show, for it may hold a password."""
        self._name, self._what = f"{work.__module__}:{work.__name__}", what
        self._seconds, self._advice, self._always = seconds, advice, always
        self._busy = self._closed = False
        self._process: Process | None = None

    async def ask(self, **words: object) -> bytes:
        """The answer. Raises Refused while another is under way and for what the work refuses, BoundExceeded where it
        takes too long, Fault, StoreUnavailable once this is closed."""
        if self._closed:
            raise StoreUnavailable(f"{self._what}: found the service stopping, expected it to run; ask another")
        if self._busy:
            raise Refused("busy", f"{self._what}: found one under way, expected none; ask again when it has ended")
        self._busy = True
        try:
            async with asyncio.timeout(self._seconds):
                return _read(self._what, await self._said(_encode({**self._always, **words})))
        except TimeoutError:
            most = int(self._seconds)
            raise BoundExceeded(f"seconds of {self._what}", most + 1, most, self._advice) from None
        finally:
            self._busy, self._process = False, None

    async def _said(self, question: bytes) -> bytes:
        command = (sys.executable, "-c", _BOOT, os.pathsep.join(sys.path), self._name)
        process = self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if self._closed:  # while it was started, when there was nothing yet to end
                return b""
            with suppress(ConnectionError):  # one that ended at once says so by saying nothing
                process.stdin.write(len(question).to_bytes(LENGTH) + question)
                await process.stdin.drain()
            said = await process.stdout.read()
            return said if await process.wait() == 0 else b""
        finally:
            self.end()
            await process.wait()

    def end(self) -> None:
        """End what is under way: who asked for it is told a fault."""
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()

    def close(self) -> None:
        """End what is under way, and begin nothing more."""
        self._closed = True
        self.end()


def _read(what: str, said: bytes) -> bytes:
    """What a process said. Raises what it failed with."""
    sort, rest = said[:1], said[1:]
    if sort == ANSWER:
        return rest
    if sort == PROBLEM:
        told = _problem(rest)
        raise Refused(told.type.removeprefix(TYPE), told.detail, told.field or "")
    why = rest.decode("utf-8", "replace") if sort == FAULT else "its process was ended; is there enough memory?"
    LOG.error("%s failed: %s", what, why)
    raise Fault(f"{what}: found that it failed, expected it to come to its end; the log says more")


def main() -> None:
    """The process; not for people."""
    with suppress(OSError):
        os.nice(NICE)
    question = _exactly(int.from_bytes(_exactly(LENGTH)))
    Thread(target=_end_with_who_asked, daemon=True).start()
    module, _, name = sys.argv[1].partition(":")
    said = _done(getattr(import_module(module), name), question)
    with os.fdopen(1, "wb") as out:
        out.write(said)
    os._exit(0)  # a thread waits for the pipe


def _done(work: Work, question: bytes) -> bytes:
    try:
        return ANSWER + work(question)
    except SpilloverError as error:
        return PROBLEM + _encode(problem_of(error))
    except Exception:
        return FAULT + traceback.format_exc(limit=-3).encode()


def _exactly(count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = os.read(0, count - len(found))
        if not part:
            os._exit(1)
        found += part
    return found


def _end_with_who_asked() -> None:
    os.read(0, 1)
    os._exit(1)
