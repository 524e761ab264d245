"""`spillover journal`: what an outage left, seen and forgotten from the command line; and how a decision tells it."""

from pathlib import Path

import msgspec
import pytest

from spillover.documents.decision import Decision as DecisionDocument
from spillover.engine.answers import Decision, feature_of
from spillover.engine.journal import Admitted, Refused
from spillover.journal import SQLiteJournal
from spillover.policy import read_policy
from tests.cli.support import files_in, run


def entry(key: str, account: str = "acme", **usage: int) -> Admitted:
    return Admitted(account, key, "chat.tokens", usage, "ada", {"model": "large"}, "exact", 1_772_452_800_000, None, 7,
                    "p" * 64, "mark")  # fmt: skip


@pytest.fixture
def file(folder):
    """A journal with two requests that wait and two that were refused."""
    journal = SQLiteJournal("app.journal")
    journal.admit([(entry(f"k{number}", input=number), None) for number in range(1, 5)])
    first, _, third, _ = journal.waiting(10)
    journal.end([], [Refused(first, "account: found 'acme', expected one"), Refused(third, "too late")])
    journal.close()
    return "app.journal"


def test_it_lists_what_waits_and_what_was_refused_with_its_reason(file):
    done = run("journal", "list", file, "--json")
    assert done.status == 1
    found = done.document
    assert [one["number"] for one in found["waiting"]] == [2, 4]
    assert [(one["number"], one["reason"]) for one in found["refused"]] == [
        (1, "account: found 'acme', expected one"), (3, "too late"),
    ]  # fmt: skip
    assert found["waiting"][0] == {
        "number": 2, "at": "2026-03-02T12:00:00.000Z", "account": "acme", "feature": "chat.tokens",
        "usage": {"input": 2}, "mode": "exact", "subject": "ada", "attributes": {"model": "large"}, "key": "k2",
        "policy": "p" * 64,
    }  # fmt: skip
    shown = run("journal", "list", file)
    assert (shown.status, shown.error) == (1, "")
    assert shown.out.startswith("2 requests waiting, 2 refused.")
    assert "too late" in shown.out
    assert "input=4" in shown.out


def test_forgetting_drops_what_was_refused_and_never_what_waits(file):
    assert "number: found 2, expected a refused entry's number" in run("journal", "forget", file, "2").complaint
    assert "usage: found neither" in run("journal", "forget", file).complaint
    assert "usage: found both" in run("journal", "forget", file, "1", "--all").complaint
    assert run("journal", "forget", file, "3", "3", "--json").document == {"forgotten": [3]}
    assert "number: found 3" in run("journal", "forget", file, "3").complaint
    assert run("journal", "forget", file, "--all").out == "Forgot 1 request.\n"
    done = run("journal", "list", file)
    assert (done.status, done.out.splitlines()[0]) == (0, "2 requests waiting, 0 refused.")


def test_long_lists_are_told_whole_to_programs_and_shortly_to_people(folder):
    journal = SQLiteJournal("app.journal")
    journal.admit([(entry(f"k{number}", input=1), None) for number in range(1_203)])
    journal.close()
    assert len(run("journal", "list", "app.journal", "--json").document["waiting"]) == 1_203
    assert run("journal", "list", "app.journal").out.endswith("1153 more; --json gives all.\n")


def test_help_says_whose_journals_there_are():
    told = " ".join(run("journal", "--help").out.split())
    for one in ("connect(..., journal=FILE)", "serve --journal FILE", "Admit(..., journal=FILE)"):
        assert one in told


@pytest.mark.parametrize("command", [("list",), ("forget", "--all")])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(shop, command):
    verb, *rest = command
    (shop / "empty").touch()
    (shop / "letter").write_text("a letter to a friend\n" * 20)
    before = files_in(shop)
    for file, found in (
        ("missing", "no file"), ("empty", "an empty file"), ("letter", "of another kind"),
        ("spillover.db", "without a journal"),
    ):  # fmt: skip
        assert found in run("journal", verb, file, *rest).complaint
    assert files_in(shop) == before
    assert not (shop / "missing").exists()


def test_a_decision_tells_that_it_was_journaled(shop):
    policy = read_policy("policy.yaml")
    feature = feature_of(policy, "video.seconds")
    told = Decision(True, "acme", "video.seconds", "k", 0, 3, 3, (), 0, False, feature, journaled=True)
    document = msgspec.to_builtins(DecisionDocument.of(policy, told))
    assert (document["allowed"], document["journaled"], list(document["legs"])) == (True, True, [])
    assert document["sentence"] == "3 seconds admitted while the store was unreachable, to be settled later"
    assert run("consume", "acme", "video.seconds", "1", "--json").document["journaled"] is False


def test_the_documents_tell_the_status_that_it_ends_with(folder):
    journal = SQLiteJournal("app.journal")
    journal.admit([(entry("k1", input=1), None)])
    assert run("journal", "list", "app.journal").status == 0  # waiting is no trouble
    journal.end([], [Refused(journal.waiting(1)[0], "too late")])
    journal.close()
    assert run("journal", "list", "app.journal").status == 1
    docs = Path(__file__).parents[2] / "docs"
    (line,) = [line for line in (docs / "OPERATING.md").read_text("utf-8").splitlines() if "journal list app" in line]
    assert line.endswith("status 1 if anything was refused")
    (row,) = [
        row for row in (docs / "COMMANDS.md").read_text("utf-8").splitlines() if row.startswith("| `journal list")
    ]
    assert "waits to be recorded (status 0)" in row
    assert "refused, with its reason (status 1 if anything was)" in row
