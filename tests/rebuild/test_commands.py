"""The commands: what they say to people and to programs, and their status."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import click
import pytest

from spillover.bootstrap import following, living
from spillover.bootstrap.addresses import address_of
from spillover.cli.books import settle
from spillover.cli.move import move
from spillover.cli.rebuild import rebuild
from spillover.cli.reconcile import reconcile
from spillover.engine.drive import drive
from spillover.engine.elsewhere import books_moved_to
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.errors import InvalidInput
from spillover.move import give_up as run_give_up
from spillover.move import move as run_move
from spillover.move.places import has_password, name_of, written
from tests.rebuild.support import account_of, engine, looked, meddle, ports, shop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with shop(f"sqlite:///{tmp_path}/shop.db") as access:
        access.settle(tend=False)
    return tmp_path / "shop.db"


def said(capsys: pytest.CaptureFixture[str], command: click.Command, *arguments: str) -> tuple[int, str]:
    status = command.main(list(arguments), standalone_mode=False)
    return status, capsys.readouterr().out


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_reconcile_tells_a_drift_and_repair_mends_it_on_record(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ("--db", f"sqlite:///{path}")
    assert said(capsys, reconcile, *db) == (0, "3 accounts: 0 differ\n")
    with engine(f"sqlite:///{path}") as access:
        account = account_of(access, "acme")
    meddle(path, f"UPDATE cells SET value = value + 1 WHERE account = {account} AND name = 'scopes'")
    expected = f"account acme (id {account}): cell scopes: found 3, expected 2\n"
    next_ = "Next: spillover rebuild acme --reason 'found by reconcile'\n"
    assert said(capsys, reconcile, *db) == (1, expected + "3 accounts: 1 differ\n" + next_)
    assert said(capsys, reconcile, "acme", *db) == (1, expected + "1 account: 1 differ\n" + next_)
    assert said(capsys, reconcile, "bolt", *db) == (0, "1 account: 0 differ\n")
    assert said(capsys, reconcile, "--repair", *db) == (0, expected + "3 accounts: 0 differ, 1 repaired\n")
    with engine(f"sqlite:///{path}") as access:
        (row,) = drive(ports(access)[1].epochs(account))
        assert (row.reason, row.actor) == ("reconcile: cell scopes", "reconcile")
    assert said(capsys, reconcile, *db) == (0, "3 accounts: 0 differ\n")


def test_reconcile_writes_a_line_for_each_finding_and_each_round(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meddle(path, "UPDATE cells SET value = value + 1 WHERE name = 'scopes'")
    status, text = said(capsys, reconcile, "--json", "--db", f"sqlite:///{path}")
    *findings, tally = [document(line) for line in text.splitlines()]
    assert (status, len(findings), findings[0]["what"]) == (1, 3, "scopes")
    assert {one["name"] for one in findings} == {"acme", "bolt", "carl"}
    assert tally == {"accounts": 3, "same": 0, "differs": 3, "busy": 0, "shut": 0, "repaired": 0}


def test_what_a_rebuild_cannot_mend_stays_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meddle(path, "UPDATE lots SET balance = balance - 1, spent = spent + 1 WHERE lot = 1")
    status, text = said(capsys, reconcile, "--repair", "--db", f"sqlite:///{path}")
    assert (status, text.splitlines()[-2:]) == (1, ["3 accounts: 3 differ", "Next: spillover audit"])


def test_an_account_that_was_erased_is_named_by_its_id(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ("--db", f"sqlite:///{path}")
    with engine(f"sqlite:///{path}") as access:
        account = account_of(access, "acme")
        for hold in access.holds.list("acme"):
            access.holds.release("acme", hold.key)
        access.accounts.erase("acme")
        access.settle(tend=False)
    meddle(path, f"UPDATE cells SET value = value + 1 WHERE account = {account} AND name = 'scopes'")
    status, text = said(capsys, reconcile, *db)
    assert (status, text.splitlines()[0][: len(f"account id {account} (erased): cell")]) == (
        1, f"account id {account} (erased): cell",
    )  # fmt: skip
    assert text.splitlines()[-1] == f"Next: spillover rebuild {account} --reason 'found by reconcile'"
    assert document(said(capsys, reconcile, "--json", *db)[1].splitlines()[0])["name"] is None
    assert said(capsys, rebuild, str(account), *db)[0] == 0
    assert said(capsys, reconcile, *db)[0] == 0


def test_many_accounts_that_differ_are_mended_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = f"sqlite:///{tmp_path}/many.db"
    with shop(db, tuple(f"a {number}" for number in range(6))) as access:
        access.settle(tend=False)
    meddle(tmp_path / "many.db", "UPDATE cells SET value = value + 1 WHERE name = 'scopes'")
    assert said(capsys, reconcile, "--db", db)[1].splitlines()[-1] == "Next: spillover reconcile --repair"
    assert said(capsys, reconcile, "--repair", "a 1", "--db", db)[0] == 0
    last = said(capsys, reconcile, "--db", db)[1].splitlines()[-1]
    assert last.startswith("Next: spillover rebuild 'a ")


def test_rebuild_says_what_it_did(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ("--db", f"sqlite:///{path}")
    status, text = said(capsys, rebuild, "acme", *db)
    assert (status, text) == (0, "Rebuilt 1 account; 0 waiting events settled.\n")
    status, text = said(capsys, rebuild, "--all", "--reason", "trial", *db)
    assert (status, text.splitlines()) == (
        0,
        ["The hot state of every account follows from the books.", "Rebuilt 3 accounts; 0 waiting events settled."],
    )
    with engine(f"sqlite:///{path}") as access:
        assert [row.reason for row in drive(ports(access)[1].epochs(account_of(access, "acme")))] == [
            "rebuild",
            "trial",
        ]


def test_rebuild_says_what_is_missing_before_it_begins(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with engine(f"sqlite:///{path}") as access:
        account = account_of(access, "acme")
        last = drive(ports(access)[1].standing(account)).sequence
        access.consume("acme", "video.seconds", 1)
    meddle(path, "DELETE FROM stream")
    db = ("--db", f"sqlite:///{path}")
    status, text = said(capsys, rebuild, "--all", "--check", *db)
    assert status == 1
    assert "1 account whose hot state does not follow from the books" in text
    assert f"0.{last + 1}" in text
    assert f"acme (id {account})" in text
    assert text.splitlines()[-1].startswith("Next: spillover rebuild --all --check --json > missing.json; keep that")
    status, text = said(capsys, rebuild, "--all", "--json", *db)
    found = document(text)
    assert (status, found["astray"][0]["account"], found["astray"][0]["what"]) == (1, account, "ahead")
    assert (found["rebuilt"]["accounts"], found["rebuilt"]["lost"]) == (3, 1)
    assert [found[part][0]["name"] for part in ("astray", "accounts")] == ["acme", "acme"]
    assert found["accounts"][0]["lost"] == [{"epoch": 0, "first": last + 1, "last": last + 1}]
    with engine(f"sqlite:///{path}") as access:
        assert looked(access, "acme").status == "same"


def test_move_tells_tables_and_the_digest(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"
    status, text = said(capsys, move, "--from", source, "--to", target)
    assert status == 0
    assert text.startswith(f"Moved 3 accounts from {source} to {target}.")
    assert "digest of both books: " in text
    assert said(capsys, reconcile, "--db", target) == (0, "3 accounts: 0 differ\n")
    with pytest.raises(InvalidInput, match="--give-up: found a finished move"):
        said(capsys, move, "--from", source, "--give-up", "--json")
    status, text = said(capsys, move, "--from", source, "--to", target)
    assert (status, text.splitlines()) == (0, [
        f"Nothing to do: 3 accounts moved from {source} to {target}, and that move had come to its end before.",
        f"Programs now connect to {target}",
        f"Next: spillover doctor --db {target}",
    ])  # fmt: skip
    assert document(said(capsys, move, "--from", source, "--to", target, "--json")[1])["before"] == target


def test_a_rebuild_of_what_was_moved_away_is_refused_and_says_where_it_lives(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"
    with engine(source) as access:
        account = account_of(access, "acme")
    said(capsys, move, "--from", source, "--to", target)
    with pytest.raises(InvalidInput) as told:
        said(capsys, rebuild, "acme", "--db", source)
    assert str(told.value) == (
        f"account: found acme (id {account}), which was moved away, expected one that lives here;"
        f" run it there: --db {target}"
    )
    for check in ((), ("--check",)):
        with pytest.raises(InvalidInput) as told:
            said(capsys, rebuild, "--all", *check, "--db", source)
        assert str(told.value) == (
            f"--db: found books that were moved away, expected accounts that live here; run it there: --db {target}"
        )
    assert said(capsys, rebuild, "acme", "--db", target)[0] == 0


def test_a_reconciliation_of_what_was_moved_away_is_refused_and_says_where_it_lives(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"
    with engine(source) as access:
        account = account_of(access, "acme")
        drive(ports(access)[0].shut(account))
    status, text = said(capsys, reconcile, "--db", source)
    assert (status, text) == (0, "3 accounts: 0 differ, 1 shut\n")  # shut here is no move
    said(capsys, move, "--from", source, "--to", target)
    for options in ((), ("--json",), ("--follow",), ("--repair",)):
        with pytest.raises(InvalidInput) as told:
            said(capsys, reconcile, *options, "--db", source)
        assert str(told.value) == (
            f"--db: found books that were moved away, expected accounts that live here; run it there: --db {target}"
        )
        assert capsys.readouterr().out == ""
    with pytest.raises(InvalidInput, match=rf"^account: found acme \(id {account}\), which was moved away"):
        said(capsys, reconcile, "acme", "--db", source)
    assert said(capsys, reconcile, "--db", target) == (0, "3 accounts: 0 differ\n")


def test_settle_on_books_that_were_moved_away_says_where_they_live(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"

    def told(what: str, done: int) -> None:
        if (what, done) == ("accounts closed", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_move(source, target, told=told)
    assert said(capsys, settle, "--db", source)[0] == 0  # one lives here still
    run_move(source, target)
    for options in ((), ("--json",), ("--follow",)):
        with pytest.raises(InvalidInput) as caught:
            said(capsys, settle, *options, "--db", source)
        assert str(caught.value) == (
            f"--db: found books that were moved away, expected accounts that live here; run it there: --db {target}"
        )
        assert capsys.readouterr().out == ""
    assert said(capsys, settle, "--db", target)[0] == 0


def test_a_settler_whose_books_are_moved_away_tells_it_as_trouble_until_they_live_there_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"
    monkeypatch.setattr(living, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(following, "TELL_SECONDS", 0.0)
    stop, steps = Event(), ["to be moved", "to be given up", "to end"]

    def stopping(what: str, _done: int) -> None:
        if what == "names":
            raise KeyboardInterrupt

    def tell(now: following.Following) -> None:
        if steps[0] == "to be moved":
            with pytest.raises(KeyboardInterrupt):
                run_move(source, target, told=stopping)
            steps.pop(0)
        elif steps[0] == "to be given up" and now.trouble:
            assert now.trouble == (
                f"found that these books were moved to {target}, expected accounts that live here; settle there"
            )
            run_give_up(source)
            steps.pop(0)
        elif not now.trouble:
            stop.set()

    assert following.follow(source, stop, tell).trouble == ""
    assert steps == ["to end"]


def test_books_are_moved_away_when_the_first_and_the_last_account_are(path: Path, tmp_path: Path) -> None:
    with shop(f"sqlite:///{tmp_path}/one.db", ("acme",)):
        pass
    drive(SQLiteLedger(tmp_path / "none.db").close())
    for name in (path.name, "one.db", "none.db"):
        source, target = f"sqlite:///{tmp_path}/{name}", f"sqlite:///{tmp_path}/new-{name}"
        ledger = SQLiteLedger(tmp_path / name)
        assert drive(books_moved_to(ledger)) == ""
        run_move(source, target)
        assert drive(books_moved_to(ledger)) == ("" if name == "none.db" else target)
        drive(ledger.close())


def test_accounts_that_have_left_in_a_move_under_way_are_told_and_not_passed_over(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"

    def told(what: str, done: int) -> None:
        if (what, done) == ("accounts closed", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_move(source, target, told=told)
    status, text = said(capsys, rebuild, "--all", "--db", source)
    assert (status, text.splitlines()[-1]) == (
        1, f"2 accounts are left as they are: they were moved to {target}; run it there.",
    )  # fmt: skip


def test_move_tells_where_programs_connect_as_they_write_it(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = said(capsys, move, "--from", "sqlite:///shop.db", "--to", "sqlite:///./new%2520shop.db")[1]
    where = f"sqlite:///{tmp_path.resolve()}/new%2520shop.db"
    assert text.splitlines()[-2:] == [f"Programs now connect to {where}", f"Next: spillover doctor --db {where}"]
    assert (tmp_path / "new%20shop.db").exists()
    assert said(capsys, reconcile, "--db", where)[0] == 0


def test_move_tells_no_password_and_that_one_is_needed(
    path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = postgres_url.replace("postgres@", "postgres:s3cret@")
    text = said(capsys, move, "--from", f"sqlite:///{path}", "--to", typed)[1]
    assert "s3cret" not in text
    assert text.splitlines()[-2:] == [
        f"Programs now connect to {postgres_url}, with the password that is left out here.",
        "Next: set SPILLOVER_DB to that address with its password, and run spillover doctor",
    ]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("postgresql://u:a@b@h:5/db?sslmode=require&password=x", "postgresql://u@h:5/db?sslmode=require"),
        ("postgresql://h/db?sslpassword=x", "postgresql://h/db"),
        ("valkey://:x@h:1/2?ledger=postgresql://u:x@h/db?sslmode=require",
         "valkey://h:1/2?ledger=postgresql://u@h/db?sslmode=require"),
        ("valkeys+cluster://d:x@a:1,b:2?z=1&ledger=postgresql://h/db",
         "valkeys+cluster://d@a:1,b:2?z=1&ledger=postgresql://h/db"),
    ],
)  # fmt: skip
def test_the_name_of_an_end_is_an_address_without_secrets(typed: str, told: str) -> None:
    name = name_of(address_of(typed))
    assert (name, has_password(address_of(typed)), has_password(address_of(name))) == (told, True, False)
    assert name_of(address_of(name)) == name


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("postgresql://h/db?remember=360m", "postgresql://h/db?remember=6h"),
        ("valkey://:x@h:1/2?remember=90s&ledger=postgresql://h/db?sslmode=require",
         "valkey://h:1/2?remember=90s&ledger=postgresql://h/db?sslmode=require"),
        ("postgresql://h/db", "postgresql://h/db"),
    ],
)  # fmt: skip
def test_for_how_long_keys_are_known_is_written_for_programs_and_is_no_part_of_the_name(typed: str, told: str) -> None:
    assert written(address_of(typed)) == told
    assert "remember" not in name_of(address_of(typed))


def test_a_move_that_is_under_way_is_given_up(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/target.db"

    def told(what: str, _done: int) -> None:
        if what == "names":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_move(source, target, told=told)
    status, text = said(capsys, move, "--from", source, "--give-up", "--json")
    assert (status, document(text)) == (0, {"opened": 3, "failed": {}})


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (rebuild, []),
        (rebuild, ["acme", "--all"]),
        (rebuild, ["acme", "--check"]),
        (move, ["--from", "sqlite:///x.db"]),
        (move, ["--from", "sqlite:///x.db", "--to", "sqlite:///y.db", "--give-up"]),
        (move, ["--from", "memory://", "--to", "sqlite:///y.db"]),
    ],
)
def test_what_makes_no_sense_is_refused(command: click.Command, arguments: list[str]) -> None:
    with pytest.raises(InvalidInput):
        command.main(arguments, standalone_mode=False)
