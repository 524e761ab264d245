"""Real writers in processes of their own, to be killed, stopped and counted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Writer:
    """A running `tests.faults.writer`."""

    def __init__(self, path: Path, name: str, durability: str, batch: int, ahead: int) -> None:
        self.name = name
        command = [sys.executable, "-m", "tests.faults.writer", str(path), durability, name, f"{batch}", f"{ahead}"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> list[int]:
        """End it at once (SIGKILL); what it had said: the number of items answered after each batch."""
        self.process.kill()
        said, _ = self.process.communicate()
        lines = said.split("\n")
        return [int(line) for line in lines[:-1] if line.isdigit()]  # the last may be cut short


@contextmanager
def writers(
    path: Path, names: Sequence[str], durability: str = "strict", batch: int = 8, ahead: int = 1
) -> Iterator[list[Writer]]:
    """Writers that are ready and wait for `go`; killed at the end."""
    started = [Writer(path, name, durability, batch, ahead) for name in names]
    try:
        for writer in started:
            writer.wait_ready()
        yield started
    finally:
        for writer in started:
            if writer.process.poll() is None:
                writer.process.kill()
            writer.process.communicate()
