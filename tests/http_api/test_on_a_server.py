"""The same over PostgreSQL; not ready while the database is away, and ready again when it is back."""

import time

from tests.http_api.conftest import STARTER
from tests.http_api.inside import inside
from tests.http_api.served import Served
from tests.servers import postgres


def until(asked, status):
    """The first answer of that status; the last one where none comes in time."""
    deadline = time.monotonic() + 60
    while (answer := asked()).status != status and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


def test_a_service_on_postgresql_outlives_its_database(tmp_path):
    with postgres() as server:
        url = server.new_database()
        with Served(tmp_path, "--deadline", "2", db=url, policy=STARTER) as served:
            served.post("accounts/put", {"account": "acme", "plan": "starter"})
            chat = {"account": "acme", "feature": "chat.messages"}
            first = served.post("consume", {**chat, "key": "k1"})
            assert first.json["allowed"]
            assert until(lambda: served.ask("GET", "/readyz"), 200).status == 200
            looked_back(served)
            server.stop()
            away = served.post("consume", {**chat, "key": "k2"})
            assert (away.status, away.headers["content-type"]) == (503, "application/problem+json")
            assert int(away.headers["retry-after"]) >= 1
            assert until(lambda: served.ask("GET", "/readyz"), 503).status == 503
            assert served.ask("GET", "/healthz").status == 200
            server.start()
            back = until(lambda: served.post("consume", {**chat, "key": "k2"}), 200)
            assert back.json["allowed"]
            again = served.post("consume", {**chat, "key": "k1"})
            assert (again.headers["idempotency-replayed"], again.json["sequence"]) == ("true", first.json["sequence"])
            assert until(lambda: served.ask("GET", "/readyz"), 200).status == 200
            verbs = ["accounts.put", "settle", "audit", "policies.backtest"]
            assert [one["verb"] for one in served.get("log").json["acts"]] == verbs


def test_a_service_whose_hot_state_lies_apart_decides_on_while_its_books_are_away(valkey_url):
    with postgres() as server:
        url = f"{valkey_url}?ledger={server.new_database()}"

        async def scene(ask, service, clock):
            asked = {"account": "acme", "feature": "chat.messages"}
            for path, body in (("accounts/put", {"account": "acme", "plan": "free"}), ("consume", asked)):
                assert (await ask("POST", f"/v1/{path}", body)).status == 200
            server.stop()
            service.gate._ticks = lambda: time.monotonic() + 60  # no answer of the office is new enough
            assert (await ask("POST", "/v1/consume", asked)).json["allowed"]
            ready = await ask("GET", "/readyz")
            assert (ready.status, ready.json) == (200, {"status": "ok", "not_working": ["books"]})
            assert (await ask("POST", "/v1/accounts/put", {"account": "new", "plan": "free"})).status == 503
            server.start()
            assert (await ask("GET", "/readyz")).json == {"status": "ok"}

        inside(scene, url=url)


def looked_back(served):
    """By processes of their own, which reach the same database."""
    served.post("settle", {})
    told = served.post("audit", {"processes": 2, "wait": 60}).json
    assert told["report"]["ok"] is True
    assert told["report"]["events"] >= 2
    tried = served.post("policies/backtest", {"policy": STARTER}).json
    assert (tried["same"], tried["requests"]) == (True, 1)
    assert served.get("explained", account="acme", key="k1").json["kind"] == "usage"
