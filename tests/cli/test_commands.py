"""What each command does, for people and as JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import Done, run

COMMANDS = [
    ("init",), ("explain",), ("consume",), ("record",), ("replay",), ("settle",), ("audit",), ("policy", "check"),
    ("policy", "schema"), ("policy", "publish"), ("policy", "withdraw"), ("policy", "list"), ("policy", "show"),
    ("account", "put"), ("account", "plan"), ("account", "suspend"), ("account", "resume"), ("account", "consent"),
    ("account", "show"), ("account", "overview"),
    ("account", "credits"), ("account", "units"), ("account", "usage"), ("account", "erase"), ("account", "list"),
    ("balance",), ("statement",), ("holds", "open"), ("holds", "list"), ("holds", "extend"), ("holds", "commit"),
    ("holds", "release"), ("lots", "list"), ("lots", "revoke"), ("lots", "adjust"), ("lots", "reverse"),
    ("packs", "list"), ("packs", "grant"), ("topups", "set"), ("topups", "get"), ("topups", "list"),
    ("topups", "remove"), ("topups", "fail"), ("limits", "set"), ("windows", "reset"), ("refund",),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(command):
    done = run(*command, "--help")
    assert done.status == 0
    assert f"Usage: spillover {' '.join(command)}" in done.out
    assert "Example" in done.out
    assert f"  spillover {' '.join(command)}" in done.out.split("Example")[1]
    assert "--json" in done.out


def test_init_makes_a_split_decision_in_files_that_one_can_go_on_from(folder):
    done = run("init", "shop")
    assert done.status == 0
    assert "5 seconds included, 3 seconds for 30 credits" in done.out
    assert {"policy.yaml", "spillover.db", "app.py"} <= {path.name for path in (folder / "shop").iterdir()}
    app = subprocess.run(
        [sys.executable, "app.py"], cwd=folder / "shop", capture_output=True, text=True, check=True, timeout=60
    )
    assert app.stdout == "5 seconds included, 3 seconds for 30 credits\n"
    assert len((folder / "shop" / "app.py").read_text().splitlines()) == 10


def test_init_overwrites_nothing_and_writes_nothing_beside_what_is_there(folder):
    (folder / "policy.yaml").write_text("mine")
    done = run("init")
    assert "found policy.yaml" in done.complaint
    assert [path.name for path in folder.iterdir()] == ["policy.yaml"]
    assert (folder / "policy.yaml").read_text() == "mine"


def test_init_in_a_place_with_an_odd_name(folder):
    assert run("init", "my 50% shop?").status == 0
    assert (folder / "my 50% shop?" / "spillover.db").exists()
    assert run("init", "my 50% shop?").status == 2


def test_init_leaves_nothing_behind_when_it_fails(folder, monkeypatch):
    from spillover.access.plain import Access
    from spillover.model.errors import StoreFull

    def full(*_, **__):
        raise StoreFull("no space")

    monkeypatch.setattr(Access, "explain", full)
    assert run("init").complaint == "no space"
    assert list(folder.iterdir()) == []


def test_init_as_json(folder):
    document = run("init", "shop", "--json").document
    assert document["files"]["policy"] == "shop/policy.yaml"
    assert document["decision"]["allowed"] is True
    assert [leg["layer"] for leg in document["decision"]["legs"]] == ["allowance", "credits"]
    assert document["decision"]["charged"] == {"credits": "30", "micro_credits": 30_000_000}


def test_explain_says_the_sentence_then_the_staircase_then_the_table(shop):
    out = run("explain", "acme", "chat.messages", "--subject", "ada").out
    assert out.startswith("1 message included\n")
    assert out.index("asked ") < out.index("room 45") < out.index("room before")


def test_explain_of_a_denial_is_no_failure_and_shows_both_ways_out(shop):
    done = run("explain", "acme", "video.seconds", "500", "--attribute", "resolution=1080p")
    assert done.status == 0
    assert done.out.startswith("denied: ")
    assert "opens" in done.out
    assert "unlock 12,030 more credits" in done.out


def test_explain_as_json_has_both_the_decision_and_the_waterfall(shop):
    document = run("explain", "acme", "video.seconds", "seconds=60", "--json").document
    assert document["allowed"] is False
    assert document["denial"]["blocked_by"] == "credits"
    assert document["denial"]["unlock"] == "130 more credits unlock it"
    assert document["denial"]["status"] == 402
    assert [(step["layer"], step["given"]) for step in document["steps"]] == [
        ("allowance", {"units": 0}), ("units", {"units": 0}), ("credits", {"units": 47}),
    ]  # fmt: skip
    assert document["steps"][2]["stopped_by"]["short"] == {"credits": "130", "micro_credits": 130_000_000}


def test_explain_changes_nothing(shop):
    before = run("account", "show", "acme", "--json").document["measures"]
    for _ in range(3):
        run("explain", "acme", "video.seconds", "10")
    assert run("account", "show", "acme", "--json").document["measures"] == before


def test_an_account_is_put_given_credits_and_units_and_shown(shop):
    assert "globex: plan starter, active" in run("account", "put", "globex", "--plan", "starter").out
    lot = run(
        "account", "credits", "globex", "12.50", "--key", "k1", "--paid", "11.00 EUR", "--expires", "2030-01-01",
        "--json",
    ).document  # fmt: skip
    assert lot["granted"] == {"credits": "12.5", "micro_credits": 12_500_000}
    assert (lot["promotional"], lot["expires"]) == (False, "2030-01-01T00:00:00.000Z")
    assert (
        "30 seconds of video.seconds (promotional"
        in run("account", "units", "globex", "video.seconds", "30", "--key", "gift").out
    )
    document = run("account", "show", "globex", "--json").document
    assert [(at["measure"], at["available"], at["held"], at["settled"]) for at in document["measures"]] == [
        ("credits", *({"credits": "12.5", "micro_credits": 12_500_000},), {"credits": "0", "micro_credits": 0},
         {"credits": "12.5", "micro_credits": 12_500_000}),
        ("video.seconds", {"units": 30}, {"units": 0}, {"units": 30}),
    ]  # fmt: skip
    shown = run("account", "show", "globex").out
    assert "available" in shown
    assert "11.00 EUR" in shown


def test_credits_are_added_once_for_a_key_however_often_the_command_is_sent(shop):
    for _ in range(3):
        assert run("account", "credits", "acme", "50", "--key", "order-17").status == 0
    document = run("account", "show", "acme", "--json").document
    assert document["measures"][0]["available"]["credits"] == "520"
    assert "used before with another request" in run("account", "credits", "acme", "51", "--key", "order-17").complaint


def test_what_was_decided_is_settled_and_read_back_as_usage_and_statement(shop):
    assert run("settle", "--json").document == {"due": 0, "settled": 0, "parked": 0, "quarantined": 0}
    usage = run("account", "usage", "acme", "--by", "feature,subject", "--json").document
    (row,) = usage["rows"]
    assert row["group"] == {"feature": "video.seconds", "subject": "ada"}
    assert (row["requests"], row["used"], row["charged"]["credits"]) == (1, {"units": 8}, "30")
    statement = run("account", "statement", "acme", "--json").document
    assert [(row["kind"], row["delta"]["credits"], row["account_after"]["credits"]) for row in statement["rows"]] == [
        ("grant", "500", "500"), ("debit", "-30", "470"),
    ]  # fmt: skip
    assert "video.seconds" in run("account", "usage", "acme").out
    assert "-30" in run("account", "statement", "acme").out
    assert "nothing is booked" in run("account", "statement", "acme", "--until", "2021-01-01").out


def test_a_page_that_ends_says_so(shop):
    run("account", "put", "globex", "--plan", "starter")
    page = run("account", "list", "--limit", "1", "--json").document
    assert (len(page["accounts"]), page["more"]) == (1, True)
    assert "There is more" in run("account", "list", "--limit", "1").out
    names = [row["account"] for row in run("account", "list", "--json").document["accounts"]]
    assert sorted(names) == ["acme", "globex"]


def test_an_account_is_erased_only_on_purpose(shop):
    assert "--yes" in run("account", "erase", "acme").complaint
    assert run("account", "show", "acme").status == 0
    assert run("account", "erase", "acme", "--yes", "--json").document == {"account": "acme", "erased": True}
    assert "found 'acme'" in run("account", "show", "acme").complaint
    assert "(erased)" in run("account", "list").out


def test_a_policy_is_published_by_put_and_makes_a_new_database(shop):
    done = run("account", "put", "acme", "--plan", "starter", "--policy", "policy.yaml", "--db", "sqlite:///other.db")
    assert done.status == 0
    assert (shop / "other.db").exists()


def test_the_database_may_come_from_the_environment(shop):
    (shop / "spillover.db").rename(shop / "moved.db")
    assert run("account", "list", environment={"SPILLOVER_DB": "sqlite:///moved.db"}).status == 0
    assert run("account", "list").status == 2


def test_policy_check_lists_every_mistake_with_its_line_and_notes_of_a_sound_one(shop):
    assert run("policy", "check", "policy.yaml").out.startswith("policy.yaml: sound (2 features, 1 plan, hash ")
    text = (shop / "policy.yaml").read_text()
    (shop / "broken.yaml").write_text(text.replace("from: units", "from: unit").replace("max: 5,", "max: five,"))
    done = run("policy", "check", "broken.yaml")
    assert done.status == 1
    assert done.out.splitlines()[0].startswith("broken.yaml:24: plans.starter.rules[0].waterfall[1].from: found")
    assert done.out.splitlines()[-1] == "broken.yaml: 3 mistakes"
    document = run("policy", "check", "broken.yaml", "--json").document
    assert (document["ok"], len(document["mistakes"])) == (False, 3)
    assert set(document["mistakes"][0]) == {"file", "line", "path", "found", "expected"}


def test_policy_schema_is_a_json_schema():
    schema = json.loads(run("policy", "schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["spillover", "features", "plans"]


def test_the_documentation_names_every_command():
    page = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
    for command in COMMANDS:
        assert re.search(rf"^\| `{' '.join(command)}[ `]", page, re.MULTILINE), command


def test_version_and_bare_call():
    assert run("--version").out.startswith("spillover 0.")
    bare = run()
    assert (bare.status, bare.out) == (2, "")
    assert "Commands:" in bare.error


def test_results_are_data():
    assert Done(2, "", "spillover: no\n").complaint == "no"


def test_reports_fit_a_terminal_of_80_columns_and_fold_nothing(shop):
    run("account", "units", "acme", "video.seconds", "30", "--key", "gift")
    for command in ("show acme", "usage acme --by feature,day", "statement acme", "list"):
        out = run("account", *command.split(), environment={"COLUMNS": "80"}).out
        assert max(len(line) for line in out.splitlines()) <= 80, command
    usage = run("account", "usage", "acme", environment={"COLUMNS": "80"}).out
    assert "gifted" not in usage
    assert "overage" not in usage
    assert re.search(r"^video\.seconds +1 +8 +5 +3 +30$", usage, re.MULTILINE)
    shown = run("account", "show", "acme", environment={"COLUMNS": "80"}).out
    assert not re.search(r"^measure.*(held|owed)", shown, re.MULTILINE)
    assert shown.count("promotional") == 2
    audited = run("audit", environment={"COLUMNS": "80"}).out
    assert len(audited.splitlines()) < 30
    assert max(len(line) for line in audited.splitlines()) <= 80


def test_a_statement_names_the_feature_that_was_paid_for(shop):
    out = run("account", "statement", "acme").out
    assert re.search(r"^ *2 .* -30 +470 +video\.seconds +ada +first +0\.\d+$", out, re.MULTILINE)


def test_what_waits_in_the_stream_is_said_only_while_it_waits(shop):
    import spillover

    for command in ("usage", "statement"):
        assert "settle" not in run("account", command, "acme").out
    with spillover.connect("sqlite:///spillover.db", settle=False) as access:
        access.consume("acme", "chat.messages", key="one")
    for command in ("usage", "statement"):
        assert "1 event is not booked yet; `spillover settle`" in run("account", command, "acme").out


def test_a_ceiling_that_stops_a_request_is_named(shop):
    out = run("explain", "acme", "chat.messages", "1000").out
    assert "ceiling burst, room 20 of 20" in out
    assert re.search(r"^ceiling burst +20 +ceiling burst$", out, re.MULTILINE)
    assert " \n" not in out


def test_before_an_account_is_erased_what_it_has_left_is_said(shop, monkeypatch):
    said = []

    def answer_no(question, **_):
        said.append(question)
        return False

    monkeypatch.setattr("click.confirm", answer_no)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: self.name == "<stdin>", raising=False)
    done = run("account", "erase", "acme")
    assert "acme has 470 credits left, which nobody can reach any more then." in done.error
    assert "close the account" in said[0]
    assert run("account", "show", "acme").status == 0
    assert "closes the account" in run("account", "erase", "--help").out


def test_the_printed_examples_of_the_documentation_hold_after_init(folder):
    run("init")
    legs = run("explain", "acme", "video.seconds", "8", "--json").document["legs"]
    printed = [
        json.dumps([leg["layer"], leg["units"], leg["amount"]["credits"]], separators=(",", ":")) for leg in legs
    ]
    page = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
    assert "".join(f"\n    {line}" for line in printed) in page
