"""Requests and holds from the command line: taken, kept, committed, given back, and what is refused."""

from datetime import datetime, timedelta

import pytest

import spillover
from spillover.access.clock import TurnableClock, system_clock
from tests.cli.support import everything_in, run


def available(measure=0):
    return run("balance", "acme", "--json").document["measures"][measure]["available"]["credits"]


def test_a_request_is_taken_once_for_its_key(shop):
    done = run("consume", "acme", "video.seconds", "2", "--subject", "ada", "--key", "clip-9")
    assert (done.status, done.out) == (0, "2 seconds for 20 credits\nkey clip-9\n")
    again = run("consume", "acme", "video.seconds", "2", "--subject", "ada", "--key", "clip-9")
    assert again.out.startswith("as before: 2 seconds for 20 credits")
    assert available() == "450"
    assert "used before" in run("consume", "acme", "video.seconds", "3", "--key", "clip-9").complaint


def test_a_key_that_is_left_out_is_made_up_and_printed(shop):
    keys = [run("consume", "acme", "chat.messages", "--json").document["key"] for _ in range(2)]
    assert keys[0] != keys[1]
    printed = run("consume", "acme", "chat.messages").out.splitlines()[1].removeprefix("key ")
    assert run("consume", "acme", "chat.messages", "--key", printed, "--json").document["replayed"] is True


def test_a_denial_takes_nothing_and_has_a_status_of_its_own(shop):
    done = run("consume", "acme", "video.seconds", "500")
    assert (done.status, done.error) == (1, "")
    assert done.out.startswith("denied: ")
    assert "more credits unlock it" in done.out
    document = run("consume", "acme", "video.seconds", "500", "--json").document
    assert (document["allowed"], document["denial"]["blocked_by"]) == (False, "credits")
    assert available() == "470"


def test_partial_takes_what_there_is_and_says_what_limited_it(shop):
    document = run("consume", "acme", "video.seconds", "100", "--mode", "partial", "--json").document
    assert (document["asked"], document["granted"]) == ({"units": 100}, {"units": 47})
    assert [blocker["kind"] for blocker in document["limited_by"]][-1] == "credits"
    assert available() == "0"


def test_what_happened_already_is_recorded_and_its_overshoot_shown(shop):
    document = run("record", "acme", "video.seconds", "50", "--at", "-1s", "--json").document
    assert document["allowed"] is True
    assert document["overshoot"]["units"] == 3
    assert document["overshoot"]["forgiven"] == {"credits": "30", "micro_credits": 30_000_000}
    again = run("record", "acme", "video.seconds", "1", "--subject", "bob", "--attribute", "resolution=1080p")
    assert again.out.startswith("1 second beyond what was there, 25 credits forgiven")
    run("settle")
    used = run("account", "usage", "acme", "--by", "subject", "--json").document["rows"]
    assert sorted(row["group"]["subject"] for row in used) == ["", "ada", "bob"]
    out = run("statement", "acme").out
    assert "beyond what was there: video.seconds" in out
    assert "forgiven of that" in out
    assert "30 overshoot" in out


def test_a_hold_keeps_is_listed_and_is_committed_for_less(shop):
    opened = run("holds", "open", "acme", "video.seconds", "20", "--lasts", "15m", "--key", "job-7", "--subject", "ada")
    assert opened.out.startswith("held: 20 seconds for 200 credits until ")
    (standing,) = run("balance", "acme", "--json").document["measures"]
    assert (standing["available"]["credits"], standing["held"]["credits"]) == ("270", "200")
    (hold,) = run("holds", "list", "acme", "--json").document["holds"]
    assert (hold["key"], hold["subject"], hold["held"]) == ("job-7", "ada", {"units": 20})
    listed = run("holds", "list", "acme").out
    assert "job-7" in listed
    assert " 20 " in listed
    done = run("holds", "commit", "acme", "job-7", "13")
    assert (done.status, done.out) == (0, "committed: 13 seconds for 130 credits\n")
    assert run("holds", "commit", "acme", "job-7", "13").out.startswith("as before: committed")
    assert available() == "340"
    assert run("holds", "list", "acme").out == "acme has no open holds.\n"


