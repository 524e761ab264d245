"""Webhooks of a running service: added, tested, sent by its own worker, shown in its log, its metrics and its acts."""

import asyncio
import re

import msgspec
import pytest
from standardwebhooks import Webhook

from spillover.bootstrap import serving_notices
from spillover.documents.audits import AuditReport, Finding
from tests.http_api.conftest import STARTER
from tests.http_api.inside import inside
from tests.http_api.served import Served
from tests.notices.receivers import Receiver, answering


@pytest.fixture(scope="module")
def sending(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("sending"), "--allow-private", "yes", policy=STARTER) as found:
        assert found.post("accounts/put", {"account": "acme", "plan": "starter"}).status == 200
        yield found


def added(service, url, **options):
    answer = service.post("webhooks/add", {"url": url, **options})
    assert answer.status == 200, answer.body
    return answer


def test_a_message_of_the_service_is_verified_by_its_receiver_and_told_in_its_log(sending):
    with Receiver() as receiver:
        made = added(sending, receiver.url, accounts=["acme"])
        assert made.headers["cache-control"] == "no-store"
        endpoint = made.json
        message = sending.post("webhooks/test", {"id": endpoint["id"]}).json["message"]
        receiver.wait(1)
        (request,) = receiver.got
        assert Webhook(endpoint["secret"]).verify(request.body, request.headers)["type"] == "endpoint.test"
        assert request.headers["webhook-id"] == message
        told = _logged(sending, message)
        assert [(one["endpoint"], one["state"]) for one in told["sendings"]] == [(endpoint["id"], "sent")]
        assert sending.post("webhooks/send_again", {"message": message, "endpoint": endpoint["id"]}).status == 200
        receiver.wait(2)
    assert {one.headers["webhook-id"] for one in receiver.got} == {message}
    sending.post("webhooks/remove", {"id": endpoint["id"]})


def _logged(service, message):
    """The message's row in the log, once it is sent."""
    while True:
        (told,) = service.get("webhooks/log", message=message).json["messages"]
        if all(one["state"] == "sent" for one in told["sendings"]):
            return told


def test_what_the_books_tell_reaches_a_receiver_without_anybody_asking(sending):
    with Receiver() as receiver:
        endpoint = added(sending, receiver.url, types=["balance.below"]).json["id"]
        assert (
            sending.post("alerts/add", {"name": "low", "kind": "balance", "of": "credits", "at": "10"}).json["at"][
                "micro_credits"
            ]
            == 10_000_000
        )
        assert sending.post("credits/add", {"account": "acme", "credits": "40", "key": "lot"}).status == 200
        used = sending.post("consume", {"account": "acme", "feature": "video.seconds", "usage": 8, "key": "clip"})
        assert used.json["allowed"] is True, used.body
        receiver.wait(1)
    assert b'"account":"acme"' in receiver.got[0].body
    sending.post("webhooks/remove", {"id": endpoint})


def test_paused_endpoints_and_what_waits_stand_in_the_metrics(sending):
    with Receiver(answering(410)) as receiver:
        endpoint = added(sending, receiver.url).json["id"]
        sending.post("webhooks/test", {"id": endpoint})
        receiver.wait(1)
        while sending.get("webhooks/list").json["endpoints"][-1]["state"] != "paused":
            pass
    text = sending.ask("GET", "/metrics").body.decode()
    assert re.search(r'^spillover_webhook_tries_total\{outcome="waiting"\} 1\.0$', text, re.M)
    assert re.search(r"^spillover_webhook_endpoints_paused 1\.0$", text, re.M)
    assert re.search(r"^spillover_webhook_waiting 0\.0$", text, re.M)
    sending.post("webhooks/remove", {"id": endpoint})


def test_acts_are_written_down_and_no_secret_is_in_them(sending):
    made = added(sending, "https://hooks.example.com/in", note="billing").json
    changed = sending.post("webhooks/rotate", {"id": made["id"], "reason": "it leaked"}).json
    assert changed["secret"] != made["secret"]
    assert changed["secrets"] == 2
    acts = sending.get("log").json["acts"]
    assert ("webhooks.rotate", "it leaked", "done") in [(one["verb"], one["reason"], one["outcome"]) for one in acts]
    everything = sending.get("log").body + sending.get("webhooks/list").body
    for secret in (made["secret"], changed["secret"]):
        assert secret.encode() not in everything


REFUSED = [
    ("webhooks/add", {"url": "https://hooks.example.com/", "types": ["balance.high"]}, 404, "types"),
    ("webhooks/add", {"url": "https://hooks.example.com/", "accounts": ["nobody"]}, 404, "account"),
    ("webhooks/add", {"url": "ftp://hooks.example.com/"}, 422, "url"),
    ("webhooks/pause", {"id": "ep_aaaaaaaaaaaa"}, 404, "id"),
    ("webhooks/test", {"id": "what\x00is no id"}, 404, "id"),
    ("webhooks/rotate", {"id": "ep_aaaaaaaaaaaa", "keeps": -1}, 404, "id"),
    ("webhooks/send_again", {}, 422, "message"),
    ("webhooks/send_again", {"message": "msg_none"}, 404, "message"),
    ("webhooks/send_again", {"since": 0, "limit": 0}, 422, "limit"),
    ("alerts/add", {"name": "a", "kind": "balance", "of": "gold", "at": 1}, 404, "of"),
    ("alerts/add", {"name": "a", "kind": "balance", "of": "credits", "at": "0"}, 422, "at"),
    ("alerts/add", {"name": "a", "kind": "window", "of": "daily", "at": 101}, 422, "at"),
    ("alerts/add", {"name": " ", "kind": "window", "of": "daily", "at": 80}, 422, "name"),
    ("alerts/remove", {"name": "none"}, 404, "name"),
]


@pytest.mark.parametrize(("verb", "body", "status", "field"), REFUSED)
def test_what_is_wrong_is_refused_by_its_field(sending, verb, body, status, field):
    answer = sending.post(verb, body)
    assert (answer.status, answer.json.get("field")) == (status, field), answer.body


def test_what_an_audit_of_the_service_finds_is_written_as_a_message_once():
    found = Finding("history", 2, "balance_updates", 0, None, "3", "a balance of 7", "8")
    report = AuditReport(False, "", 1, 1, 1, 1, 0, (found,), {"history": 1}, {}, (), (), 1, 0.1)

    async def scene(ask, service, clock):
        for _ in range(2):
            service.audits.told(report)
            await asyncio.gather(*serving_notices._telling)
        (message,) = (await ask("GET", "/v1/webhooks/log")).json["messages"]
        assert message["type"] == "audit.finding"
        service.audits.told(msgspec.structs.replace(report, ok=True, findings=()))
        assert not serving_notices._telling

    inside(scene)


def test_an_address_inside_is_refused_by_a_service_that_was_not_told_otherwise(served):
    for url in ("http://127.0.0.1:9/x", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://localhost/"):
        answer = served.post("webhooks/add", {"url": url})
        assert (answer.status, answer.json["field"]) == (422, "url")
