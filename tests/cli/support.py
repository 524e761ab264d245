"""A shop to run commands in, and what a command did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apsw
from click.testing import CliRunner

from spillover.cli.main import run as run_command

PROGRAM = [sys.executable, "-c", "from spillover.cli.main import main; main()"]


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    error: str

    @property
    def document(self) -> Any:
        """The one JSON document that it wrote."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """Its one line of error, of a command that was refused."""
        assert self.status == 2, self
        assert self.out == ""
        assert self.error.startswith("spillover: ")
        assert self.error.endswith("\n")
        assert self.error.count("\n") == 1
        return self.error.removeprefix("spillover: ").rstrip("\n")


def run(*args: str, given: str | None = None, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command in this process."""
    runner = CliRunner()
    with runner.isolation(input=given, env={"COLUMNS": None, "SPILLOVER_TRACEBACK": "1", **(environment or {})}) as (
        out,
        error,
        _,
    ):
        status = run_command(args)
    return Done(status, out.getvalue().decode(), error.getvalue().decode())


def launch(*args: str, where: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPILLOVER_", "COLUMNS"))}
    return subprocess.run(
        [*PROGRAM, *args],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def files_in(folder: Path) -> dict[str, int]:
    """The files of a folder with their sizes; the empty lock files that SQLite's turns leave do not count."""
    return {
        path.name: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size
    }


def everything_in(file: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    connection = apsw.Connection(str(file))
    try:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        ]
        return {name: list(connection.execute(f"SELECT * FROM {name}")) for name in names}
    finally:
        connection.close()
