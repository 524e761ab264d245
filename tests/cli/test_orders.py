"""What finance and support order: lots, limits, windows, refunds; each once for a key, with reason and actor."""

import pytest

from tests.cli.support import everything_in, run

CREDITS_20 = {"credits": "20", "micro_credits": 20_000_000}


@pytest.fixture
def paid(shop):
    """The shop, with 20 credits more that were paid for, for messages only: lot 2."""
    done = run(
        "account", "credits", "acme", "20", "--key", "order-2", "--paid", "18.00 EUR", "--ref", "ch_2", "--scope",
        "feature=chat.messages", "--expires", "7d",
    )  # fmt: skip
    assert done.status == 0
    return shop


def lots():
    return {lot["lot"]: lot for lot in run("lots", "list", "acme", "--json").document["lots"]}


def test_lots_are_listed_with_what_became_of_them(paid):
    found = lots()
    assert (found[1]["spent"]["credits"], found[1]["settled"]["credits"], found[1]["state"]) == ("30", "470", "live")
    assert found[2]["scope"] == {"feature": ["chat.messages"]}
    assert (found[2]["paid"], found[2]["currency"], found[2]["reference"]) == ("18.00", "EUR", "ch_2")
    out = run("lots", "list", "acme").out
    assert "feature=chat.messages" in out
    assert "18.00 EUR" in out
    run("account", "put", "globex", "--plan", "starter")
    assert "never had a lot" in run("lots", "list", "globex").out


def test_a_lot_is_revoked_once(paid):
    first = run("lots", "revoke", "acme", "2", "--reason", "fraud", "--actor", "ops", "--key", "r1", "--json").document
    assert first["lowered"] == [{"lot": 2, **CREDITS_20}]
    assert (
        run("lots", "revoke", "acme", "2", "--reason", "fraud", "--actor", "ops", "--key", "r1", "--json").document
        == first
    )
    assert "nothing was left to take" in run("lots", "revoke", "acme", "2").out
    run("settle")
    assert "revoked (fraud)" in run("statement", "acme").out
    assert (lots()[2]["gone"]["credits"], lots()[2]["state"]) == ("20", "used up")


def test_a_lot_is_corrected_up_and_down_with_a_reason(paid):
    assert (
        "12.5 credits added to lot 1" in run("lots", "adjust", "acme", "1", "--by", "+12.50", "--reason", "promise").out
    )
    assert "5 credits taken from lot 1" in run("lots", "adjust", "acme", "1", "--by", "-5", "--reason", "twice").out
    before = everything_in("spillover.db")
    refused = run("lots", "adjust", "acme", "2", "--by", "-50", "--reason", "wrong")
    assert refused.complaint == "by: found -50, expected at least -20: that is what is left"
    assert everything_in("spillover.db") == before
    wrong = ("lots", "adjust", "acme", "2", "--by", "-20", "--reason", "wrong", "--key", "k")
    assert run(*wrong).out == run(*wrong).out
    run("settle")
    rows = run("statement", "acme", "--json").document["rows"]
    assert [(row["delta"]["credits"], row["reason"]) for row in rows if row["kind"] == "adjust"] == [
        ("12.5", "promise"), ("-5", "twice"), ("-20", "wrong"),
    ]  # fmt: skip


def test_a_chargeback_takes_what_is_left_and_says_what_is_short(paid):
    run("consume", "acme", "video.seconds", "2")
    out = run("lots", "reverse", "acme", "ch_2", "--key", "cb").out
    assert out == "acme: 20 of 20 credits of ch_2 taken back, 0 short (key cb)\n"
    document = run("lots", "reverse", "acme", "ch_2", "--key", "cb", "--json").document
    assert (document["taken"], document["lots"]) == (CREDITS_20, [{"lot": 2, **CREDITS_20}])


