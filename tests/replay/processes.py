"""Replays in processes of their own: started, killed at a chosen moment, and what they said before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.replay.support import ROOT, Bench, url_of


def start(bench: Bench, path: Path, **options: Any) -> subprocess.Popen[bytes]:
    arguments = {
        "trace": str(bench.trace), "map": str(bench.map), "policy": str(bench.policy), "url": url_of(path), **options,
    }  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-m", "tests.replay.child", json.dumps(arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for its end; its summary."""
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    summary: dict[str, Any] = json.loads(said.splitlines()[-1])
    return summary


def kill(process: subprocess.Popen[bytes]) -> set[tuple[str, str]]:
    """End it at once (SIGKILL); account and key of all grants that it had answered."""
    process.kill()
    said, _ = process.communicate()
    lines = said.decode().split("\n")[:-1]  # the last has no end
    return {(who, key) for line in lines if line and line[0] != "{" for who, key in [line.split("\t")]}
