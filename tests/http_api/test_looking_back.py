"""Audits, backtests and past decisions over HTTP: what the command line computes on the same books."""

import contextlib
import json
import sqlite3
import subprocess
import time

import pytest

import spillover
from spillover.http_api.problems import KINDS
from spillover.http_api.verbs_policies import SMALL
from spillover.proof import Proved, check, evaluate, read_receipt
from tests.http_api.conftest import STARTER
from tests.http_api.inside import inside
from tests.http_api.served import PROGRAM, Served, environment

NARROW = STARTER.replace("max: 45", "max: 3")


@pytest.fixture(scope="module")
def booked(tmp_path_factory):
    """A service with usage, a hold and its end on the books, and the address of its database."""
    with Served(tmp_path_factory.mktemp("booked"), policy=STARTER) as found:
        found.url = f"sqlite:///{found.folder / 'served.db'}"
        found.post("accounts/put", {"account": "acme", "plan": "starter"})
        found.post("credits/add", {"account": "acme", "credits": "100", "key": "first"})
        for at in range(12):
            asked = {"account": "acme", "feature": "chat.messages", "subject": "ada", "key": f"chat-{at}"}
            assert found.post("consume", asked).status == 200
        found.post("holds/open", {"account": "acme", "feature": "video.seconds", "estimate": 4, "key": "job-1"})
        found.post("holds/extend", {"account": "acme", "key": "job-1", "estimate": 6})
        assert found.post("holds/commit", {"account": "acme", "key": "job-1", "usage": 2}).status == 200
        found.post("settle", {})
        yield found


def command(booked, *arguments):
    done = subprocess.run(
        [*PROGRAM, *arguments, "--db", booked.url, "--json"], capture_output=True, text=True, check=True,
        env=environment(),
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_backtest_is_that_of_the_command_line(booked, tmp_path):
    (tmp_path / "narrow.yaml").write_text(NARROW)
    told = booked.post("policies/backtest", {"policy": NARROW}).json
    mine = command(booked, "backtest", "--policy", str(tmp_path / "narrow.yaml"))
    for one in (told, mine):
        del one["source"], one["proposed_policy"]["name"]
    assert told == mine
    assert (told["requests"], told["same"]) == (13, False)
    assert told["difference"]["credits"]["micro_credits"] > 0
    assert told["timeline"][0]["at"].endswith("Z")


def test_a_backtest_takes_a_body_of_yaml_and_another_policy_to_compare_with(booked):
    hash = booked.get("policies/list").json["policies"][0]["hash"]
    told = booked.ask(
        "POST", f"/v1/policies/backtest?against={hash}&limit=3", STARTER.encode(), Content_Type="application/yaml"
    ).json
    assert (told["same"], told["requests"]) == (True, 3)
    assert "Only the first 3 requests were asked." in told["notes"]
    assert str(booked.folder) not in json.dumps(told)


@pytest.mark.parametrize(
    ("asked", "problem", "field"),
    [
        ({"policy": "spillover: 1\nplan: {}\n"}, "policy-mistakes", None),
        ({"policy": SMALL, "against": "0" * 64}, "unknown-name", "policy"),
        ({"policy": SMALL, "limit": 1_000_001}, "invalid-input", "limit"),
        ({"policy": SMALL, "limit": 0}, "invalid-input", "limit"),
    ],
)
def test_a_backtest_of_what_is_none_is_refused(booked, asked, problem, field):
    answer = booked.post("policies/backtest", asked)
    assert (answer.status, answer.json["type"]) == (KINDS[problem].status, f"urn:spillover:problem:{problem}")
    assert answer.json.get("field") == field


def test_an_audit_is_that_of_the_command_line_and_is_kept_with_its_instant(booked):
    told = booked.post("audit", {"reason": "month end", "wait": 60}).json
    mine = command(booked, "audit", "--processes", "1")
    for one in (told["report"], mine):
        del one["seconds"]
    assert told["report"] == mine
    assert told["report"]["ok"] is True
    assert (told["running_since"], told["failure"]) == (None, None)
    kept = booked.ask("GET", "/v1/audit").json
    assert (kept["report"]["digest"], kept["at"]) == (mine["digest"], told["at"])
    assert figure(booked, "spillover_audit_findings") == 0
    assert abs(figure(booked, "spillover_audit_seconds") - time.time()) < 600
    acts = booked.get("log").json["acts"]
    assert [(act["reason"], act["outcome"]) for act in acts if act["verb"] == "audit"] == [("month end", "done")]


def test_an_audit_that_is_not_waited_for_goes_on_and_is_told_when_it_has_ended(booked):
    before = booked.ask("GET", "/v1/audit").json["at"]
    told = booked.post("audit", {"wait": 0}).json
    assert told["running_since"]
    again = booked.post("audit", {})
    assert (again.status, again.json["type"]) == (409, "urn:spillover:problem:busy")
    assert int(again.headers["retry-after"]) > 0
    decided = booked.post("consume", {"account": "acme", "feature": "chat.messages"})
    assert decided.status == 200  # meanwhile
    deadline = time.monotonic() + 60
    while (told := booked.ask("GET", "/v1/audit").json)["running_since"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert told["report"]["ok"] is True
    assert told["at"] > (before or "")


def test_findings_of_an_audit_are_told_counted_and_logged(tmp_path):
    with Served(tmp_path, policy=STARTER) as served:
        with contextlib.closing(sqlite3.connect(tmp_path / "served.db")) as database:
            ((trigger,), *_) = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            database.execute(f'DROP TRIGGER "{trigger}"')
            database.commit()
        told = served.post("audit", {}).json["report"]
        assert told["ok"] is False
        assert set(told["found"]) == {"schema"}
        assert figure(served, "spillover_audit_findings") == sum(told["found"].values())
        assert "an audit has findings" in served.errors.read_text()


def figure(service, name):
    lines = service.ask("GET", "/metrics").body.decode().splitlines()
    (found,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(found)


def test_without_an_audit_nothing_is_told_of_one():
    async def scene(ask, service, clock):
        assert (await ask("GET", "/v1/audit")).json == dict.fromkeys(("running_since", "at", "failure", "report"))
        assert b"spillover_audit" not in (await ask("GET", "/metrics")).body

    inside(scene)


def test_books_in_memory_are_no_other_processs_to_read():
    async def scene(ask, service, clock):
        for path, body in (("audit", {}), ("policies/backtest", {"policy": SMALL})):
            answer = await ask("POST", f"/v1/{path}", body)
            assert (answer.status, answer.json["type"]) == (422, "urn:spillover:problem:invalid-input")
            assert "memory" in answer.json["detail"]

    inside(scene)


def test_a_receipt_over_http_proves_itself_and_is_that_of_the_engine(booked):
    told = booked.get("receipt", account="acme", key="chat-11").body
    assert isinstance(check(told), Proved)
    with (
        spillover.connect(booked.url, settle=False) as access,
        spillover.connect(f"http://127.0.0.1:{booked.port}") as client,
    ):
        for words in ({}, {"end": True}, {"step": 1}):
            key = "job-1" if words else "chat-11"
            receipts = [one.receipt("acme", key, **words) for one in (access, client)]
            assert receipts[0] == receipts[1]
            assert evaluate(receipts[0]) is None
        assert read_receipt(told) == access.receipt("acme", "chat-11")


@pytest.mark.parametrize("which", [{"key": "chat-3"}, {"key": "job-1"}, {"key": "job-1", "end": "true"},
                                   {"key": "job-1", "step": "1"}])  # fmt: skip
def test_a_past_decision_is_explained_as_on_the_command_line(booked, which):
    told = booked.get("explained", account="acme", **which)
    assert told.status == 200, told.body
    flags = [f"--key={which['key']}"] + [f"--{name}" if name == "end" else f"--{name}={value}"
                                         for name, value in which.items() if name != "key"]  # fmt: skip
    assert told.json == command(booked, "explain", "--account", "acme", *flags)
    assert told.json["subject"] == ("ada" if which["key"] == "chat-3" else None)
    assert bool(told.json["steps"]) == ("end" not in which and "step" not in which)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"key": "none"}, "unknown-name"), ({"key": "chat-1", "end": "true"}, "unknown-name"),
        ({"key": "job-1", "step": "2"}, "unknown-name"), ({"key": "job-1", "step": "0"}, "invalid-input"),
        ({"key": "job-1", "step": "1", "end": "true"}, "invalid-input"), ({"key": "a\nb"}, "invalid-input"),
    ],
)  # fmt: skip
def test_a_past_decision_that_is_none_is_refused(booked, asked, problem):
    for path in ("explained", "receipt"):
        assert booked.get(path, account="acme", **asked).json["type"] == f"urn:spillover:problem:{problem}"


