"""Publishing from the command line: nothing is replaced, withdrawn or made without a word."""

import pytest

import spillover
from spillover.access.clock import TurnableClock, system_clock
from spillover.policy import read_policy
from tests.cli.support import run


@pytest.fixture
def prices(shop):
    """Three more policies: 46.yaml, 47.yaml, 48.yaml."""
    text = (shop / "policy.yaml").read_text()
    for price in (46, 47, 48):
        (shop / f"{price}.yaml").write_text(text.replace("max: 45", f"max: {price}"))
    return shop


def states():
    return [one["state"] for one in run("policy", "list", "--json").document["policies"]]


def test_what_a_policy_replaces_is_printed_and_marked_at_once(prices):
    run("policy", "publish", "46.yaml", "--when", "7d")
    run("policy", "publish", "47.yaml", "--when", "14d")
    assert states() == ["in force", "to come", "to come"]
    done = run("policy", "publish", "48.yaml", "--reason", "a mistake", "--actor", "ann")
    assert "48.yaml: in force from now on (no. 4, hash " in done.out
    assert "replaces 2 that were scheduled: no. 2 (20" in done.out
    assert ", no. 3 (20" in done.out
    assert states() == [None, "replaced", "replaced", "in force"]
    listed = run("policy", "list")
    assert "a mistake" in listed.out
    assert "ann" in listed.out
    last = run("policy", "list", "--json").document["policies"][-1]
    assert (last["reason"], last["actor"], last["withdraws"]) == ("a mistake", "ann", None)


def test_what_is_in_force_anyway_says_so_and_what_still_comes(prices):
    run("policy", "publish", "46.yaml", "--when", "7d")
    same = run("policy", "publish", "policy.yaml").out
    assert "policy.yaml: already in force, nothing changed (no. 1," in same
    assert "no. 2 still comes on 20" in same
    then = run("policy", "publish", "46.yaml", "--when", "8d").out
    assert "46.yaml: in force then anyway, nothing changed (no. 2, from 20" in then
    document = run("policy", "publish", "policy.yaml", "--json").document
    assert (document["changed"], document["number"], [one["number"] for one in document["coming"]]) == (False, 1, [2])
    assert states() == ["in force", "to come"]


def test_a_scheduled_policy_is_withdrawn_and_what_it_replaced_comes_again(prices):
    run("policy", "publish", "46.yaml", "--when", "14d")
    assert "replaces 1 that was scheduled: no. 2 (" in run("policy", "publish", "47.yaml", "--when", "7d").out
    done = run("policy", "withdraw", "3", "--reason", "not agreed", "--actor", "ann")
    assert "no. 3 (hash " in done.out
    assert "is withdrawn" in done.out
    assert "no. 2 comes again on 20" in done.out
    assert states() == ["in force", "to come", "withdrawn", "withdraws no. 3"]
    document = run("policy", "withdraw", "2", "--json").document
    assert (document["withdrawn"]["number"], document["coming"], document["returns"]) == (2, [], [])
    assert run("audit").status == 0
    for number, found in (("1", "whose instant has come"), ("2", "withdrawn already"), ("9", "found 9")):
        assert found in run("policy", "withdraw", number).complaint


def test_what_never_came_stays_marked_as_replaced_after_its_time(shop):
    clock = TurnableClock("2026-03-01T00:00:00Z")
    clock.set(system_clock() - 3_600_000)
    text = (shop / "policy.yaml").read_text()
    (shop / "next.yaml").write_text(text.replace("max: 45", "max: 46"))
    (shop / "then.yaml").write_text(text.replace("max: 45", "max: 47"))
    with spillover.connect("sqlite:///old.db", policy="policy.yaml", clock=clock, settle=False) as access:
        access.policies.publish(read_policy("next.yaml"), when=clock() + 60_000)
        clock.turn(seconds=1)
        access.policies.publish(read_policy("then.yaml"))
    found = run("policy", "list", "--json", "--db", "sqlite:///old.db").document["policies"]
    assert [one["state"] for one in found] == [None, "replaced", "in force"]


def test_a_database_is_made_where_that_is_asked_for(prices):
    other = ("--db", "sqlite:///other.db")
    complaint = run("policy", "publish", "46.yaml", *other).complaint
    assert "no file at other.db" in complaint
    assert "--create makes one" in complaint
    assert "--when" in run("policy", "publish", "46.yaml", "--create", "--when", "7d", *other).complaint
    assert not (prices / "other.db").exists()
    done = run("policy", "publish", "46.yaml", "--create", "--reason", "start", *other)
    assert "46.yaml: in force from now on (no. 1, hash " in done.out
    assert "in a new database" in done.out
    again = run("policy", "publish", "47.yaml", "--create", *other).out
    assert "47.yaml: in force from now on (no. 2, " in again
    assert "new database" not in again
    found = run("policy", "list", "--json", *other).document["policies"]
    assert [(one["state"], one["reason"]) for one in found] == [(None, "start"), ("in force", None)]
    assert run("account", "put", "acme", "--plan", "starter", *other).status == 0
    assert "memory" in run("policy", "publish", "46.yaml", "--create", "--db", "memory://").complaint


def test_an_account_is_not_put_under_a_new_policy_that_would_replace_what_is_scheduled(prices):
    run("policy", "publish", "46.yaml", "--when", "7d")
    complaint = run("account", "put", "acme", "--plan", "starter", "--policy", "47.yaml").complaint
    assert "no. 2 (20" in complaint
    assert complaint.endswith("with `spillover policy publish FILE --force`")
    assert states() == ["in force", "to come"]
