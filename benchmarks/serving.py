"""Decisions over HTTP, from one SQLite file, beside an echo on the same server: bare, of the same bytes.

`spillover serve` as it is: strict, with settlement in the background. The load comes from a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.scenario import Files, once_each
from benchmarks.settings import Settings

CONNECTIONS = (1, 32, 256)
TOGETHER = 100
WARM_AT_ONCE = 500
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
SERVE = [sys.executable, "-c", "from spillover.cli.main import main; main()", "serve", "--log-level", "warning"]
PARTS = {"loop": "HTTP, on the loop", "others": "the engine and booking"}
HALF = Aim("ratio", 0.5, "at least")


class Run(NamedTuple):
    """One run: what the load found, and a processor's microseconds for a decision: of the thread of the loop, which
    speaks HTTP, and of the others, which decide and book, or are Granian's own."""

    found: dict[str, float]
    loop: float
    others: float

    @property
    def processor(self) -> float:
        """Of all threads."""
        return self.loop + self.others


class Server(NamedTuple):
    """A server that runs: what is asked of it, and what each good answer holds."""

    pid: int
    port: int
    want: str
    settles: bool = False


def measure(settings: Settings, files: Files) -> Group:
    """Each number of connections in turn: the service, and both echoes."""
    path = files.copy()
    try:
        with ExitStack() as open_, Load(settings) as load:
            service = open_.enter_context(_service(path))
            told = _warm(service, files.accounts)
            echoes = {name: open_.enter_context(_echo(name, told)) for name in ("rsgi", "asgi")}
            contestants: dict[str, Callable[[], Run]] = {}
            for connections in CONNECTIONS:
                for name, server in {"service": service, **echoes}.items():
                    contestants[f"{name} {connections}"] = partial(load.run, server, connections)
            contestants["many"] = partial(load.run, service, 4, TOGETHER)
            found = in_turn(settings.rounds, contestants)
    finally:
        files.remove(path)
    return Group("http: decisions of `spillover serve` on one SQLite file", _figures(found), _about(found, told))


def _figures(found: dict[str, list[Run]]) -> list[Figure]:
    figures = []
    for connections in CONNECTIONS:
        mine, rsgi, asgi = (found[f"{name} {connections}"] for name in ("service", "rsgi", "asgi"))
        at = f"{connections} connection{'s' if connections > 1 else ''}"
        figures.append(Figure(f"{at}: decisions", "/s", _of(mine, "rate"), "RSGI echo", _of(rsgi, "rate"), (HALF,)))
        figures.append(Figure(f"{at}: decisions", "/s", _of(mine, "rate"), "ASGI echo", _of(asgi, "rate"), (HALF,)))
        for name in ("p50", "p95", "p99"):
            figures.append(Figure(f"{at}: {name}", "ms", _of(mine, name), "RSGI echo", _of(rsgi, name)))
        figures.append(
            Figure(f"{at}: processor time of one", "us", [run.processor for run in mine], "RSGI echo",
                   [run.processor for run in rsgi])
        )  # fmt: skip
        for part in ("loop", "others"):
            figures.append(
                Figure(f"{at}: of which {PARTS[part]}", "us", [getattr(run, part) for run in mine], "RSGI echo",
                       [getattr(run, part) for run in rsgi])
            )  # fmt: skip
    many, one = found["many"], found[f"service {CONNECTIONS[1]}"]
    beside = f"one a request, {CONNECTIONS[1]} connections"
    figures.append(
        Figure(f"consume-many, {TOGETHER} at once: decisions", "/s", _of(many, "rate"), beside, _of(one, "rate"))
    )
    figures.append(
        Figure(
            f"consume-many, {TOGETHER} at once: processor time of one", "us", [run.processor for run in many], beside,
            [run.processor for run in one],
        )
    )  # fmt: skip
    return figures


def _of(runs: list[Run], name: str) -> list[float]:
    return [run.found[name] for run in runs]


