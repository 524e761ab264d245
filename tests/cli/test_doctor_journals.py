"""`spillover doctor --journal`: what waits since an outage, for whom, and what was refused; nothing is changed."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

import pytest

import spillover
from spillover.bootstrap.examining import doctor
from spillover.engine.journal import Admitted, Refused
from spillover.http_client.notes import Notes
from spillover.journal import SQLiteJournal
from spillover.model.health import Sign
from tests.cli.support import files_in, run
from tests.deploy.test_files import parse

URL, FILE = "sqlite:///spillover.db", "app.journal"


def waits(late_ms: int, policy: str, account: str = "acme", file: str = FILE) -> SQLiteJournal:
    """A journal in which one request has waited for so long."""
    now = time.time_ns() // 1_000_000
    found = SQLiteJournal(file, beside=frozenset({"client"}))
    entry = Admitted(account, "k", "video.seconds", {"seconds": 1}, "", {}, "exact", now - late_ms, None, 1, policy, "")
    found.admit([(entry, None)])
    return found


@pytest.fixture
def policy(shop: Path) -> str:
    """The hash of the policy that the books have."""
    with spillover.connect(URL, settle=False) as access:
        return access.policy.hash


def journals(*files: str, url: str = URL) -> list[Sign]:
    return [sign for sign in doctor(url, files or (FILE,)) if sign.what.startswith("journal ")]


@pytest.mark.parametrize(("late", "level"), [(1_000, "fine"), (30_000, "watch"), (200_000, "act")])
def test_what_waits_is_told_with_its_age_and_the_next_command(policy: str, late: int, level: str) -> None:
    waits(late, policy).close()
    (sign,) = journals()
    assert (sign.level, sign.found.startswith(f"1 waiting, the oldest for {late // 1000}")) == (level, True)
    if sign.advice:
        assert sign.advice == f"spillover journal list {FILE}"
        assert run(*shlex.split(sign.advice)[1:]).status == 0
    done = run("doctor", "--journal", FILE, "--json")
    assert done.status == (1 if level == "act" else 0)
    assert next(one for one in done.document["signs"] if one["what"] == f"journal {FILE}")["level"] == level


def test_what_was_refused_is_told_until_it_is_seen_to_and_an_empty_journal_is_fine(policy: str) -> None:
    journal = waits(1_000, policy)
    journal.end([], [Refused(journal.waiting(1)[0], "too late")])
    (sign,) = journals()
    assert (sign.found, sign.level) == ("0 waiting; 1 refused", "act")
    journal.forget(journal.refused(1))
    journal.close()
    assert journals() == [Sign(f"journal {FILE}", "nothing waits")]


def test_what_waits_for_other_books_is_told_of_an_engines_journal_and_of_a_clients(policy: str) -> None:
    waits(0, "f" * 64, file="theirs.journal").close()
    waits(0, policy, account="nobody").close()  # such a one is an engine's: its policy is that of these books
    client = waits(0, "outage", account="nobody", file="client.journal")
    Notes("client.journal").close()
    client.close()
    found = journals("theirs.journal", FILE, "client.journal")
    foreign = {sign.what: sign for sign in found if sign.level != "fine"}
    assert {what: sign.found.partition(",")[0] for what, sign in foreign.items()} == {
        "journal theirs.journal": "1 of 1 policies of what waits are not of these books",
        "journal client.journal": "1 of 1 accounts of what waits are not of these books",
    }
    for sign in foreign.values():
        parse(shlex.split(sign.advice.partition(",")[0])[1:])


def test_a_file_without_a_journal_is_told_and_nothing_is_made(policy: str, folder: Path) -> None:
    Path("text.journal").write_text("not a journal, whatever its name says", "utf-8")
    found = {sign.what: (sign.level, sign.found) for sign in journals("none.journal", "text.journal", "spillover.db")}
    assert found["journal none.journal"][0] == "watch"
    assert found["journal text.journal"] == ("act", "found a file of another kind, expected a SQLite database")
    assert found["journal spillover.db"] == ("act", "found none, expected a journal of version 1")
    assert not Path("none.journal").exists()


def test_looking_changes_nothing_while_its_program_has_it_open_and_where_the_books_are_away(
    policy: str, folder: Path, monkeypatch: Any
) -> None:
    journal = waits(200_000, policy)
    before = files_in(folder)
    monkeypatch.setenv("SPILLOVER_JOURNAL", FILE)
    done = run("doctor", "--json", "--db", "sqlite:///elsewhere.db")
    (sign,) = [one for one in done.document["signs"] if one["what"] == f"journal {FILE}"]
    assert (sign["level"], files_in(folder)) == ("act", before)
    journal.close()
    before = files_in(folder)
    assert [one.level for one in journals()] == ["act"]
    assert files_in(folder) == before
