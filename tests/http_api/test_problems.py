"""Every error of decision 0007's table is told with its status, in one form."""

import asyncio
from base64 import b64encode

import pytest

from spillover.http_api.endpoint import encode
from spillover.http_api.problems import BY_ERROR, KINDS
from spillover.http_api.service import Bounds
from spillover.model import errors
from tests.http_api.inside import inside

CHAT = {"account": "acme", "feature": "chat.messages"}
TABLE = {
    "malformed": 400, "two-keys": 400, "unauthorized": 401, "forbidden": 403, "unknown-name": 404, "no-such-path": 404,
    "body-timeout": 408, "key-reused": 409, "hold-ended": 410, "too-large": 413, "invalid-input": 422,
    "bound-exceeded": 422, "policy-mistakes": 422, "not-settled": 425, "fault": 500, "overloaded": 503,
    "contended": 503, "store": 503, "busy": 409, "account-shut": 503, "part-unavailable": 503, "store-full": 503,
    "wrong-settings": 503,
}  # fmt: skip
LATER = (
    "not-settled", "busy", "overloaded", "contended", "account-shut", "part-unavailable", "store-full",
    "wrong-settings", "store",
)  # fmt: skip


def test_the_statuses_are_those_of_the_decision():
    assert {name: kind.status for name, kind in KINDS.items() if name in TABLE} == TABLE
    assert {name for name, kind in KINDS.items() if kind.after} == set(LATER)


def test_every_error_of_the_engine_has_a_problem():
    def all_of(sort):
        return {sort, *(each for one in sort.__subclasses__() for each in all_of(one))}

    for sort in all_of(errors.SpilloverError):
        names = [name for known, name in BY_ERROR if issubclass(sort, known)]
        assert names[0] in KINDS
        if issubclass(sort, errors.StoreError):
            assert KINDS[names[0]].status == 503


async def _put(ask):
    assert (await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "plus"})).status == 200


def is_problem(answer, name, field=None):
    assert answer.status == KINDS[name].status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json
    assert told["type"] == f"urn:spillover:problem:{name}"
    assert (told["status"], told["title"]) == (answer.status, KINDS[name].title)
    assert told["detail"]
    assert "\n" not in told["detail"]
    assert told.get("field") == field
    assert ("retry-after" in answer.headers) == (name in LATER)
    return True