def test_a_limit_of_its_own_is_in_force_shown_and_in_the_statement(shop):
    assert "limit daily of video.seconds is 30 until " in run(
        "limits", "set", "acme", "video.seconds", "daily", "30", "--until", "7d", "--actor", "bob"
    ).out  # fmt: skip
    assert run("consume", "acme", "video.seconds", "25").out.startswith("25 seconds included")
    assert run("account", "show", "acme", "--json").document["limits"][0]["max"] == 30
    shown = run("account", "show", "acme").out
    assert "Limits of its own" in shown
    assert "video.seconds/daily" in shown
    run("settle")
    out = run("statement", "acme", environment={"COLUMNS": "200"}).out
    assert "limit video.seconds/daily: as in the plan -> 30 until 20" in out
    assert "bob" in out


def test_a_window_is_reset_and_the_statement_says_from_what(shop):
    out = run("windows", "reset", "acme", "video.seconds", "--reason", "outage").out
    assert "forgot 5 used of video.seconds/daily" in out
    assert run("consume", "acme", "video.seconds", "5").out.startswith("5 seconds included")
    again = run("windows", "reset", "acme", "chat.messages", "weekly", "--json").document
    assert again["entries"] == []
    run("settle")
    assert "reset video.seconds/daily: 5 -> 0 used (outage)" in run("statement", "acme").out


def test_a_limit_in_credits_is_set_in_credits(folder):
    (folder / "policy.yaml").write_text("""
spillover: 1
features: {chat.tokens: {unit: credit, count: cost, price: [{output: 10, per: 1M}]}}
plans:
  plus:
    rules:
      - for: [chat.tokens]
        waterfall: [{from: credits}]
        spending: [{name: person, max: 5, every: day, in: UTC, per: subject}]
""")
    run("account", "put", "acme", "--plan", "plus", "--policy", "policy.yaml")
    run("account", "credits", "acme", "50", "--key", "c")
    run("consume", "acme", "chat.tokens", "output=400000", "--subject", "ada", "--key", "a")
    done = run("limits", "set", "acme", "chat.tokens", "person", "12.50", "--scope", "ada")
    assert "limit person of chat.tokens is 12.50 for ada" in done.out
    assert run("consume", "acme", "chat.tokens", "output=800000", "--subject", "ada").status == 0
    assert run("consume", "acme", "chat.tokens", "output=800000", "--subject", "bob").status == 1
    assert "12 used of chat.tokens/person@ada" in run(
        "windows", "reset", "acme", "chat.tokens", "person", "--scope", "ada"
    ).out  # fmt: skip
    run("settle")
    out = run("statement", "acme", environment={"COLUMNS": "200"}).out
    assert "limit chat.tokens/person@ada: as in the plan -> 12.5" in out
    shown = run("account", "show", "acme", "--json").document
    assert (shown["limits"][0]["scope"], shown["limits"][0]["max"]) == ("ada", 12_500_000)
    run("limits", "set", "acme", "chat.tokens", "person", "7", "--scope", "bob")
    assert run("account", "show", "acme", "--json").document["limits"][1]["max"] == 7_000_000
    told = run("account", "overview", "acme", "--subject", "bob", "--json").document["features"][0]["limits"]
    assert [(one["name"], one["scope"], one["max"]["credits"]) for one in told] == [("person", "bob", "7")]


def test_a_charge_is_refunded_in_part_and_then_what_is_left(shop):
    part = run("refund", "acme", "first", "--units", "2", "--reason", "black", "--key", "rf")
    assert part.out == "acme: refunded 2 seconds of video.seconds: 20 credits to lot 1 (key rf)\n"
    again = run("refund", "acme", "first", "--units", "2", "--reason", "black", "--key", "rf", "--json").document
    assert (again["units"], again["lots"]) == (2, [{"lot": 1, **CREDITS_20, "posted_as": None}])
    assert run("balance", "acme", "--json").document["measures"][0]["available"]["credits"] == "490"
    assert "2 are refunded" in run("refund", "acme", "first", "--units", "20").complaint
    run("settle")
    assert "refund of video.seconds (black)" in run("statement", "acme").out
    assert run("audit").status == 0


