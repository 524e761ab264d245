"""The commands: what they say to people and to programs, and their status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from spillover.cli.move import move
from spillover.cli.rebuild import rebuild
from spillover.cli.reconcile import reconcile
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
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
    expected = f"account {account}: cell scopes: found 3, expected 2\n"
    assert said(capsys, reconcile, *db) == (1, expected + "3 accounts: 1 differ\n")
    assert said(capsys, reconcile, "acme", *db) == (1, expected + "1 account: 1 differ\n")
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
    assert tally == {"accounts": 3, "same": 0, "differs": 3, "busy": 0, "shut": 0, "repaired": 0}


def test_what_a_rebuild_cannot_mend_stays_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meddle(path, "UPDATE lots SET balance = balance - 1, spent = spent + 1 WHERE lot = 1")
    status, text = said(capsys, reconcile, "--repair", "--db", f"sqlite:///{path}")
    assert (status, text.splitlines()[-1]) == (1, "3 accounts: 3 differ")


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
    status, text = said(capsys, rebuild, "--all", "--json", *db)
    found = document(text)
    assert (status, found["astray"][0]["account"], found["astray"][0]["what"]) == (1, account, "ahead")
    assert (found["rebuilt"]["accounts"], found["rebuilt"]["lost"]) == (3, 1)
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
    assert said(capsys, rebuild, "--all", "--db", source)[1].endswith(
        "3 accounts are left as they are: they were moved away.\n"
    )
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