def test_a_hold_is_extended_and_released(shop):
    run("holds", "open", "acme", "video.seconds", "20", "--key", "job-7")
    assert run("holds", "extend", "acme", "job-7", "40").out.startswith(
        "extended: 20 seconds for 200 credits; held in all: 40 seconds for 400 credits until "
    )
    assert available() == "70"
    denied = run("holds", "extend", "acme", "job-7", "400")
    assert (denied.status, denied.out[:8]) == (1, "denied: ")
    (before,) = run("holds", "list", "acme", "--json").document["holds"]
    after = run("holds", "extend", "acme", "job-7", "--lasts", "1h", "--json").document["due"]
    longer = datetime.fromisoformat(after) - datetime.fromisoformat(before["due"])
    assert timedelta(minutes=44) < longer <= timedelta(minutes=46)
    assert run("holds", "release", "acme", "job-7", "--json").document["kind"] == "release"
    assert available() == "470"


def test_a_hold_that_nobody_ended_is_called_over_and_expires_with_settle(shop):
    clock = TurnableClock("2026-03-01T00:00:00Z")
    clock.set(system_clock() - 3_600_000)
    (shop / "other").mkdir()
    with spillover.connect("sqlite:///other/a.db", policy="policy.yaml", clock=clock, settle=False) as access:
        access.accounts.put("acme", "starter")
        access.open_hold("acme", "video.seconds", 5, key="job-8", lasts=60_000)
    db = ("--db", "sqlite:///other/a.db")
    assert "over: it gives everything back" in run("holds", "list", "acme", *db).out
    assert run("settle", *db, "--json").document["due"] == 1
    assert run("holds", "list", "acme", "--json", *db).document["holds"] == []
    late = run("holds", "commit", "acme", "job-8", "4", *db)
    assert late.out == "committed after it had expired: 4 seconds included\n"


@pytest.mark.parametrize(
    ("command", "found", "expected"),
    [
        ("consume nobody video.seconds 1", "account: found 'nobody'", "spillover account put"),
        ("consume acme video.minutes 1", "feature: found 'video.minutes'", "video.seconds"),
        ("consume acme video.seconds 1.5", "usage: found '1.5'", "whole number"),
        ("consume acme video.seconds 1 --mode some", "'some' is not one of", "--help"),
        ("consume acme video.seconds 1 --at 2019-01-01", "found '2019-01-01'", "2020 to 2035"),
        ("consume acme video.seconds 1 --attribute model", "attribute: found 'model'", "name=value"),
        ("record acme video.seconds 0", "usage: found", "at least one unit"),
        ("record nobody video.seconds 1", "account: found 'nobody'", "spillover account put"),
        ("holds list nobody", "account: found 'nobody'", "spillover account put"),
        ("holds open acme video.seconds", "video.seconds", "expected"),
        ("holds open acme video.seconds 5 --lasts 2d", "lasts: found", "a second to a day"),
        ("holds open acme video.seconds 5 --lasts long", "found 'long'", "90s, 15m, 12h or 7d"),
        ("holds commit acme nope 5", "hold: found 'nope'", "the key under which a hold"),
        ("holds commit acme first 5", "hold: found 'first'", "the key under which a hold"),
        ("holds release acme nope", "nope", "expected"),
        ("holds extend acme nope 5", "hold: found 'nope'", "the key under which a hold"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_changes_nothing(shop, command, found, expected):
    before = everything_in("spillover.db")
    complaint = run(*command.split()).complaint
    assert found in complaint
    assert expected in complaint
    assert everything_in("spillover.db") == before


def test_a_hold_ends_once(shop):
    run("holds", "open", "acme", "video.seconds", "5", "--key", "job-9")
    run("holds", "release", "acme", "job-9")
    before = everything_in("spillover.db")
    assert "released" in run("holds", "commit", "acme", "job-9", "5").complaint
    assert "released" in run("holds", "extend", "acme", "job-9", "9").complaint
    assert everything_in("spillover.db") == before
