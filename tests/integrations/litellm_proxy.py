"""LiteLLM's real proxy in a process of its own, from the environment of `make litellm`, on the example's files."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "litellm_proxy"
PROGRAM = ROOT / ".venv-litellm" / "bin" / "litellm"
READY_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120, 30, 60


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Proxy:
    """A proxy that is starting. `where`: its folder, with what it writes in `log`."""

    def __init__(self, where: Path, upstream: str, **environment: str) -> None:
        if not PROGRAM.exists():
            pytest.fail(f"found no {PROGRAM.relative_to(ROOT)}; make it with: make litellm")
        shutil.copytree(EXAMPLE, where, dirs_exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        more = {
            "UPSTREAM_URL": upstream, "UPSTREAM_KEY": "none", "LITELLM_MASTER_KEY": "sk-" + "0f" * 24,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True",
        }  # fmt: skip
        self.log = where / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)],
                cwd=where, env={**kept, **more, **environment}, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask("GET", "/health/readiness", {}).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"the proxy does not answer:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def send(self, method, path, body, key="sk-acme-0001", **headers):
        """The connection on which an answer will come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        heads = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, json.dumps(body) if body else None, heads | named)
        return connection

    def ask(self, method, path, body, **more):
        connection = self.send(method, path, body, **more)
        try:
            answer = connection.getresponse()
            heads = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, heads, answer.read())
        finally:
            connection.close()

    def chat(self, model="gpt-4o", *, key="sk-acme-0001", heads=None, **options):
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **options}
        return self.ask("POST", "/v1/chat/completions", body, key=key, **(heads or {}))

    def post(self, path, **body):
        return self.ask("POST", path, body)


@contextmanager
def proxies(*started: Proxy):
    """Wait for all, and stop all, whatever happens."""
    try:
        for one in started:
            one.wait()
        yield
    finally:
        for one in started:
            one.stop()
