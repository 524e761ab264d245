"""Balances now and then, statements that leave nothing out, and policies from when."""

import json

import pytest

import spillover
from spillover.access.clock import TurnableClock, system_clock
from spillover.proof import Proved, check
from tests.cli.support import everything_in, run


def test_a_balance_shows_all_five_sums(shop):
    (standing,) = run("balance", "acme", "--json").document["measures"]
    sums = {name: standing[name]["credits"] for name in ("available", "held", "settled", "owed", "receivable")}
    assert sums == {"available": "470", "held": "0", "settled": "470", "owed": "0", "receivable": "0"}
    out = run("balance", "acme", environment={"COLUMNS": "80"}).out
    assert "receivable" in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_a_balance_at_a_past_instant_is_that_of_the_books_then(shop):
    clock = TurnableClock("2026-03-01T00:00:00Z")
    with spillover.connect("sqlite:///old.db", policy="policy.yaml", clock=clock, settle=False) as access:
        access.accounts.put("acme", "starter")
        access.credits.add("acme", "50", key="a")
        clock.turn(hours=1)
        access.consume("acme", "video.seconds", 8, key="b")
        access.settle()
    db = ("--db", "sqlite:///old.db")

    def settled(at):
        document = run("balance", "acme", "--at", at, "--json", *db).document
        return [one["settled"]["credits"] for one in document["measures"]]

    assert settled("2026-02-28T23:59:59Z") in ([], ["0"])
    assert settled("2026-03-01T00:59:59.999Z") == ["50"]
    assert settled("2026-03-01T02:00:00+01:00") == ["20"]
    assert "acme at 2026-03-01 01:00:00 UTC" in run("balance", "acme", "--at", "2026-03-01T01:00Z", *db).out


def test_an_overview_has_everything_on_one_screen(shop):
    run("account", "units", "acme", "video.seconds", "5", "--key", "gift", "--expires", "7d")
    run("holds", "open", "acme", "chat.messages", "--key", "job-7", "--subject", "ada")
    document = run("account", "overview", "acme", "--json").document
    daily, overshoot = document["features"][1]["limits"]
    assert (overshoot["kind"], overshoot["room"]["credits"]) == ("overshoot", "100")
    assert (daily["name"], daily["used"], daily["room"]) == ("daily", {"units": 5}, {"units": 0})
    assert daily["resets_at"] is not None
    assert [(hold["key"], hold["subject"]) for hold in document["holds"]] == [("job-7", "ada")]
    assert document["today"]["charged"]["credits"] == "30"
    assert [one["kind"] for one in document["next"]] == ["hold ends", "lot ends"]
    assert [one["measure"] for one in document["measures"]] == ["credits", "video.seconds"]
    out = run("account", "overview", "acme", environment={"COLUMNS": "80"}).out
    assert max(len(line) for line in out.splitlines()) <= 80
    for title in ("It has", "Limits", "Open holds", "Today, as booked so far", "Next"):
        assert f"\n{title}\n" in out


def test_a_statement_by_lines_proves_itself_and_leaves_nothing_out(shop):
    run("account", "plan", "acme", "starter")
    run("account", "suspend", "acme", "--reason", "card")
    run("settle")
    done = run("statement", "acme", "--jsonl")
    head, *rows = [json.loads(line) for line in done.out.splitlines()]
    assert head["count"] == len(rows) == len(run("statement", "acme", "--json").document["rows"])
    assert isinstance(check(done.out.encode()), Proved)
    assert not isinstance(check(done.out.replace("card", "cart").encode()), Proved)


def test_the_statement_stands_under_account_too(shop):
    assert run("account", "statement", "acme", "--json").document == run("statement", "acme", "--json").document


