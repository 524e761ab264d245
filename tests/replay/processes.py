"""Replays in processes of their own: started, killed at a chosen moment, and what they said before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.replay.support import ROOT, Bench, url_of
from tests.rungs.opening import Place


class Run:
    """A running `tests.replay.child`. It says what it answered into a file, so that it never waits for a reader."""

    def __init__(self, bench: Bench, path: Path | Place, **options: Any) -> None:
        files = {"trace": str(bench.trace), "map": str(bench.map), "policy": str(bench.policy)}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        command = [sys.executable, "-m", "tests.replay.child", json.dumps(files | {"url": url_of(path), **options})]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self._said)

    def finish(self) -> dict[str, Any]:
        """Wait for its end; its summary."""
        try:
            assert self._process.wait(600) == 0
        finally:
            self._process.kill()
        summary: dict[str, Any] = json.loads(self._all_said().splitlines()[-1])
        return summary

    def kill(self) -> set[tuple[str, str]]:
        """End it at once (SIGKILL); account and key of all grants that it had answered."""
        self._process.kill()
        self._process.wait()
        lines = self._all_said().decode().split("\n")[:-1]  # the last has no end
        return {(who, key) for line in lines if line and line[0] != "{" for who, key in [line.split("\t")]}

    def _all_said(self) -> bytes:
        with self._said as file:
            file.seek(0)
            return file.read()
