"""`spillover webhooks` and `spillover alerts`: what an operator does, and a worker that is killed in its midst."""

import json
import os
import shutil
import signal
import subprocess

import apsw
import pytest
from standardwebhooks import Webhook

from spillover.access.clock import system_clock
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.examining import doctor
from spillover.bootstrap.noticing import Worker
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.notices.delivery import LEASE_MS
from spillover.notices.sending import Rules
from spillover.ports.notices import KEPT_MS
from tests.cli.support import PROGRAM, run
from tests.notices.receivers import Receiver, answering

DB = "sqlite:///spillover.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop as `init` makes it, with an office that has been looked at once."""
    folder = tmp_path_factory.mktemp("made") / "shop"
    assert run("init", str(folder)).status == 0
    assert run("webhooks", "run", "--db", f"sqlite:///{folder / 'spillover.db'}").status == 0
    return folder


@pytest.fixture
def shop(made, tmp_path, monkeypatch):
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "shop"))


def document(*arguments):
    done = run(*arguments, "--json")
    assert (done.status, done.error) == (0, "")
    return done.document


def add(url, *options):
    return document("webhooks", "add", url, "--allow-private", *options)


def test_an_operator_adds_tests_pauses_rotates_and_removes_an_endpoint(shop):
    with Receiver() as receiver:
        made = add(receiver.url, "--type", "hold.expired", "--account", "acme", "--note", "billing")
        assert [made["state"], made["types"], made["accounts"]] == ["open", ["hold.expired"], ["acme"]]
        id_ = made["id"]
        message = document("webhooks", "test", id_)["message"]
        assert document("webhooks", "pause", id_, "--reason", "moving")["state"] == "paused"
        assert document("webhooks", "run", "--allow-private")["tries"] == {}
        assert document("webhooks", "resume", id_)["waiting"] == 1
        changed = document("webhooks", "rotate", id_, "--keep-old", "7d")
        assert "1 sent" in run("webhooks", "run", "--allow-private").out
        for secret in (made["secret"], changed["secret"]):
            Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        assert document("webhooks", "send-again", "--message", message) == {"sendings": 0}  # it wants no tests
        assert document("webhooks", "send-again", "--message", message, "--endpoint", id_) == {"sendings": 1}
        assert document("webhooks", "run", "--allow-private")["tries"] == {"sent": 1}
        assert message in run("webhooks", "log", "--endpoint", id_).out
        assert document("webhooks", "remove", id_)["state"] == "ended"
    assert [one.headers["webhook-id"] for one in receiver.got] == [message] * 2
    assert [one["state"] for one in document("webhooks", "list")["endpoints"]] == ["ended"]
    log = document("keys", "log")["acts"]
    assert ("webhooks.pause", "moving", "done") in [(one["verb"], one["reason"], one["outcome"]) for one in log]
    told = run("webhooks", "list").out + run("keys", "log", "--json").out + run("webhooks", "log", "--json").out
    assert "whsec_" not in told


def test_the_log_says_what_to_do_where_an_address_is_refused(shop):
    id_ = add("http://127.0.0.1:9")["id"]
    run("webhooks", "test", id_)
    run("webhooks", "run")
    assert "(--allow-private)" in run("webhooks", "log", environment={"COLUMNS": "400"}).out


def test_what_the_books_say_is_told_by_a_run(shop):
    with Receiver() as receiver:
        secret = add(receiver.url)["secret"]
        assert document("alerts", "add", "low", "--balance", "credits", "--at", "470")["name"] == "low"
        assert "low" in run("alerts", "list").out
        assert run("consume", "acme", "video.seconds", "8", "--key", "clip").status == 0
        assert run("settle").status == 0
        done = document("webhooks", "run", "--allow-private")
        assert (done["looked"], done["tries"]) == (1, {"sent": 1})
        assert document("webhooks", "run", "--allow-private")["tries"] == {}
        assert document("alerts", "remove", "low") == {"removed": "low"}
    told = Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    assert (told["type"], told["data"]["account"], told["data"]["alert"]) == ("balance.below", "acme", "low")


def test_a_worker_that_is_killed_in_a_try_loses_nothing_and_another_sends_it_under_the_same_id(shop):
    held = []

    def hold(receiver, connection, _):
        if not held:
            held.append(connection)
            receiver.ended.wait(30)  # the first worker hears nothing, and is killed
        else:
            answering(204)(receiver, connection, _)

    with Receiver(hold) as receiver:
        message = document("webhooks", "test", add(receiver.url)["id"])["message"]
        worker = subprocess.Popen(
            [*PROGRAM, "webhooks", "run", "--follow", "--allow-private", "--json"], stdout=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("SPILLOVER_")},
        )  # fmt: skip
        receiver.wait(1)
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)
        later = Worker(address_of(DB), Rules(allow_private=True), clock=lambda: system_clock() + LEASE_MS)
        later.run()
        later.close()
        assert later.counted == {"sent": 1}
        receiver.ended.set()
    assert [one.headers["webhook-id"] for one in receiver.got] == [message] * 2
    (row,) = document("webhooks", "log", "--message", message)["messages"]
    assert [one["state"] for one in row["sendings"]] == ["sent"]


