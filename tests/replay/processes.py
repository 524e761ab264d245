"""Replays in processes of their own: started, killed at a chosen moment, and what they said before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.replay.support import ROOT, Bench, url_of


class Run:
    """A running `tests.replay.child`. It says what it answered into a file, so that it never waits for a reader."""

    def __init__(self, bench: Bench, path: Path | Place, **options: Any) -> None:
        files = {"trace": str(bench.trace), "map": str(bench.map), "policy": str(bench.policy)}
        name = path.name if isinstance(path, Path) else path.rung
        folder = path.parent if isinstance(path, Path) else bench.policy.parent
        if isinstance(path, Place) and folder.is_relative_to(EXAMPLES):
            folder = Path(tempfile.mkdtemp(prefix="replayed-"))
        self._said = folder / f"{name}-said-{options.get('part', '').replace('/', '-of-')}"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        command = [sys.executable, "-m", "tests.replay.child", json.dumps(files | {"url": url_of(path), **options})]
        with self._said.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output)

    def finish(self) -> dict[str, Any]:
        """Wait for its end; its summary."""
        try:
            assert self._process.wait(600) == 0
        finally:
            self._process.kill()
        summary: dict[str, Any] = json.loads(self._said.read_bytes().splitlines()[-1])
        return summary

    def kill(self) -> set[tuple[str, str]]:
        """End it at once (SIGKILL); account and key of all grants that it had answered."""
        self._process.kill()
        self._process.wait()
        lines = self._said.read_text().split("\n")[:-1]  # the last has no end
        return {(who, key) for line in lines if line and line[0] != "{" for who, key in [line.split("\t")]}
