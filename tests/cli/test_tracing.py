"""From what a report shows back to what was asked: keys, denials, names behind tokens, who owes, what a refund did."""

from __future__ import annotations

import re

import pytest

from tests.cli.support import run

WIDE = {"COLUMNS": "200"}
POLICY = """
spillover: 1
attributes: [team]
features:
  tokens: {unit: credit, count: cost, price: [{output: 1, per: 1}]}
  clips: {unit: clip, count: clips, price: {credits: 1}}
plans:
  plus:
    rules:
      - for: [tokens]
        ceilings: [{name: calls, max: 1, of: requests, every: day, in: UTC}]
        waterfall: [{from: allowance, windows: [{name: free, max: 4, of: units, every: day, in: UTC}]}]
      - for: [clips]
        ceilings: [{name: team, max: 50, every: day, in: UTC, per: team, when_missing: skip}]
        waterfall: [{from: units}, {from: credits}, {from: overage, cap: {max: 9, ever: true}}]
        overshoot: {forgive: 0, ever: true}
"""


@pytest.fixture
def studio(folder):
    """One account with 2 clips and 3 credits, on a plan with overage."""
    (folder / "policy.yaml").write_text(POLICY)
    assert run("account", "put", "acme", "--plan", "plus", "--policy", "policy.yaml").status == 0
    assert run("account", "units", "acme", "clips", "2", "--key", "u").status == 0
    assert run("account", "credits", "acme", "3", "--key", "c").status == 0
    return folder


def keys() -> list[tuple[str, str | None]]:
    run("settle")
    return [(row["kind"], row["key"]) for row in run("statement", "acme", "--json").document["rows"]]


def test_a_row_of_a_statement_leads_to_its_request_and_its_hold(studio):
    run("consume", "acme", "clips", "1", "--key", "clip-1")
    run("holds", "open", "acme", "clips", "3", "--key", "job-7")
    run("consume", "acme", "clips", "1", "--key", "clip-2")
    run("holds", "commit", "acme", "job-7", "2")
    run("settle")
    run("lots", "adjust", "acme", "1", "--by", "1", "--reason", "promise")
    run("lots", "revoke", "acme", "1", "--reason", "fraud")
    run("settle")
    run("refund", "acme", "job-7", "--units", "1", "--reason", "black", "--key", "rf")
    found = keys()
    assert found == [
        ("grant", None), ("grant", None), ("debit", "clip-1"), ("debit", "clip-2"), ("debit", "job-7"),
        ("debit", "job-7"), ("adjust", None), ("revoke", None), ("refund", "job-7"),
    ]  # fmt: skip
    for key in {key for _, key in found if key}:
        assert run("explain", "--account", "acme", "--key", key).status == 0
        assert run("refund", "acme", key).status == 0
    out = run("statement", "acme", environment=WIDE).out
    assert re.search(r"^ *3 +\d\d-\d\d \d\d:\d\d:\d\d .* clip-1 +\d+\.\d+$", out, re.MULTILINE)


def test_an_orders_key_is_no_place_though_it_looks_like_one(studio):
    run("consume", "acme", "clips", "1", "--key", "clip-1")
    run("settle")
    place = run("statement", "acme", "--json").document["rows"][-1]["cause"]
    run("account", "credits", "acme", "1", "--key", place)
    (*_, row) = run("statement", "acme", "--json").document["rows"]
    assert (row["kind"], row["cause"], row["key"]) == ("grant", place, None)


def test_a_commit_after_the_expiry_leads_to_its_hold_too(studio):
    import spillover
    from spillover.access.clock import TurnableClock

    clock = TurnableClock("2030-01-01T00:00:00Z")
    with spillover.connect("sqlite:///spillover.db", settle=False, clock=clock) as access:
        access.open_hold("acme", "clips", 2, key="job-8", lasts=1000)
        clock.turn(hours=1)
        access.tend()
        assert access.holds.commit("acme", "job-8", 1).late
        access.settle()
    assert keys()[-1] == ("debit", "job-8")