def test_a_policy_is_published_now_or_later_listed_and_shown(shop):
    text = (shop / "policy.yaml").read_text()
    (shop / "next.yaml").write_text(text.replace("max: 45", "max: 46"))
    (shop / "now.yaml").write_text(text.replace("max: 45", "max: 47"))
    assert "next.yaml: in force from 20" in run("policy", "publish", "next.yaml", "--when", "7d").out
    published = run("policy", "list", "--json").document["policies"]
    assert [one["state"] for one in published] == ["in force", "to come"]
    assert "room 45" in run("explain", "acme", "chat.messages").out
    assert "in force from now on" in run("policy", "publish", "now.yaml").out
    published = run("policy", "list", "--json").document["policies"]
    assert [one["state"] for one in published] == [None, "replaced", "in force"]
    assert "room 47" in run("explain", "acme", "chat.messages").out
    assert published[0]["hash"][:12] in run("policy", "list").out
    (shop / "old.yaml").write_text(run("policy", "show", published[0]["hash"][:8]).out)
    assert run("policy", "check", "old.yaml", "--json").document["hash"] == published[0]["hash"]


def test_a_policy_to_come_comes(shop):
    clock = TurnableClock("2026-03-01T00:00:00Z")
    clock.set(system_clock() - 3_600_000)
    text = (shop / "policy.yaml").read_text()
    (shop / "next.yaml").write_text(text.replace("max: 45", "max: 46"))
    with spillover.connect("sqlite:///old.db", policy="policy.yaml", clock=clock, settle=False) as access:
        from spillover.policy import read_policy

        access.accounts.put("acme", "starter")
        access.policies.publish(read_policy("next.yaml"), when=clock() + 60_000)
    assert "room 46" in run("explain", "acme", "chat.messages", "--db", "sqlite:///old.db").out


def test_a_policy_that_leaves_behind_what_is_in_use_is_refused_unless_forced(shop):
    text = (shop / "policy.yaml").read_text()
    (shop / "other.yaml").write_text(text.replace("  starter:", "  basic:"))
    (shop / "less.yaml").write_text(text[: text.index("      - for: [video.seconds]")])
    before = everything_in("spillover.db")
    complaint = run("policy", "publish", "other.yaml").complaint
    assert "the plan starter is missing, which 1 account has" in complaint
    assert "--force" in complaint
    assert "video.seconds is used under the plan starter" in run("policy", "publish", "less.yaml").complaint
    assert everything_in("spillover.db") == before
    forced = run("policy", "publish", "less.yaml", "--force")
    assert (forced.status, "note: the feature video.seconds" in forced.out) == (0, True)


@pytest.mark.parametrize(
    ("command", "found", "expected"),
    [
        ("balance nobody", "account: found 'nobody'", "spillover account put"),
        ("account overview nobody", "account: found 'nobody'", "spillover account put"),
        ("balance acme --at 7d", "--at: found 20", "a time that is past"),
        ("balance acme --at 2019-01-01", "found '2019-01-01'", "2020 to 2035"),
        ("statement nobody", "account: found 'nobody'", "spillover account put"),
        ("statement nobody --jsonl", "account: found 'nobody'", "spillover account put"),
        ("statement acme --jsonl --json", "--jsonl: found --json", "--jsonl alone"),
        ("statement acme --jsonl --since -7d", "--jsonl: found --since", "--jsonl alone"),
        ("policy publish none.yaml", "'none.yaml' does not exist", "--help"),
        ("policy publish broken.yaml", "broken.yaml:", "spillover policy check"),
        ("policy publish policy.yaml --when -1d", "found '-1d'", "a time in the future"),
        ("policy show 0000zz", "hash: found '0000zz'", "one of those published: "),
        ("policy show {empty}", "hash: found ''", "one of those published: "),
    ],
)
def test_what_cannot_be_read_or_published_is_refused_and_changes_nothing(shop, command, found, expected):
    (shop / "broken.yaml").write_text("spillover: 1\nfeatures: {}\nplans:\n  plus: {rules: none}\n")
    before = everything_in("spillover.db")
    complaint = run(*("" if word == "{empty}" else word for word in command.split())).complaint
    assert found in complaint
    assert expected in complaint
    assert everything_in("spillover.db") == before