def _about(found: dict[str, list[Run]], told: _Answer) -> str:
    own = {name: median(_of(runs, "own")) for name, runs in found.items()}
    busiest = max(median(_of(runs, "busy")) for runs in found.values())
    return (
        f"Strict, settlement at work, a key for each request; it is waited for what is to be booked before the next"
        f" one's turn. Echo: the same Granian, embedded, the same {len(told.body)} bytes and headers in its answers."
        f" The load: one process, {min(own.values()):.0f} to {max(own.values()):.0f} us of a processor for a request,"
        f" at most {busiest:.0%} of a core; server and load share {os.cpu_count()} cores. HTTP: the thread of the loop."
        f" The engine and booking: all other threads, Granian's network too, which is all that they are of an echo."
    )


class Load:
    """The process that asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._seeds = settings, count(1_000)

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving_load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")

    def run(self, server: Server, connections: int, together: int = 1) -> Run:
        """One run. It ends when all is answered, and what was decided is booked."""
        asking, telling = self._process.stdin, self._process.stdout
        assert asking is not None
        assert telling is not None
        asked = self._settings.alone * 4 if connections == 1 else self._settings.decisions
        told = {
            "port": server.port, "path": "/v1/consume" if together == 1 else "/v1/consume-many", "want": server.want,
            "connections": connections, "together": together, "accounts": self._settings.accounts,
            "seed": next(self._seeds), "count": asked,
        }  # fmt: skip
        before = _spent(server.pid)
        asking.write(json.dumps(told) + "\n")
        asking.flush()
        line = telling.readline()
        if not line:
            raise RuntimeError("the load ended; what it said stands above")
        if server.settles:
            _wait_until_booked(server)
        loop, others = (after - begun for after, begun in zip(_spent(server.pid), before, strict=True))
        return Run(json.loads(line), loop / asked, others / asked)


class _Answer(NamedTuple):
    headers: list[tuple[str, str]]
    body: str


@contextmanager
def _service(path: Path) -> Iterator[Server]:
    port = _free_port()
    with _process([*SERVE, "--db", f"sqlite:///{path}", "--port", str(port)], "") as pid:
        yield Server(pid, port, '"allowed":true', settles=True)


@contextmanager
def _echo(interface: str, told: _Answer) -> Iterator[Server]:
    port = _free_port()
    said = json.dumps({"interface": interface, "port": port, "headers": told.headers, "body": told.body})
    with _process([sys.executable, "-m", "benchmarks.serving_echo"], said + "\n") as pid:
        yield Server(pid, port, '"allowed":true')


@contextmanager
def _process(command: list[str], said: str) -> Iterator[int]:
    """A server, until it is left. It is there when it writes its first line."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SPILLOVER_")}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(said)
        process.stdin.flush()
        if not process.stdout.readline().startswith("listening"):
            raise RuntimeError("a server did not start; what it said stands above")
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def _warm(server: Server, accounts: int) -> _Answer:
    """Teach the engine all accounts. An answer as they are, for the echoes to give."""
    asked = [one.words() for one in once_each(accounts, 9)]
    for at in range(0, len(asked), WARM_AT_ONCE):
        _ask(server, "POST", "/v1/consume-many", {"requests": asked[at : at + WARM_AT_ONCE]})
    headers, body = _ask(server, "POST", "/v1/consume", asked[0] | {"key": f"{0:032x}"})
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "date", "server")]
    return _Answer(kept, body)


def _wait_until_booked(server: Server) -> None:
    while not re.search(r"^spillover_unsettled_events 0", _ask(server, "GET", "/metrics")[1], re.MULTILINE):
        time.sleep(0.02)


def _ask(server: Server, method: str, path: str, body: Any = None) -> tuple[list[tuple[str, str]], str]:
    connection = HTTPConnection("127.0.0.1", server.port)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.getheaders(), answer.read().decode()
    finally:
        connection.close()


def _spent(pid: int) -> tuple[float, float]:
    """Microseconds of a processor that the main thread has spent so far, and all others."""
    loop, whole = (_ticks(Path(f"/proc/{pid}{part}/stat")) for part in (f"/task/{pid}", ""))
    return loop, whole - loop


def _ticks(path: Path) -> float:
    return sum(int(word) for word in path.read_text().rpartition(")")[2].split()[11:13]) * 1e6 / CLOCK_TICKS


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
