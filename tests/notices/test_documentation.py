"""What docs/WEBHOOKS.md shows is what is sent, and its five lines verify it."""

import json
import re
from pathlib import Path

import pytest

import spillover
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.noticing import Worker, tell_findings
from spillover.documents.audits import AuditReport, Finding
from spillover.engine.drive import drive
from spillover.model.policy import Pack
from spillover.notices.desk import Books, NoticeDesk
from spillover.notices.retries import WAITS_MS
from spillover.notices.sending import Rules
from spillover.office.sqlite import SQLiteOffice
from spillover.office.topup_records import topup_message
from spillover.ports.notices import TYPES
from spillover.ports.sales import TopUp
from tests.notices.receivers import Receiver
from tests.support import clock, policy

PAGE = (Path(__file__).parents[2] / "docs" / "WEBHOOKS.md").read_text("utf-8")
SHOWN = {
    told["type"]: told
    for told in map(json.loads, re.findall(r"^```json\n(.*?)^```", PAGE.partition("## What is told")[2], re.M | re.S))
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The endpoint's secret, and everything that a story of one day tells, type by type."""
    url, now = f"sqlite:///{tmp_path_factory.mktemp('told') / 'books.db'}", clock()
    address = address_of(url)
    with Receiver() as receiver, spillover.connect(url, policy=policy(), clock=now, settle=False) as access:
        worker = Worker(address, Rules(allow_private=True), clock=now)
        worker.run()
        office, ledger = SQLiteOffice(address.path), access.desk.ledger
        books = Books(
            lambda name: drive(ledger.find_account(name)), lambda id: drive(ledger.account_name(id)),
            lambda: access.policy,
        )  # fmt: skip
        desk = NoticeDesk(office, books, now, allow_private=True)
        secret = drive(desk.add(receiver.url)).secret
        drive(desk.add_alert("low", "balance", "credits", "10"))
        drive(desk.add_alert("nearly", "window", "daily", 80))
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", "60", key="lot")
        access.open_hold("acme", "video.seconds", 1, subject="ada", key="job-1", lasts=60_000)
        access.consume("acme", "video.seconds", 9, subject="ada", key="one")
        access.consume("acme", "video.seconds", 1, subject="ada", key="two")
        now.turn(minutes=2)
        access.tend()
        access.settle()
        _others(office, books.id("acme"), now())
        drive(desk.test(drive(desk.listed()).endpoints[0].id))
        worker.run()
        worker.close()
        drive(office.close())
    return secret, receiver.got


def _others(office, account, now):
    """What other rooms tell: an order, and a finding."""
    pack = Pack("small", "credits", 100_000_000, "9.00", "EUR")
    order = TopUp(account, "2026-03", 1, pack)
    messages = [topup_message("topup.wanted", order, now), topup_message("topup.failed", order, now, "declined")]
    drive(office.put_messages(messages, now))
    found = Finding("history", 2, "balance_updates", account, "acme", "3", "a balance of 7", "8")
    erased = Finding("history", 2, "balance_updates", account + 1, None, "4", "a balance of 7", "8")
    report = AuditReport(False, "", 1, 1, 1, 1, 0, (found, erased), {"history": 2}, {}, (), (), 1, 0.1)
    assert len(drive(tell_findings(office, report, now))) == 2
    assert drive(tell_findings(office, report, now)) == []  # the next night it is found again


def test_the_example_of_each_type_has_the_fields_that_are_sent(told):
    sent = {}
    for request in told[1]:
        body = json.loads(request.body)
        if "account" in body["data"] or body["type"] not in sent:
            sent[body["type"]] = body
    shown = {**SHOWN, "topup.failed": {**SHOWN["topup.wanted"], "data": {**SHOWN["topup.wanted"]["data"], "why": ""}}}
    assert set(shown) == set(TYPES)
    assert set(sent) == {*TYPES, "endpoint.test"}
    for type_, example in shown.items():
        assert _shape(sent[type_]) == _shape({**example, "type": type_}), type_
    assert sent["window.filled"]["data"]["limit"] == SHOWN["window.filled"]["data"]["limit"]


def _shape(value):
    """Names of fields, in their order, all the way down."""
    return [(name, _shape(one)) for name, one in value.items()] if isinstance(value, dict) else None


def test_a_finding_about_an_erased_account_is_told_without_a_name(told):
    findings = [json.loads(one.body)["data"] for one in told[1] if b'"audit.finding"' in one.body]
    assert sorted("account" in one for one in findings) == [False, True]


def test_the_five_lines_verify_what_is_sent_and_nothing_else(told, monkeypatch):
    code = re.search(r"<!-- file: receiver.py -->\n```python\n(.*?)```", PAGE, re.S)
    names = {}
    exec(code[1], names)
    verified, (secret, (request, *_)) = names["verified"], told
    monkeypatch.setattr("time.time", lambda: clock()() / 1000)
    assert verified(secret, request.headers, request.body)
    assert not verified(secret, request.headers, request.body + b" ")
    assert not verified(secret, {**request.headers, "webhook-id": "msg_other"}, request.body)
    monkeypatch.setattr("time.time", lambda: clock()() / 1000 + 600)
    assert not verified(secret, request.headers, request.body)


def test_the_waits_of_the_page_are_those_that_are_kept():
    units = {"s": 1_000, "min": 60_000, "h": 3_600_000}
    sentence = re.search(r"At most 12: at once, then after (.*?), each", PAGE)[1]
    assert [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)", sentence)] == list(WAITS_MS)
