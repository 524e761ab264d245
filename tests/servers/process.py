"""One server process on loopback: start, kill, stop, start again on the same data, pause."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from tests.servers.keeper import children, give_back_memory, keeping, kill_all, signalled

T = TypeVar("T")
STARTING = 20.0
"""Seconds that a server may take to answer, or to end."""
POLL = 0.005


class ServerError(RuntimeError):
    """A server that is not there, or does not start: never a reason to skip a test."""


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = STARTING) -> T:
    """The first answer that is neither None nor False. Raises ServerError with `what` when the time is over."""
    until = time.monotonic() + seconds
    while True:
        if (found := condition()) is not None and found is not False:
            return found
        if time.monotonic() > until:
            raise ServerError(f"{what}, expected within {seconds:g} s")
        time.sleep(POLL)


_given = set[int]()


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to clients (one of them could take it later)."""
    for _ in range(1000):
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise ServerError("found no free port of 127.0.0.1 from 12000 to 32000")


class Server(ABC):
    """A server of its own, started when it is entered or by `start`, gone with its data when it is left.

    `config`: its settings, read at each start. `data`: its folder.
    """

    name: str
    user: int | None = None
    group: int | None = None

    def __init__(self, binary: Path, config: dict[str, str]) -> None:
        self.binary, self.config, self.port = binary, config, free_port()
        self.data = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=keeping().folder))
        self.log = self.data.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it serves by now."""

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it, on the data of before, and wait until it answers. Raises ServerError with the end of its log."""
        if self.running:
            return self
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data,
                start_new_session=True, user=self.user, group=self.group,
                extra_groups=None if self.user is None else [],
            )  # fmt: skip
        keeping().began(self.pid)
        try:
            wait_for(lambda: not self.running or self._answers(), f"found no answer on port {self.port}")
        except BaseException as error:
            self.kill()
            if isinstance(error, ServerError):
                raise ServerError(f"{self.name}: {error}; its log: {self._log_end()}") from error
            raise
        if not self.running:
            raise ServerError(f"{self.name}: found it ended at its start, expected it to serve; {self._log_end()}")
        return self

    def kill(self) -> None:
        """SIGKILL, and wait until the whole of it is gone. What it had not written is lost."""
        if self._process is None or not self.running:
            return
        family = kill_all(self.pid)
        self._process.wait(STARTING)
        wait_for(lambda: not any(map(_alive, family)), f"{self.name}: found its processes after SIGKILL")
        keeping().ended(self.pid)

    def stop(self) -> None:
        """Ask it to end, and wait until it did; the data stay for `start`."""
        if self._process is None or not self.running:
            return
        self.resume()
        self._process.send_signal(self._stopping)
        try:
            self._process.wait(STARTING)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name}: found it running, expected it to end; killed it") from None
        keeping().ended(self.pid)

    _stopping = signal.SIGTERM

    def restart(self) -> None:
        """A clean restart on the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: it takes connections and answers nothing, until `resume`."""
        for pid in (self.pid, *children(self.pid)):
            signalled(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in (*children(self.pid), self.pid):
            signalled(pid, signal.SIGCONT)

    def close(self) -> None:
        """End it at once and forget its data. Safe to repeat."""
        self.kill()
        give_back_memory(self.data)
        shutil.rmtree(self.data, ignore_errors=True)
        self.log.unlink(missing_ok=True)

    def _log_end(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return " | ".join(text.strip().splitlines()[-6:]) or "(empty)"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()


def _alive(pid: int) -> bool:
    # A child of a killed server is a zombie until init takes it in: it holds nothing any more.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return _exists(pid) and not Path("/proc/self").exists()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