def test_a_refund_says_what_can_be_spent_again_and_what_not(studio):
    run("account", "credits", "acme", "4", "--key", "b", "--priority", "200")
    run("consume", "acme", "clips", "9", "--key", "k")
    run("settle")
    run("lots", "adjust", "acme", "2", "--by", "1", "--reason", "so that it can be revoked")
    run("lots", "revoke", "acme", "2")
    done = run("refund", "acme", "k", "--key", "rf")
    assert done.out == (
        "acme: refunded 9 clips of clips: 4 credits to lot 3;"
        " 3 credits to lot 2, posted as revoked: it cannot be spent again; 2 clips of clips to lot 1 (key rf)\n"
    )
    document = run("refund", "acme", "k", "--key", "rf", "--json").document
    assert [(lot["lot"], lot["posted_as"]) for lot in document["lots"]] == [(3, None), (2, "revoked"), (1, None)]
    assert (document["expired"], document["revoked"]) == (0, 3_000_000)
    assert run("balance", "acme", "--json").document["measures"][0]["available"]["credits"] == "4"


def test_a_refund_to_a_lot_that_has_expired_says_that_all_of_it_had(studio):
    import spillover
    from spillover.access.clock import TurnableClock

    clock = TurnableClock("2024-01-01T00:00:00Z")
    with spillover.connect("sqlite:///old.db", policy="policy.yaml", settle=False, clock=clock) as access:
        access.accounts.put("acme", "plus")
        access.credits.add("acme", 3, key="c", expires=clock() + 10_000)
        access.consume("acme", "clips", 2, key="k")
        access.settle()
    done = run("refund", "acme", "k", "--db", "sqlite:///old.db", "--key", "rf")
    assert done.out == (
        "acme: refunded 2 clips of clips: 2 credits to lot 1, posted as expired: it cannot be spent again (key rf)\n"
    )


def test_denials_are_counted_and_explain_says_where(studio):
    assert run("account", "denials", "acme").out == "acme: nothing was denied in this time.\n"
    for key in ("a", "b"):
        assert run("consume", "acme", "clips", "99", "--key", key).status == 1
    document = run("account", "denials", "acme", "--since", "-2d", "--json").document
    assert sum(row["count"] for row in document["rows"]) == 2
    assert {(row["feature"], row["reason"]) for row in document["rows"]} == {("clips", "cap")}
    assert run("account", "denials", "acme", "--until", "-1h", "--json").document["rows"] == []
    assert re.search(r"clips +cap +[12]$", run("account", "denials", "acme").out, re.MULTILINE)
    complaint = run("explain", "--account", "acme", "--key", "a").complaint
    assert "denials are not recorded one by one, `spillover account denials acme --since -2d` counts them" in complaint


def test_a_list_of_denials_that_ends_before_its_end_says_so(studio):
    for feature in ("clips", "tokens"):
        assert run("consume", "acme", feature, "clips=99" if feature == "clips" else "output=9").status == 1
    document = run("account", "denials", "acme", "--limit", "1", "--json").document
    assert (len(document["rows"]), document["more"]) == (1, True)
    assert "There is more" in run("account", "denials", "acme", "--limit", "1").out


def test_who_owes_is_listed_with_how_much(studio):
    for name in ("blank", "globex"):
        run("account", "put", name, "--plan", "plus")
    assert run("account", "list", "--owing").out == "Nobody owes anything.\n"
    run("consume", "acme", "clips", "7")  # 2 gifted, 3 for credits, 2 on overage
    run("record", "globex", "clips", "10")  # 9 on overage, 1 owed
    run("settle")
    rows = {row["account"]: row for row in run("account", "list", "--json").document["accounts"]}
    sums = {name: [row[sum_]["credits"] for sum_ in ("settled", "owed", "receivable")] for name, row in rows.items()}
    assert sums == {"acme": ["0", "0", "2"], "blank": ["0", "0", "0"], "globex": ["0", "1", "9"]}
    owing = run("account", "list", "--owing", "--json").document
    assert [row["account"] for row in owing["accounts"]] == [name for name in rows if name != "blank"]
    assert not owing["more"]
    first = run("account", "list", "--owing", "--limit", "1", "--json").document
    assert (first["accounts"], first["more"]) == (owing["accounts"][:1], True)
    out = run("account", "list", "--owing").out
    assert re.search(r"^globex +plus +active +1 +9 +\d", out, re.MULTILINE)
    assert "receivable: advanced by the overage line" in out