REFUSED = [
    ("malformed", None, b"{"), ("malformed", None, b""), ("malformed", None, b"\xff\xfe"),
    ("invalid-input", None, b"[" * 100_000), ("invalid-input", None, b"[]"), ("invalid-input", "account", b"{}"),
    ("invalid-input", "acount", {**CHAT, "acount": 1}), ("invalid-input", "usage", {**CHAT, "usage": "1"}),
    ("invalid-input", "usage", {**CHAT, "usage": 1.5}), ("invalid-input", "usage", {**CHAT, "usage": True}),
    ("invalid-input", "usage.requests", {**CHAT, "usage": 10**30}),
    ("invalid-input", "usage.requests", {**CHAT, "usage": -1}),
    ("invalid-input", "at", {**CHAT, "at": "yesterday"}), ("invalid-input", "mode", {**CHAT, "mode": "free"}),
    ("invalid-input", "key", {**CHAT, "key": "spillover:x"}), ("invalid-input", "subject", {**CHAT, "subject": " x"}),
    ("unknown-name", "account", {**CHAT, "account": "nobody"}), ("unknown-name", "feature", {**CHAT, "feature": "x"}),
    ("bound-exceeded", None, {**CHAT, "attributes": {f"a{at}": "x" for at in range(17)}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "body"), REFUSED)
def test_what_is_wrong_with_a_request_is_told_with_its_field(name, field, body):
    async def scene(ask, service, clock):
        await _put(ask)
        assert is_problem(await ask("POST", "/v1/consume", body), name, field)

    inside(scene)


def test_an_event_that_is_nested_without_end_is_malformed():
    async def scene(ask, service, clock):
        is_problem(await ask("POST", "/v1/events", b'{"a":' * 100_000), "malformed")

    inside(scene)


EVENT = {"specversion": "1.0", "source": "/g", "subject": "acme", "type": "chat.messages", "team": True}


def test_what_an_event_says_is_the_same_whichever_way_it_comes():
    async def scene(ask, service, clock):
        await _put(ask)
        for key, given, said in (("1", True, "true"), ("2", 17, "17"), ("3", "blue", "blue"), ("4", None, None)):
            assert (await ask("POST", "/v1/events", {**EVENT, "id": key, "team": given})).json["allowed"]
            heads = {f"ce-{name}": value for name, value in {**EVENT, "id": key, "team": said}.items() if value}
            again = await ask("POST", "/v1/events", None, **heads)
            assert (again.status, again.json["replayed"]) == (200, True), given

    inside(scene)


@pytest.mark.parametrize("depth", [1, 984, 990])
def test_an_event_with_parts_where_a_word_belongs_is_refused(depth):
    async def scene(ask, service, clock):
        await _put(ask)
        body = encode({**EVENT, "id": "1"}).replace(b"true", b"[" * depth + b"]" * depth)
        assert (await ask("POST", "/v1/events", body)).status in (400, 422)
        told = await ask("POST", "/v1/events", {**EVENT, "id": "2", "data_base64": b64encode(b"[" * 100_000).decode()})
        assert is_problem(told, "invalid-input", "data_base64")

    inside(scene)


def test_a_wrong_field_inside_of_a_batch_is_named_with_its_place():
    async def scene(ask, service, clock):
        body = {"requests": [CHAT, {**CHAT, "feture": 1}]}
        told = (await ask("POST", "/v1/consume-many", body)).json
        assert told["field"] == "requests[1].feture"

    inside(scene)


def test_an_unknown_field_is_told_with_those_that_are_known_and_a_missing_one_as_missing():
    async def scene(ask, service, clock):
        told = (await ask("POST", "/v1/tokens/make", {"account": "acme", "seconds": 60})).json["detail"]
        assert told == "seconds: found a field that is not known, expected account, lasts, reason"
        assert (await ask("GET", "/v1/overview")).json["detail"] == "account: found none, expected one"

    inside(scene)


QUERIES = [
    ("overview?acount=acme", "acount"), ("overview", "account"), ("overview?account=acme&account=x", "account"),
    ("statement?account=acme&limit=x", "limit"), ("statement?account=acme&since=noon", "since"),
    ("statement?account=acme&limit=-1", "limit"), ("overview?account=%FF", None),
]  # fmt: skip


@pytest.mark.parametrize(("query", "field"), QUERIES)
def test_what_is_wrong_with_a_query_is_told_with_its_field(query, field):
    async def scene(ask, service, clock):
        await _put(ask)
        is_problem(await ask("GET", f"/v1/{query}"), "invalid-input" if field else "malformed", field)

    inside(scene)


def test_a_name_may_hold_whatever_is_printable():
    async def scene(ask, service, clock):
        for name in ("a/b", "a%2Fb", "ä ö&=+?#", "日本"):
            await ask("POST", "/v1/accounts/put", {"account": name, "plan": "plus"})
            from urllib.parse import quote

            told = await ask("GET", f"/v1/balance?account={quote(name, safe='')}")
            assert (told.status, told.json["account"]) == (200, name)

    inside(scene)


def test_no_such_path_and_another_method():
    async def scene(ask, service, clock):
        is_problem(await ask("GET", "/v1/nothing"), "no-such-path")
        is_problem(await ask("POST", "/v1/consume/"), "no-such-path")
        is_problem(await ask("DELETE", "/v1/consume"), "method-not-allowed")

    inside(scene)


def test_a_key_with_another_request_and_an_ended_hold():
    async def scene(ask, service, clock):
        await _put(ask)
        await ask("POST", "/v1/consume", {**CHAT, "key": "k"})
        is_problem(await ask("POST", "/v1/consume", {**CHAT, "key": "k", "usage": 2}), "key-reused")
        await ask("POST", "/v1/holds/open", {**CHAT, "estimate": 1, "key": "h"})
        ended = {"account": "acme", "key": "h"}
        assert (await ask("POST", "/v1/holds/commit", {**ended, "usage": 1})).status == 200
        is_problem(await ask("POST", "/v1/holds/release", ended), "hold-ended")
        is_problem(await ask("POST", "/v1/holds/release", {**ended, "key": "no"}), "unknown-name", "hold")

    inside(scene)


def test_what_is_not_on_the_books_yet_is_told_with_when_to_ask_again():
    async def scene(ask, service, clock):
        await _put(ask)
        await ask("POST", "/v1/consume", {**CHAT, "key": "k"})
        asked = {"account": "acme", "event_key": "k", "key": "r"}
        answer = await ask("POST", "/v1/refund", asked)
        assert answer.headers["retry-after"] == "1"
        is_problem(answer, "not-settled")

    inside(scene)


def test_an_order_without_a_key_is_refused_by_that_name():
    async def scene(ask, service, clock):
        await _put(ask)
        is_problem(await ask("POST", "/v1/credits/add", {"account": "acme", "credits": "1"}), "invalid-input", "key")
        is_problem(
            await ask("POST", "/v1/credits/add", {"account": "acme", "credits": 1.5, "key": "k"}), "invalid-input",
            "credits",
        )  # fmt: skip

    inside(scene)


def test_the_mistakes_of_a_policy_have_their_lines():
    async def scene(ask, service, clock):
        answer = await ask("POST", "/v1/policies/check", {"policy": "spillover: 1\nfeatures: {}\nplan: {}\n"})
        is_problem(answer, "policy-mistakes")
        assert {one["line"] for one in answer.json["mistakes"]} >= {3}

    inside(scene)


def test_a_batch_and_a_body_beyond_their_bounds_are_too_large():
    async def scene(ask, service, clock):
        await _put(ask)
        is_problem(await ask("POST", "/v1/consume-many", {"requests": [CHAT] * 4}), "too-large", "requests")
        large = {**CHAT, "subject": "x" * 2000}
        is_problem(await ask("POST", "/v1/consume", large), "too-large")
        is_problem(await ask("POST", "/v1/consume", large, pieces=9), "too-large")
        is_problem(await ask("POST", "/v1/consume", CHAT, content_length="9" * 30), "too-large")

    inside(scene, Bounds(body=1000, batch=3))


def test_a_store_that_cannot_serve_is_told_with_when_to_come_again():
    async def scene(ask, service, clock):
        await service.access.close()
        is_problem(await ask("POST", "/v1/consume", CHAT), "store")
        assert (await ask("GET", "/healthz")).status == 200

    inside(scene)


def test_more_requests_than_are_served_in_time_are_told_so():
    async def scene(ask, service, clock):
        await _put(ask)
        service.access._gather._waiting_max = 0
        is_problem(await ask("POST", "/v1/consume", CHAT), "overloaded")

    inside(scene)


def test_a_fault_tells_nothing_of_itself_but_in_the_log(caplog):
    async def scene(ask, service, clock):
        kept, service.access = service.access, None  # what nobody foresaw
        answer = await ask("POST", "/v1/consume", CHAT)
        service.access = kept
        is_problem(answer, "fault")
        assert "NoneType" not in answer.body.decode()

    inside(scene)
    assert "NoneType" in caplog.text


def test_a_service_that_settles_with_trouble_is_alive_and_not_ready():
    async def scene(ask, service, clock):
        assert (await ask("GET", "/readyz")).status == 200
        service.plain.settle_with(Troubled())
        answer = await ask("GET", "/readyz")
        assert (answer.status, answer.json) == (503, {"status": "not ready"})
        assert (await ask("GET", "/healthz")).status == 200
        assert b"spillover_settlement_trouble 1.0" in (await ask("GET", "/metrics")).body

    inside(scene)


class Troubled:
    """A settler whose last step failed."""

    trouble = OSError("no space left")

    def start(self):
        """Nothing."""

    def stop(self):
        """Nothing."""


def test_requests_in_flight_share_commits_and_are_counted():
    async def scene(ask, service, clock):
        await _put(ask)
        asked = [ask("POST", "/v1/consume", {**CHAT, "key": f"k{at}"}) for at in range(30)]
        told = await asyncio.gather(*asked)
        assert sum(one.json["allowed"] for one in told) == 10  # the window's maximum, whatever came together
        text = (await ask("GET", "/metrics")).body.decode()
        assert 'spillover_decisions_total{layer="allowance",outcome="allowed"} 10.0' in text
        assert 'spillover_decisions_total{layer="credits",outcome="denied"} 20.0' in text
        assert 'spillover_requests_total{endpoint="/v1/consume",status="200"} 30.0' in text
        assert "spillover_unsettled_events 11.0" in text  # 10 and the plan's terms
        assert service.meters.batches.counts[0] < 30

    inside(scene)
