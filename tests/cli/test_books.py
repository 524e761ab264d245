"""Replay and audit from the command line: what they find, what they refuse, and how they end."""

import apsw
import pytest

from tests.cli.support import run

MAP = """
spillover_map: 1
time: {column: time}
account: {column: account}
feature: {is: video.seconds}
key: {column: request}
usage: {seconds: {column: seconds}}
accounts: {plan: {is: starter}, lots: [{credits: 20}]}
"""
ROWS = [
    "time,account,request,seconds",
    "2026-03-02T10:00:00Z,ada,r1,4",
    "2026-03-02T10:00:01Z,ada,r2,2",
    "2026-03-02T10:00:02Z,bob,r1,5",
    "2026-03-02T10:00:03Z,ada,r3,2",
]
REPLAY = ("replay", "trace.csv", "--map", "map.yaml", "--policy", "policy.yaml", "--db", "sqlite:///trial.db")


@pytest.fixture
def trace(shop):
    """A file to replay, beside the policy of `init`; add rows with `trace(...)`."""
    (shop / "map.yaml").write_text(MAP)

    def write(*more: str) -> None:
        (shop / "trace.csv").write_text("\n".join([*ROWS, *more, ""]))

    write()
    return write


def test_a_trace_is_replayed_and_settled_into_books_that_are_whole(trace):
    document = run(*REPLAY, "--json").document
    assert (document["requests"], document["granted"], document["split"]) == (4, 3, 1)
    assert [(denied["kind"], denied["requests"]) for denied in document["denied"]] == [("credits", 1)]
    assert "who paid" in run(*REPLAY).out
    report = run("audit", "--db", "sqlite:///trial.db", "--json").document
    assert (report["ok"], report["accounts"], report["unsettled"], report["findings"]) == (True, 2, 0, [])
    credits = [book["micro_credits"] for book in report["books"] if book["measure"] == "credits"]
    assert (len(credits) >= 3, sum(credits)) == (True, 0)
    shown = run("audit", "--db", "sqlite:///trial.db")
    assert (shown.status, shown.out.splitlines()[0]) == (0, "The books are whole.")
    assert f"digest {report['digest']}" in shown.out


def test_a_trace_replayed_again_is_charged_once(trace):
    run(*REPLAY)
    before = run("audit", "--db", "sqlite:///trial.db", "--json").document["digest"]
    again = run(*REPLAY, "--json").document
    assert (again["granted"], again["granted_before"]) == (0, 3)
    assert run("audit", "--db", "sqlite:///trial.db", "--json").document["digest"] == before


def test_in_memory_a_replay_leaves_nothing(trace, folder):
    there = sorted(folder.iterdir())
    assert run(*REPLAY[:-1], "memory://", "--json").document["granted"] == 3
    assert sorted(folder.iterdir()) == there


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("2026-03-02T10:00:04Z,ada,r4,-1", "trace.csv:6: seconds: found '-1'"),
        ("2026-03-02T10:00:04Z,ada,r4,1.5", "trace.csv:6: seconds: found '1.5'"),
        ("2026-03-02T10:00:04Z,ada,r4,NaN", "trace.csv:6: seconds: found 'NaN'"),
        ("2026-03-02T10:00:04Z,ada,r4,", "trace.csv:6: "),
        ("yesterday,ada,r4,1", "trace.csv:6: time: found 'yesterday'"),
        ("2026-03-02T10:00:04Z,,r4,1", "trace.csv:6: account: found ''"),
        ("2026-03-02T10:00:04Z,ada,,1", "trace.csv:6: key: found ''"),
    ],
)
def test_a_bad_row_stops_a_replay_with_its_line_unless_bad_rows_are_skipped(trace, row, found):
    trace(row)
    assert found in run(*REPLAY).complaint
    document = run(*REPLAY, "--skip-bad", "--json").document
    assert (document["bad"], document["requests"]) == (1, 4)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("replay", "none.csv", "--map", "map.yaml", "--policy", "policy.yaml"), "'none.csv' does not exist"),
        (("replay", "trace.csv", "--policy", "policy.yaml"), "Missing option '--map'"),
        ((*REPLAY, "--part", "3/2"), "part: found '3/2', expected which part of how many, such as 2/4"),
        ((*REPLAY[:3], "broken.yaml", *REPLAY[4:]), "broken.yaml:"),
    ],
)
def test_a_replay_that_cannot_begin_writes_nothing(trace, folder, arguments, found):
    (folder / "broken.yaml").write_text(MAP.replace("video.seconds", "video.minutes"))
    assert found in run(*arguments).complaint
    assert not (folder / "trial.db").exists()


def test_an_edited_row_is_found_and_named_with_status_1(shop):
    connection = apsw.Connection("spillover.db")
    sql = "SELECT name, sql FROM sqlite_schema WHERE name = 'balance_updates_stay_as_written'"
    ((trigger, definition),) = connection.execute(sql)
    connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("UPDATE balance_updates SET delta = delta + 1 WHERE kind = 'debit'")
    connection.execute(definition)
    connection.close()
    done = run("audit")
    assert (done.status, done.error) == (1, "")
    assert "balance_updates" in done.out
    assert "of account acme" in done.out
    document = run("audit", "--json")
    assert document.status == 1
    assert document.document["ok"] is False
    assert {"chain", "history"} <= {finding["check"] for finding in document.document["findings"]}


def test_a_replay_has_no_default_database_and_changes_no_policy_unasked(trace, shop, monkeypatch):
    (shop / "other.yaml").write_text((shop / "policy.yaml").read_text().replace("max: 45", "max: 46"))
    before = run("audit", "--json").document["digest"]
    other = ("replay", "trace.csv", "--map", "map.yaml", "--policy", "other.yaml")
    assert "Missing option '--db'" in run(*other).complaint
    assert "Missing option '--db'" in run(*other, environment={"SPILLOVER_DB": "sqlite:///spillover.db"}).complaint
    complaint = run(*other, "--db", "sqlite:///spillover.db").complaint
    assert "--db: found spillover.db, which decides by another policy" in complaint
    assert "--publish" in complaint
    assert run("audit", "--json").document["digest"] == before
    assert run(*other, "--db", "sqlite:///spillover.db", "--publish").status == 0
    assert run(*REPLAY[:-1], "nope.db").complaint.endswith("expected an address such as sqlite:///nope.db")


def test_a_replay_says_one_row_and_shows_no_empty_table(trace, shop):
    (shop / "map.yaml").write_text(MAP.replace(", lots: [{credits: 20}]", ""))
    (shop / "trace.csv").write_text("\n".join([*ROWS[:2], "2026-03-02T10:00:04Z,ada,r4,-1", ""]))
    out = run(*REPLAY, "--skip-bad").out
    assert "1 account, 2 rows" in out or "1 account, 1 row" in out
    assert "1 bad row skipped" in out
    assert "held by the accounts" not in out
    assert " \n" not in out