def test_a_decision_that_is_not_on_the_books_yet_has_no_receipt_yet():
    async def scene(ask, service, clock):
        await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "plus"})
        await ask("POST", "/v1/consume", {"account": "acme", "feature": "chat.messages", "key": "k"})
        told = await ask("GET", "/v1/receipt?account=acme&key=k")
        assert (told.status, told.headers["retry-after"]) == (425, "1")

    inside(scene)


def test_a_receipt_for_which_too_much_has_to_be_read_is_refused(monkeypatch):
    async def scene(ask, service, clock):
        await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "plus"})
        for key in ("k", "l"):
            await ask("POST", "/v1/consume", {"account": "acme", "feature": "chat.messages", "key": key})
        await ask("POST", "/v1/settle", {})
        monkeypatch.setattr("spillover.http_api.verbs_proof.PAST_MAX", 2)  # terms are the first event
        assert (await ask("GET", "/v1/receipt?account=acme&key=k")).status == 200
        told = (await ask("GET", "/v1/receipt?account=acme&key=l")).json
        assert told["detail"].startswith("events up to the decision: found 3, expected at most 2; make it beside")

    inside(scene)


def test_a_state_that_another_engine_changed_is_counted_as_a_conflict(booked):
    asked = {"account": "acme", "feature": "chat.messages"}
    assert booked.post("consume", asked).status == 200
    before = figure(booked, "spillover_conflicts_total")
    with spillover.connect(booked.url, settle=False) as other:
        other.credits.add("acme", "10", key="beside")
        other.record("acme", "chat.messages")
    assert booked.post("consume", asked).status == 200
    assert figure(booked, "spillover_conflicts_total") > before
