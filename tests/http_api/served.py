"""`spillover serve` as a process of its own, and a client that says no more than it is told."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from spillover.http_api.endpoint import Endpoint

PROGRAM = [sys.executable, "-c", "from spillover.cli.main import main; main()"]
SECONDS = 60


class Got(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Served:
    """A service of its own over a database in a folder, until it is left."""

    def __init__(self, folder: Path, *options: str, db: str = "", policy: str = "") -> None:
        self.folder, self.port = folder, free_port()
        self.errors = folder / "errors.txt"
        db = db or f"sqlite:///{folder / 'served.db'}"
        flags = ["--db", db, "--port", str(self.port), *options]
        if policy:
            (folder / "policy.yaml").write_text(policy)
            flags += ["--policy", str(folder / "policy.yaml")]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", *flags], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
            )
        self.said = self.process.stdout.readline()
        if not self.said.startswith("listening on "):
            self.process.kill()
            self.process.wait()
            raise AssertionError(self.said + self.errors.read_text())

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, how: int = signal.SIGTERM) -> int:
        """The status with which it ended."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.said += self.process.communicate(timeout=SECONDS)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Got:
        """One request; a body that is no bytes is sent as JSON. Names of headers are written with _ for -."""
        connection = self.connection()
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, sent, named)
            answer = connection.getresponse()
            return Got(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def post(self, verb: str, body: Any, **headers: str) -> Got:
        return self.ask("POST", f"/v1/{verb}", body, **headers)

    def get(self, verb: str, headers: dict[str, str] | None = None, **query: Any) -> Got:
        return self.ask("GET", f"/v1/{verb}?{query_of(query)}", **(headers or {}))

    def try_example(self, endpoint: Endpoint, example: dict[str, Any], **headers: str) -> Got:
        """The example of an endpoint, as the table has it."""
        if endpoint.method == "GET":
            query = query_of(example)
            return self.ask("GET", f"{endpoint.url}?{query}" if query else endpoint.url, **headers)
        media = endpoint.bodies[0] if endpoint.raw else "application/json"
        return self.ask("POST", endpoint.url, example, **{"Content-Type": media, **headers})

    def raw(self, sent: bytes) -> socket.socket:
        """A connection on which these bytes were sent, and nothing more."""
        found = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        found.sendall(sent)
        return found


def query_of(values: dict[str, Any]) -> str:
    pairs = []
    for name, value in values.items():
        if isinstance(value, dict):
            pairs += [(f"{name}[{key}]", each) for key, each in value.items()]
        else:
            pairs += [(name, each) for each in (value if isinstance(value, list) else [value])]
    return urlencode(pairs)


def environment() -> dict[str, str]:
    """None of the developer's own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SPILLOVER_")}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
