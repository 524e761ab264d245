"""Engines and settlers in processes of their own, all at work at once, to be killed, stopped and counted."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.shop import NAMES, Where, check_sound
from tests.servers.keeper import signalled
from tests.servers.process import wait_for

ROOT = Path(__file__).parents[2]
WAIT = 60.0


class Person:
    """One process and what it wrote."""

    def __init__(self, pid: int, notes: Path) -> None:
        self.pid, self.notes = pid, notes

    def lines(self, mark: str) -> list[str]:
        """What it wrote behind that mark; a last line that was cut short is none."""
        text = self.notes.read_text() if self.notes.exists() else ""
        return [line[2:] for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith(f"{mark} ")]

    @property
    def alive(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        signalled(self.pid, signal.SIGKILL)
        wait_for(lambda: not self.alive, f"found process {self.pid} after SIGKILL")

    def stop(self) -> None:
        """It stands still until `go_on`."""
        signalled(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        signalled(self.pid, signal.SIGCONT)


class People:
    """Started one by one over one place; see `tests.faults.engines` for what they do."""

    def __init__(self, folder: Path, where: Where) -> None:
        self.where, self._folder, self.all = where, folder, list[Person]()
        self._numbers = itertools.count(1)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        self._forker = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.engines"], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def engine(self, **options: Any) -> Person:
        """A client with an engine of its own."""
        return self._start("engine", {"accounts": NAMES} | options)

    def settler(self, **options: Any) -> Person:
        """One that books what the others decide."""
        return self._start("settler", options)

    def _start(self, role: str, options: dict[str, Any]) -> Person:
        name = f"{role}{next(self._numbers)}"
        notes = self._folder / f"{name}.notes"
        task = {"role": role, "url": self.where.line, "notes": str(notes), "name": name} | options
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        print(json.dumps(task), file=self._forker.stdin, flush=True)
        self.all.append(Person(int(self._forker.stdout.readline()), notes))
        return self.all[-1]

    def told(self) -> dict[str, int]:
        """Key -> units granted, of all answers that were written down."""
        found: dict[str, int] = {}
        for line in (line for person in self.all for line in person.lines("!")):
            key, units = line.rsplit(" ", 1)
            found[key] = int(units)
        return found

    def asked(self) -> set[str]:
        """Every key that was sent."""
        return {line for person in self.all for line in person.lines("?")}

    def settled(self) -> int:
        """How many events the settlers say they booked."""
        return sum(int(line) for person in self.all for line in person.lines("s"))

    def wait_for_more(self, answers: int = 0, settled: int = 0) -> None:
        """Until so many more answers were written down, and so many more events were settled."""
        told, done = len(self.told()), self.settled()
        wait_for(
            lambda: self.failed() or (len(self.told()) >= told + answers and self.settled() >= done + settled),
            f"found fewer than {answers} further answers, or {settled} events settled", WAIT,
        )  # fmt: skip
        assert not self.failed()

    def failed(self) -> list[str]:
        """What processes died of that nobody killed."""
        return [line for person in self.all for line in person.lines("x")]

    def finish(self) -> None:
        """All end when they have their answers."""
        for person in self.all:
            signalled(person.pid, signal.SIGCONT)
            signalled(person.pid, signal.SIGTERM)
        for person in self.all:
            wait_for(lambda person=person: not person.alive, f"found {person.notes.stem} still asking", WAIT)
        assert not self.failed()

    def check(self, *others: str) -> int:
        """All end; then the books must be right. How many answers there were. `others`: keys that others asked for."""
        self.finish()
        told = self.told()
        check_sound(self.where, told, self.asked() | set(others))
        return len(told)

    def close(self) -> None:
        for person in self.all:
            signalled(person.pid, signal.SIGKILL)
        self._forker.communicate(timeout=WAIT)


@contextmanager
def people(folder: Path, where: Where) -> Iterator[People]:
    """Nobody yet; whoever is left at the end is killed."""
    found = People(folder, where)
    try:
        yield found
    finally:
        found.close()
