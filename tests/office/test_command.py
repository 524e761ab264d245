"""`spillover keys`: a secret is written once, every change stands in the log, every refusal is one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import spillover
from spillover.office.keys import opens, parse
from tests.cli.support import run
from tests.office.support import office_at
from tests.office.support import run as done
from tests.support import policy


@pytest.fixture
def db(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Books with an account, as `--db` of all commands."""
    with spillover.connect(url, policy=policy(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
    monkeypatch.setenv("SPILLOVER_DB", url)
    return url


def made(*more: str) -> tuple[str, str]:
    """The id and the whole text of a new key."""
    found = run("keys", "make", "checkout", *more)
    assert found.status == 0
    (text,), said = found.out.splitlines(), found.error.strip()
    identity, _ = parse(text) or ("", "")
    assert said == (f"Key {identity} (checkout) opens decide. It is not shown again: keep it where secrets are kept.")
    return identity, text


def document(*args: str) -> Any:
    found = run(*args, "--json")
    assert (found.status, found.error) == (0, ""), found.error
    return json.loads(found.out)


def opened_by(db: str, text: str) -> bool:
    from spillover.access.clock import system_clock

    office = office_at(db)
    identity, secret = parse(text) or ("", "")
    key = done(office.key(identity))
    done(office.close())
    return opens(key, secret, system_clock())


def test_a_key_is_shown_when_it_is_made_and_never_again(db: str) -> None:
    identity, text = made()
    assert opened_by(db, text)
    for told in (run("keys", "list"), run("keys", "list", "--json"), run("keys", "log"), run("keys", "log", "--json")):
        assert told.status == 0
        assert identity in told.out or told.out.startswith("number")
        assert text[-43:] not in told.out
        assert text[-43:] not in told.error


def test_a_key_has_the_scopes_bounds_and_end_that_were_asked_for(db: str) -> None:
    wanted = ("--scope", "read", "--scope", "admin", "--account", "acme", "--account", "bolt", "--feature", "x")
    key = document("keys", "make", "dash", *wanted, "--expires", "2034-01-01")
    (listed,) = document("keys", "list")["keys"]
    assert {**listed, "key": key["key"]} == key
    assert {name: listed[name] for name in ("name", "scopes", "accounts", "features", "ends", "revoked")} == {
        "name": "dash", "scopes": ["read", "admin"], "accounts": ["acme", "bolt"], "features": ["x"],
        "ends": "2034-01-01T00:00:00.000Z", "revoked": False,
    }  # fmt: skip


def test_a_rotated_key_has_two_secrets_for_a_while_or_one_at_once(db: str) -> None:
    identity, first = made()
    second = run("keys", "rotate", identity).out.split()[0]
    assert [opened_by(db, text) for text in (first, second)] == [True, True]
    third = document("keys", "rotate", identity, "--at-once")["key"]
    assert [opened_by(db, text) for text in (first, second, third)] == [False, False, True]
    assert len(document("keys", "list")["keys"]) == 1


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(db: str) -> None:
    identity, text = made()
    told = run("keys", "revoke", identity, "--reason", "left in a log", "--actor", "ada")
    assert told.out == f"{identity} (checkout) is revoked; a service that remembers it takes it for 5 seconds more.\n"
    assert not opened_by(db, text)
    assert [key["revoked"] for key in document("keys", "list")["keys"]] == [True]


def test_every_change_of_a_key_stands_in_the_log_with_who_and_why(db: str) -> None:
    identity, _ = made("--reason", "new shop", "--actor", "ada", "--account", "acme")
    run("keys", "rotate", identity, "--actor", "bob")
    run("keys", "revoke", identity, "--reason", "leaked")
    acts = document("keys", "log")["acts"]
    assert [(act["number"], act["by"], act["verb"], act["reason"], act["outcome"]) for act in acts] == [
        (1, "ada", "keys.make", "new shop", "done"),
        (2, "bob", "keys.rotate", "", "done"),
        (3, "", "keys.revoke", "leaked", "done"),
    ]
    assert {act["details"]["id"] for act in acts} == {identity}
    assert [act["details"]["accounts"] for act in acts] == [["acme"]] * 3
    table = run("keys", "log", "--limit", "2").out
    assert re.search(r"^ +1 +\S+ \S+ UTC +ada +keys\.make +new shop +done$", table, re.MULTILINE)
    assert "There may be more: --after 2" in table
    assert [act["number"] for act in document("keys", "log", "--after", "2")["acts"]] == [3]
    assert document("keys", "log", "--account", "acme")["acts"] == []
    assert document("keys", "log", "--since", "1d")["acts"] == []


def test_an_act_without_an_ending_is_said_to_have_none(db: str) -> None:
    from tests.office.support import act

    office = office_at(db)
    done(office.begin(act(account="acme")))
    done(office.close())
    assert re.search(r"credits\.add +acme +why +\(no ending\)", run("keys", "log").out)
    assert document("keys", "log")["acts"][0]["outcome"] == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("make", " x"), "name: found ' x', expected the name of what will use it, such as "),
        (("make", "x", "--scope", "write"), "Invalid value for '--scope': 'write' is not one of "),
        (("make", "x", "--account", ""), "accounts: found '', expected 1 to 128 printable characters"),
        (
            ("make", "x", "--expires", "-1d"),
            "Invalid value for '--expires': found '-1d', expected a time in",
        ),
        (("rotate", "aaaaaaaaaaaa"), "key: found 'aaaaaaaaaaaa', expected the id of a key, 12 letters and"),
        (("revoke", "aaaaaaaaaaaa"), "key: found 'aaaaaaaaaaaa', expected the id of a key, 12 letters and"),
        (("revoke", "a\nb"), "key: found 'a\\nb', expected the id of a key"),
        (("log", "--limit", "0"), "Invalid value for '--limit': 0 is not in the range 1<=x<=10000."),
        (("log", "--account", ""), "account: found '', expected 1 to 128 printable characters"),
    ],
)
def test_what_is_refused_is_one_line_and_writes_nothing(url: str, db: str, command: tuple[str, ...], said: str) -> None:
    assert run("keys", *command).complaint.startswith(said)
    assert document("keys", "list") == {"keys": []}
    assert document("keys", "log") == {"acts": [], "after": None}


def test_a_whole_key_in_the_place_of_its_id_is_not_repeated(db: str) -> None:
    _, text = made()
    told = run("keys", "revoke", text).complaint
    assert told.startswith("key: found what is no id, expected the id of a key")
    assert text[-43:] not in told


def test_a_revoked_key_is_not_rotated(db: str) -> None:
    identity, _ = made()
    run("keys", "revoke", identity)
    assert run("keys", "rotate", identity).complaint == (
        f"key: found {identity}, which is revoked, expected one that is not; make another"
    )


def test_keys_are_made_in_no_database_that_is_not_there(tmp_path: Path) -> None:
    told = run("keys", "make", "x", "--db", f"sqlite:///{tmp_path}/none.db").complaint
    assert told.startswith(f"--db: found no file at {tmp_path}/none.db, expected a database; ")
    assert "what is in memory ends with its program" in run("keys", "list", "--db", "memory://").complaint
    assert not list(tmp_path.iterdir())


def test_without_any_there_is_a_line_that_says_so(db: str) -> None:
    assert run("keys", "list").out == "There are no keys yet. `spillover keys make NAME` makes one.\n"
    assert run("keys", "log").out == "Nothing was done in this time.\n"
