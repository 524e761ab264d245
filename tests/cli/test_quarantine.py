"""What lies in quarantine is accepted, by somebody and for a reason, and told apart from then on; it stays there."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

import spillover
from spillover.audit.report import KEPT_MAX
from spillover.bootstrap.accepting import Accepted, without_accepted
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.auditing import audit_of
from spillover.bootstrap.examining import doctor
from spillover.engine.drive import drive
from spillover.model.health import Sign
from spillover.move import move
from spillover.ports.office import Act
from spillover.sqlite.versions import versions_of
from tests.cli.support import run
from tests.rebuild.support import ports, rebuilt, waiting
from tests.support import clock, policy

DB = "sqlite:///spillover.db"


@pytest.fixture(params=["sqlite", "postgres"])
def db(request, folder) -> str:
    """Books with two events in quarantine, of the accounts acme and bolt."""
    url = DB if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        for name in ("acme", "bolt"):
            access.accounts.put(name, "plus")
            fenced(access, name)
    return url


def fenced(access: spillover.Access, name: str, key: str = "late") -> None:
    """An event of an older epoch comes after the account was rebuilt: it is kept, and reaches no balance."""
    access.settle(tend=False)
    access.consume(name, "video.seconds", 1, key=key)
    store, ledger = ports(access)
    entries = waiting(access, name)
    drive(store.acknowledge(entries))
    rebuilt(access, name)
    drive(ledger.settle(entries))


def sign(url: str) -> Sign:
    return next(one for one in doctor(url) if one.what == "quarantine")


def events(url: str, *options: str) -> list[dict[str, object]]:
    told = json.loads(run("quarantine", "list", "--json", *options, "--db", url).out)
    found: list[dict[str, object]] = told["events"]
    return found


def test_what_was_accepted_is_counted_no_more_and_stands_apart(db: str) -> None:
    first, second = (str(one["event"]) for one in events(db))
    assert (sign(db).level, sign(db).advice) == ("act", "spillover quarantine list")
    assert sign(db).found.startswith("2 not booked: ")
    before = json.loads(run("audit", "--json", "--db", db).out)
    assert (before["ok"], before["found"], before["accepted"]) == (False, {"quarantine": 2}, [])

    assert run("quarantine", "accept", first, "--reason", "billed by hand", "--actor", "ann", "--db", db).status == 0
    assert sign(db).found.startswith("1 not booked: ")
    assert [one["event"] for one in events(db)] == [second]
    assert run("quarantine", "list", "--db", db).status == 1
    told = json.loads(run("audit", "--json", "--db", db).out)
    assert (told["ok"], told["found"], len(told["findings"])) == (False, {"quarantine": 1}, 1)

    rest = run("quarantine", "accept", "--all", "--reason", "seen", "--db", db)
    assert rest.out == "Accepted 1 event; 1 were before.\n"
    assert (sign(db).level, sign(db).found) == ("fine", "2, each accepted")
    assert (run("quarantine", "list", "--db", db).status, events(db)) == (0, [])
    told = json.loads(run("audit", "--json", "--db", db).out)
    assert (told["ok"], told["findings"], told["digest"]) == (True, [], before["digest"])
    assert [one["expected"] for one in told["accepted"]] == ["accepted by ann: billed by hand", "accepted: seen"]
    text = run("audit", "--db", db)
    assert text.status == 0
    assert "2 events in quarantine, seen and accepted:" in text.out
    assert "accepted by ann: billed by hand" in " ".join(text.out.split())
    kept = events(db, "--all")
    assert [one["accepted"]["reason"] for one in kept] == ["billed by hand", "seen"]  # type: ignore[index]


def test_what_comes_into_quarantine_later_is_told_again(db: str) -> None:
    run("quarantine", "accept", "--all", "--reason", "seen", "--db", db)
    with spillover.connect(db, clock=clock(), settle=False) as access:
        fenced(access, "acme", "later still")
    assert sign(db).found.startswith("1 not booked: ")
    assert [one["key"] for one in events(db)] == ["later still"]
    assert run("audit", "--db", db).status == 1


def test_who_accepted_stays_on_record_when_the_account_is_erased_and_when_the_books_are_moved(db: str) -> None:
    run("quarantine", "accept", "--all", "--reason", "seen", "--actor", "ann", "--db", db)
    with spillover.connect(db, clock=clock(), settle=False) as access:
        access.settle()
        access.accounts.erase("acme")
        access.settle()
    assert sign(db).level == "fine"
    acts = json.loads(run("keys", "log", "--json", "--db", db).out)["acts"]
    assert {(one["verb"], one["by"], one["account"]) for one in acts} == {
        ("quarantine.accept", "ann", None), ("quarantine.accept", "ann", "bolt"),
    }  # fmt: skip
    move(db, "sqlite:///moved.db", clock=clock())
    assert sign("sqlite:///moved.db").level == "fine"
    assert run("audit", "--db", "sqlite:///moved.db").status == 0


def test_nothing_is_accepted_without_a_reason_or_that_is_not_there(db: str) -> None:
    for arguments, said in (
        (["--all"], "--reason: found none"),
        (["9.9.9", "--reason", "x"], "EVENT: found '9.9.9'"),
        (["acme", "--reason", "x"], "EVENT: found 'acme'"),
        (["--reason", "x"], "usage: found neither"),
    ):
        done = run("quarantine", "accept", *arguments, "--db", db)
        assert (done.status, said in done.complaint) == (2, True), done.complaint
    assert len(events(db)) == 2


def test_looking_into_an_empty_quarantine_makes_nothing(folder) -> None:
    with spillover.connect(DB, policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("acme", "plus")
    done = run("quarantine", "list", "--db", DB)
    assert (done.status, done.out) == (0, "0 events in quarantine, 0 more accepted.\n")
    known = Accepted(address_of(DB), 1_000)
    assert (known.acts(), known.trouble) == ({}, "")
    assert "office" not in versions_of("spillover.db")


def test_of_more_than_are_kept_what_nobody_has_accepted_keeps_the_audit_from_being_fine(db, folder):
    report = audit_of(address_of(db), progress=None, processes=1)
    accepted = Accepted(address_of(db), 1_000)
    accepted._acts = {f"another {number}": Act(0, 0, "ann", "", "", "seen", b"") for number in range(KEPT_MAX + 9)}
    told = without_accepted(replace(report, found={"quarantine": KEPT_MAX + 2}), accepted)
    assert (told.ok, told.found) == (False, {"quarantine": 2})
