"""Several processes on one audit. They are plain programs, so the caller's own module is never run again in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

from spillover.audit.part import Part
from spillover.audit.worker import Answer, Request, answer_of, line_of
from spillover.model.errors import StoreError

_BOOT = "import sys; sys.path[:] = sys.argv.pop(1).split({!r}); from spillover.audit.worker import main; main()"


class Worker:
    """One process; what it says comes through a thread of its own."""

    def __init__(self, source: str, said: SimpleQueue[tuple[Worker, Answer | None]]) -> None:
        """The source is told in a request, for it may hold a password, and arguments are for everyone to see."""
        self._said = said
        boot = _BOOT.format(os.pathsep)
        command = [sys.executable, "-c", boot, os.pathsep.join(sys.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._ear = Thread(target=self._listen, name="spillover-audit", daemon=True)
        self._ear.start()
        self.ask(Request(open=source))

    def ask(self, request: Request) -> None:
        """Send a request. A worker that has ended says so by itself."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line_of(request) + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._said.put((self, answer_of(line)))
        finally:
            self._said.put((self, None))

    def end(self) -> None:
        """No more requests; it ends by itself, or is ended."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ear.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Crew:
    """Workers on one database, all at one moment."""

    def __init__(self, place: str, source: str, count: int) -> None:
        """`source`: by which each opens the books; `place` is how messages call them."""
        self._place = place
        self._said: SimpleQueue[tuple[Worker, Answer | None]] = SimpleQueue()
        self._workers = [Worker(source, self._said) for _ in range(count)]

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()

    def ready(self) -> None:
        """All of them have opened the books."""
        for _ in self._workers:
            self._hear()

    def begin(self, moment: str) -> None:
        """All of them stand at this moment."""
        for worker in self._workers:
            worker.ask(Request(begin=moment))
        for _ in self._workers:
            self._hear()

    def parts(self, ranges: Sequence[tuple[int, int]], moved: Callable[[int], None]) -> list[Part]:
        """What the ranges came to, in their order. Whoever is done takes the next one."""
        waiting = iter(enumerate(ranges))
        at: dict[Worker, int] = {}
        found: dict[int, Part] = {}

        def give(worker: Worker) -> None:
            if (one := next(waiting, None)) is not None:
                at[worker] = one[0]
                worker.ask(Request(*one[1]))

        for worker in self._workers:
            give(worker)
        while len(found) < len(ranges):
            worker, answer = self._hear()
            if answer.part is None:
                moved(answer.moved)
                continue
            found[at[worker]] = answer.part
            give(worker)
        return [found[index] for index in range(len(ranges))]

    def _hear(self) -> tuple[Worker, Answer]:
        worker, answer = self._said.get()
        if answer is None:
            raise StoreError(
                f"{self._place}: found that a process of the audit ended before its work was done, expected it to live;"
                " look for a lack of memory, then audit again, with processes=1 to spare it"
            )
        return worker, answer