def test_a_worker_that_follows_ends_by_a_signal_with_what_it_did(shop):
    with Receiver() as receiver:
        document("webhooks", "test", add(receiver.url)["id"])
        worker = subprocess.Popen(
            [*PROGRAM, "webhooks", "run", "--follow", "--allow-private", "--json"], stdout=subprocess.PIPE, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("SPILLOVER_")},
        )  # fmt: skip
        receiver.wait(1)
        worker.send_signal(signal.SIGTERM)
        out, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert json.loads(out.splitlines()[-1]) == {"stopped": True}
    (row,) = document("webhooks", "log")["messages"]
    assert [one["state"] for one in row["sendings"]] == ["sent"]


def test_the_doctor_tells_of_paused_endpoints_and_of_messages_that_nobody_sends(shop):
    def signs():
        return {sign.what: (sign.level, sign.found, sign.advice) for sign in doctor(DB) if "webhooks" in sign.what}

    assert signs() == {}
    with Receiver() as receiver:
        id_ = add(receiver.url)["id"]
        document("webhooks", "test", id_)
        assert signs()["webhooks"][:2] == ("fine", "1 endpoint, 1 waiting")
        document("webhooks", "pause", id_)
        assert signs()[f"webhooks to {id_}"] == (
            "watch", "paused, what it wants waits", f"spillover webhooks resume {id_}"
        )  # fmt: skip


@pytest.mark.parametrize(("minutes", "level"), [(1, "fine"), (3, "watch"), (61, "act")])
def test_how_long_a_message_is_due_says_whether_somebody_sends(shop, minutes, level):
    from spillover.bootstrap.examining_notices import notices_signs

    document("webhooks", "test", add("http://127.0.0.1:9/")["id"])
    found = notices_signs(address_of(DB), system_clock() + minutes * 60_000, 5_000)
    assert [sign.level for sign in found] == [level]


def test_messages_that_ended_long_ago_are_forgotten_by_the_workers(shop):
    with Receiver() as receiver:
        document("webhooks", "test", add(receiver.url)["id"])
        document("webhooks", "run", "--allow-private")
        later = Worker(address_of(DB), Rules(), clock=lambda: system_clock() + KEPT_MS + 1_000)
        later.step()
        later.close()
    office = open_office(address_of(DB), 5_000)
    assert drive(office.messages()) == []
    drive(office.close())


def test_an_audit_sends_what_it_finds_to_those_who_want_it(shop):
    connection = apsw.Connection("spillover.db")
    (name,) = next(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' LIMIT 1"))
    with Receiver() as receiver:
        add(receiver.url, "--type", "audit.finding")
        assert run("audit", "--notify").status == 0
        connection.execute(f"DROP TRIGGER {name}")
        connection.close()
        for _ in range(2):
            assert run("audit", "--notify").status == 1
        assert document("webhooks", "run", "--allow-private")["tries"] == {"sent": 1}
    assert json.loads(receiver.got[0].body)["data"]["check"] == "schema"


REFUSED = [
    (("webhooks", "add", "http://127.0.0.1/"), "--allow-private"),
    (("webhooks", "add", "https://hooks.example/", "--type", "balance.high"), "balance.exhausted"),
    (("webhooks", "add", "https://hooks.example/", "--account", "nobody"), "account"),
    (("webhooks", "pause", "ep_none"), "endpoint"),
    (("webhooks", "send-again"), "expected one"),
    (("alerts", "add", "low", "--at", "1"), "expected one"),
    (("alerts", "add", "low", "--balance", "credits", "--at", "-1"), "at"),
    (("alerts", "add", "low", "--window", "nothing", "--at", "80"), "limit"),
    (("alerts", "remove", "none"), "alert"),
]


@pytest.mark.parametrize(("arguments", "told"), REFUSED, ids=[" ".join(one) for one, _ in REFUSED])
def test_what_is_wrong_is_refused_in_one_line(shop, arguments, told):
    assert told in run(*arguments).complaint


GROUPS = [("webhooks", one) for one in (
    "add", "list", "rotate", "pause", "resume", "remove", "log", "send-again", "run", "test",
)] + [("alerts", one) for one in ("add", "list", "remove")]  # fmt: skip


@pytest.mark.parametrize("command", GROUPS, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(command):
    done = run(*command, "--help")
    assert f"  spillover {' '.join(command)}" in done.out.split("Example")[1]
    assert "--json" in done.out
