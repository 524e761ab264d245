"""The terms of an account from the command line: plans at once and later, states, consent, and what a trial becomes."""

import pytest

import spillover
from spillover.access.clock import TurnableClock, system_clock
from tests.cli.support import everything_in, run

POLICY = """
spillover: 1
features: {video.seconds: {unit: second, count: seconds, price: {credits: 10}}}
plans:
  plus: {rules: [{for: [video.seconds], waterfall: [{from: credits, consent: remembered}]}]}
  team: {rules: [{for: [video.seconds], waterfall: [{from: credits}, {from: overage}]}]}
  trial:
    lasts: 14d
    then: plus
    gives: [{credits: 30, expires: 14d, once: true}]
    rules: [{for: [video.seconds], waterfall: [{from: credits}]}]
"""
DAY = 86_400_000


@pytest.fixture
def plans(folder):
    """A database with three plans, and acme on plus."""
    (folder / "policy.yaml").write_text(POLICY)
    assert run("account", "put", "acme", "--plan", "plus", "--policy", "policy.yaml").status == 0
    return folder


def terms_of(name):
    return run("account", "show", name, "--json").document["terms"]


def test_a_plan_is_changed_at_once_with_its_reason_in_the_statement(plans):
    done = run("account", "plan", "acme", "team", "--reason", "upgrade", "--actor", "ada")
    assert done.out.startswith("acme: plan team, active (version 2")
    run("settle")
    (row,) = run("statement", "acme", "--json").document["rows"]
    assert (row["what"], row["before"], row["after"]) == ("plan", "plus", "team")
    assert (row["reason"], row["actor"]) == ("upgrade", "ada")
    assert "plan: plus -> team (upgrade)" in run("statement", "acme").out


def test_a_plan_may_be_scheduled_and_is_shown_until_then(plans):
    assert "plan team from " in run("account", "plan", "acme", "team", "--when", "7d").out
    assert (terms_of("acme")["plan"], terms_of("acme")["next_plan"]) == ("plus", "team")
    assert "plan team from " in run("account", "show", "acme").out
    run("account", "plan", "acme", "team")
    assert terms_of("acme")["next_plan"] is None


def test_a_trial_says_what_follows_it(plans):
    document = run("account", "put", "bob", "--plan", "trial", "--json").document
    assert (document["plan"], document["next_plan"]) == ("trial", "plus")
    out = run("account", "put", "eve", "--plan", "trial").out
    assert "eve: plan trial, active" in out
    assert "plan plus from " in out
    assert run("balance", "bob", "--json").document["measures"][0]["available"]["credits"] == "30"


def test_settle_sees_to_what_has_fallen_due_unless_told_not_to(plans):
    clock = TurnableClock("2026-03-01T00:00:00Z")
    clock.set(system_clock() - 15 * DAY)
    with spillover.connect("sqlite:///spillover.db", clock=clock, settle=False) as access:
        access.accounts.put("bob", "trial")
    assert run("settle", "--no-tend", "--json").document["due"] == 0
    assert run("account", "list", "--json").document["accounts"]
    assert terms_of("bob")["plan"] == "trial"
    assert "had fallen due" in run("settle").out
    assert terms_of("bob")["plan"] == "plus"
    out = run("statement", "bob").out
    assert "plan: trial -> plus (scheduled plan)" in out
    assert "expired" in out
    assert run("audit").status == 0


def test_a_suspended_account_is_denied_until_it_is_resumed(plans):
    run("account", "credits", "acme", "50", "--key", "c")
    assert "suspended" in run("account", "suspend", "acme", "--reason", "card was declined").out
    denied = run("consume", "acme", "video.seconds", "1")
    assert (denied.status, denied.out) == (1, "denied: the account is suspended\n")
    assert "active" in run("account", "resume", "acme").out
    assert run("consume", "acme", "video.seconds", "1").status == 0
    run("settle")
    assert "state: active -> suspended (card was declined)" in run("statement", "acme").out


def test_consent_is_remembered_and_told(plans):
    run("account", "credits", "acme", "50", "--key", "c")
    assert "without consent" in run("account", "consent", "acme", "off").out
    assert "without consent" in run("account", "show", "acme").out
    assert run("consume", "acme", "video.seconds", "1").status == 1
    assert run("account", "consent", "acme", "on", "--json").document["consent"] is True
    assert run("consume", "acme", "video.seconds", "1").status == 0


@pytest.mark.parametrize(
    ("command", "found", "expected"),
    [
        ("account plan acme gold", "plan: found 'gold'", "plus, team, trial"),
        ("account plan nobody", "Missing argument 'PLAN'", "--help"),
        ("account plan acme team --when -2h", "found '-2h'", "a time in the future"),
        ("account plan acme team --when 2019-01-01", "found '2019-01-01'", "2020 to 2035"),
        ("account plan acme team --when soon", "found 'soon'", "7d or -2h"),
        ("account suspend nobody", "account: found 'nobody'", "spillover account put"),
        ("account resume nobody", "account: found 'nobody'", "spillover account put"),
        ("account consent nobody on", "account: found 'nobody'", "spillover account put"),
        ("account consent acme maybe", "'maybe' is not one of 'on', 'off'", "--help"),
    ],
)
def test_terms_that_cannot_be_are_refused_and_change_nothing(plans, command, found, expected):
    before = everything_in("spillover.db")
    complaint = run(*command.split()).complaint
    assert found in complaint
    assert expected in complaint
    assert everything_in("spillover.db") == before