def test_a_committed_hold_is_refunded_by_its_own_key(shop):
    run("holds", "open", "acme", "video.seconds", "20", "--key", "job-7")
    run("settle")
    assert "a hold that was committed" in run("refund", "acme", "job-7").complaint
    run("holds", "commit", "acme", "job-7", "13")
    run("settle")
    assert (
        "refunded 3 seconds of video.seconds: 30 credits to lot 1" in run("refund", "acme", "job-7", "--units", "3").out
    )
    assert run("refund", "acme", "job-7", "--json").document["lots"][0]["credits"] == "100"
    assert run("audit").status == 0


def test_what_is_not_booked_yet_is_refunded_after_settle(shop):
    run("consume", "acme", "video.seconds", "2", "--key", "clip-9")
    complaint = run("refund", "acme", "clip-9").complaint
    assert "not yet on the books" in complaint
    assert "`spillover settle` books it" in complaint
    run("settle")
    assert "20 credits to lot 1" in run("refund", "acme", "clip-9").out


@pytest.mark.parametrize(
    ("command", "found", "expected"),
    [
        ("lots list nobody", "account: found 'nobody'", "spillover account put"),
        ("lots revoke acme 9", "lot: found 9", "a lot of acme: 1"),
        ("lots revoke acme 0", "0 is not in the range", "--help"),
        ("lots revoke acme 1 --key {empty}", "key: found ''", "1 to 255 bytes"),
        ("lots adjust acme 1 --by 5", "Missing option '--reason'", "--help"),
        ("lots adjust acme 1 --by 0 --reason x", "--by: found '0'", "above or below 0"),
        ("lots adjust acme 1 --by much --reason x", "--by: found 'much'", "12.50"),
        ("lots adjust acme 1 --by --5 --reason x", "--by: found '-5'", "from 0"),
        ("lots adjust acme 9 --by 5 --reason x", "lot: found 9", "a lot of acme: 1"),
        ("lots reverse acme ch_9", "reference: found 'ch_9'", "the reference of a lot"),
        ("limits set acme video.minutes daily 5", "feature: found 'video.minutes'", "starter"),
        ("limits set acme video.seconds hourly 5", "limit: found 'hourly'", "one of: daily"),
        ("limits set acme video.seconds daily many", "max: found 'many'", "a whole number"),
        ("limits set acme video.seconds daily 5 --scope ada", "scope: found 'ada'", "whole account"),
        ("limits set acme video.seconds daily 5 --until -1h", "found '-1h'", "a time in the future"),
        ("limits set nobody video.seconds daily 5", "account: found 'nobody'", "spillover account put"),
        ("windows reset acme video.minutes", "feature: found 'video.minutes'", "an allowance"),
        ("windows reset acme video.seconds hourly", "limit: found 'hourly'", "one of: daily"),
        ("refund acme nope", "key: found 'nope'", "the key of usage of 'acme'"),
        ("refund nobody first", "account: found 'nobody'", "spillover account put"),
        ("refund acme first --units 9", "units: found 9", "1 to 8 units"),
        ("refund acme first --units some", "--units: found 'some'", "a whole number"),
        ("account credits acme 5 --key k --scope model", "scope: found 'model'", "name=value"),
        ("account credits acme 5 --key k --scope mood=good", "scope: found 'mood'", "one of: feature, subject"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_is_refused_and_changes_nothing(shop, command, found, expected):
    before = everything_in("spillover.db")
    complaint = run(*("" if word == "{empty}" else word for word in command.split())).complaint
    assert found in complaint
    assert expected in complaint
    assert everything_in("spillover.db") == before


def test_the_same_key_with_another_order_is_refused(paid):
    run("lots", "adjust", "acme", "1", "--by", "5", "--reason", "x", "--key", "k")
    assert "used before with another request" in run(
        "lots", "adjust", "acme", "1", "--by", "6", "--reason", "x", "--key", "k"
    ).complaint  # fmt: skip
