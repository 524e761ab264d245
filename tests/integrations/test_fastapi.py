"""The dependency gives the decision or tells the end user why not; and the example, served by a real server."""

import asyncio
import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Header

import spillover
from spillover.integrations.fastapi import metered, tell_problems
from tests.http_api.served import environment, free_port
from tests.integrations.driven import ask, with_access

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app"
SECONDS = 60


def account(x_account: Annotated[str | None, Header()] = None) -> str | None:
    return x_account


def shop(access, **options) -> FastAPI:
    app = FastAPI()
    decided = metered(lambda: access, "clips", account=account, **options)

    @app.post("/clips")
    async def clips(decision: Annotated[spillover.Decision, Depends(decided)]) -> dict[str, str]:
        return {"paid": decision.sentence}

    return app


def test_the_dependency_gives_the_decision_and_tells_the_limits():
    async def scene(access):
        got = await ask(shop(access), "/clips", x_account="trial")
        assert (got.status, got.json) == (200, {"paid": "1 clip included"})
        assert got.headers["ratelimit"] == '"daily";r=1;t=54000'

    with_access(scene)


@pytest.mark.parametrize("whole", [False, True])
def test_a_denial_is_an_http_exception_with_the_problem_and_both_ways_out(whole):
    async def scene(access):
        app = shop(access)
        if whole:
            tell_problems(app)
        for status, key in ((200, "a"), (200, "a"), (200, "b"), (429, "c")):
            got = await ask(app, "/clips", x_account="trial", idempotency_key=key)
            assert got.status == status
        problem = got.json if whole else got.json["detail"]
        assert got.headers["content-type"] == "application/problem+json"
        assert got.headers["retry-after"] == "54000"
        assert (problem["violated-policies"], problem["opens_at"]) == (["daily"], "2026-03-03T00:00:00.000Z")
        got = await ask(app, "/clips", x_account="bare")
        problem = got.json if whole else got.json["detail"]
        assert (got.status, problem["unlock"]) == (402, "5 more credits unlock it")
        assert "retry-after" not in got.headers

    with_access(scene)


def test_nobody_is_403_a_broken_key_400_and_a_store_that_is_away_503():
    async def scene(access):
        app = shop(access)
        assert (await ask(app, "/clips")).status == 403
        assert (await ask(app, "/clips", x_account="trial", idempotency_key='"broken')).status == 400
        await access.close()
        got = await ask(app, "/clips", x_account="trial")
        assert (got.status, got.headers["retry-after"]) == (503, "2")

    with_access(scene)


class Shop:
    """The example, served by a server of its own until it is left."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        program = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(self.port), "app:app"]
        url = f"sqlite:///{folder / 'shop.db'}"
        self.errors = (folder / "errors.txt").open("wb")
        self.process = subprocess.Popen(
            program, cwd=EXAMPLE, env={**environment(), "SPILLOVER_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=self.errors, stderr=self.errors,
        )  # fmt: skip

    def __enter__(self) -> "Shop":
        asyncio.run(self._listening())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)
        self.errors.close()

    async def _listening(self) -> None:
        async with asyncio.timeout(SECONDS):
            while True:
                assert self.process.poll() is None, Path(self.errors.name).read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): each for name, each in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, answer.headers, json.loads(body) if body.startswith(b"{") else {}
        finally:
            connection.close()


def test_the_example_sells_clips_and_words_and_tells_each_denial(tmp_path):
    with Shop(tmp_path) as shop:
        paid = [shop.ask("POST", "/clips", X_Account="acme") for _ in range(3)]
        assert [one[2]["paid"] for one in paid] == ["1 clip included", "1 clip included", "1 clip for 5 credits"]
        status, headers, said = shop.ask("POST", "/words?text=three+small+words", X_Account="acme")
        assert (status, said) == (200, {"said": "THREE SMALL WORDS"})
        # The hold is ended once the answer is out, so it may be a moment.
        left = until(lambda: shop.ask("GET", "/credits", X_Account="acme")[2], lambda told: not told["holds"])
        assert left == {"credits": 12_000_000, "holds": 0}
        assert shop.ask("POST", "/words?text=broken", X_Account="acme")[0] == 500
        left = until(lambda: shop.ask("GET", "/credits", X_Account="acme")[2], lambda told: not told["holds"])
        assert left["credits"] == 12_000_000
        for _ in range(2):
            assert shop.ask("POST", "/clips", X_Account="guest")[0] == 200
        status, headers, said = shop.ask("POST", "/clips", X_Account="guest")
        assert (status, said["violated-policies"]) == (429, ["daily"])
        assert 0 < int(headers["Retry-After"]) <= 86_400
        assert headers["RateLimit-Policy"] == '"daily";q=2;w=86400'
        assert shop.ask("POST", "/words?text=one", X_Account="guest")[0] == 402


def until(look, fits):
    """What it tells once it fits; the server's own time-out ends a wait that is in vain."""
    for _ in range(200):
        told = look()
        if fits(told):
            return told
    raise AssertionError(told)