def test_what_the_overage_line_advanced_is_shown_of_an_account(studio):
    assert "receivable" not in run("account", "show", "acme").out
    run("consume", "acme", "clips", "7")
    run("settle")
    out = run("account", "show", "acme").out
    assert re.search(r"^measure .*receivable$", out, re.MULTILINE)
    assert re.search(r"^credits +0 .*2$", out, re.MULTILINE)
    assert "receivable: advanced by the overage line" in out


def test_a_past_decision_of_the_own_database_shows_names_and_its_receipt_tokens(studio):
    run("limits", "set", "acme", "clips", "team", "60", "--scope", "blue", "--key", "l")
    run("consume", "acme", "clips", "1", "--key", "k", "--subject", "ada", "--attribute", "team=blue")
    run("holds", "open", "acme", "clips", "1", "--key", "h", "--subject", "ada", "--attribute", "team=blue")
    run("holds", "commit", "acme", "h", "1")
    run("settle")
    out = run("explain", "--account", "acme", "--key", "k", "--receipt-out", "k.json").out
    assert "subject ada" in out
    assert "set for this account: clips/team 60 for blue" in out
    assert "names stand as tokens" not in out
    told = run("explain", "--account", "acme", "--key", "k", "--json").document
    assert (told["subject"], told["attributes"]) == ("ada", {"team": "blue"})
    assert told["overrides"][0]["scope"] == "blue"
    ended = run("explain", "--account", "acme", "--key", "h", "--end", "--json").document["hold"]
    assert (ended["subject"], ended["attributes"]) == ("ada", {"team": "blue"})
    assert '"ada"' not in (studio / "k.json").read_text()  # in quotes: hashes are hexadecimal
    offline = run("explain", "--receipt", "k.json").out
    assert "names stand as tokens" in offline
    assert "subject ada" not in offline


def test_rooms_of_a_feature_counted_by_cost_are_told_in_what_they_count(studio):
    run("consume", "acme", "tokens", "output=1")
    (calls,) = run("consume", "acme", "tokens", "output=1", "--json").document["denial"]["blockers"]
    assert (calls["name"], calls["room"], calls["short"]) == ("calls", {"count": 0}, {"count": 1})
    run("windows", "reset", "acme", "tokens", "calls")
    told = run("explain", "acme", "tokens", "output=9", "--json").document
    (free,) = told["denial"]["blockers"]
    assert (free["name"], free["room"], free["short"]["credits"]) == (
        "free",
        {"credits": "3", "micro_credits": 3000000},
        "6",
    )
    assert told["steps"][0]["stopped_by"] == free


def test_the_overview_tells_the_limits_of_an_attribute(studio):
    run("consume", "acme", "clips", "2", "--attribute", "team=blue")
    asked = ("account", "overview", "acme", "--attribute", "team=blue")
    (_, clips) = run(*asked, "--json").document["features"]
    assert [(limit["per"], limit["scope"], limit["room"]) for limit in clips["limits"] if limit["name"] == "team"] == [
        ("team", "blue", {"units": 48})
    ]
    assert "team blue" in run(*asked).out
    assert "team" not in run("account", "overview", "acme").out.partition("Today")[0]
    assert "expected one that the policy declares" in run("account", "overview", "acme", "--attribute", "x=y").complaint


def test_the_books_of_an_audit_say_what_their_signs_mean(studio):
    assert "books: + received, - given\n" in run("audit").out


def test_a_backtest_takes_the_database_of_the_environment_unless_a_trace_is_given(studio):
    run("consume", "acme", "clips", "1")
    run("settle")
    (studio / "spillover.db").rename(studio / "moved.db")
    there = {"SPILLOVER_DB": "sqlite:///moved.db"}
    done = run("backtest", "--policy", "policy.yaml", "--json", environment=there)
    assert done.document["present"]["requests"] == 1
    assert "neither" in run("backtest", "--policy", "policy.yaml").complaint
    assert "--trace without --map" in run(
        "backtest", "--policy", "policy.yaml", "--trace", "policy.yaml", environment=there
    ).complaint  # fmt: skip


def test_a_hold_that_has_ended_says_what_to_do(studio):
    run("holds", "open", "acme", "clips", "1", "--key", "h")
    run("holds", "release", "acme", "h")
    assert run("holds", "commit", "acme", "h", "1").complaint == (
        "hold 'h' of account 'acme': found it released, expected an open hold; open another under a new key"
    )
