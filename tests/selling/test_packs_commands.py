"""`spillover packs` and `spillover topups`: what they say to people, what they write as JSON, how they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import run
from tests.selling.filling import Filling


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filling]:
    url = f"sqlite:///{tmp_path}/books.db"
    found = Filling(url, "acme")
    monkeypatch.setenv("SPILLOVER_DB", url)
    yield found
    found.close()


def document(*args: str) -> Any:
    done = run(*args, "--json")
    assert (done.status, done.error) == (0, ""), done.error
    return json.loads(done.out)


def said(*args: str) -> str:
    done = run(*args)
    assert (done.status, done.error) == (0, ""), done.error
    return done.out


def test_packs_are_listed_with_what_they_give_and_cost(shop: Filling) -> None:
    rows = [" ".join(line.split()) for line in said("packs", "list").splitlines()]
    assert "small 100 credits 9.00 EUR 365d 100 paid" in rows
    assert "clips 60 seconds of video.seconds 12.00 EUR for ever 100 paid" in rows
    told = document("packs", "list")["packs"]
    assert [(one["name"], one["amount"], one["lasts"]) for one in told] == [
        ("clips", {"units": 60}, None),
        ("small", {"credits": "100", "micro_credits": 100_000_000}, 365 * 86_400_000),
        ("tiny", {"credits": "5", "micro_credits": 5_000_000}, None),
    ]


def test_a_pack_is_granted_once_for_its_key(shop: Filling) -> None:
    first = said("packs", "grant", "acme", "small", "--key", "o1", "--ref", "ch_1", "--actor", "ada")
    assert re.fullmatch(r"acme: pack small, 100 credits for 9\.00 EUR, is lot 1, until .* UTC \(key o1\)\n", first)
    assert document("packs", "grant", "acme", "small", "--key", "o1", "--ref", "ch_1", "--actor", "ada")["lot"] == 1
    assert said("packs", "grant", "acme", "tiny", "--paid", "0.45 EUR", "--key", "o2") == (
        "acme: pack tiny, 5 credits for 0.45 EUR, is lot 2 (key o2)\n"
    )
    told = document("lots", "list", "acme")["lots"]
    assert [(lot["paid"], lot["reference"]) for lot in told] == [("9.00", "ch_1"), ("0.45", None)]


def test_a_denial_says_which_pack_unlocks_it(shop: Filling) -> None:
    unlocked = "5 more credits unlock it: pack tiny, 5 credits for 0.90 EUR"
    assert unlocked in " ".join(run("explain", "acme", "chat.messages").out.split())
    told = json.loads(run("explain", "acme", "chat.messages", "--json").out)["denial"]
    assert (told["unlock"], told["pack"]["name"]) == (unlocked, "tiny")


def test_a_rule_is_set_shown_listed_and_removed_and_the_log_says_who(shop: Filling) -> None:
    assert said("topups", "list").startswith("No account is topped up by itself.")
    assert said("topups", "get", "acme").startswith("acme is not topped up by itself.")
    rule = ("topups", "set", "acme", "--below", "12.50", "--pack", "small", "--most", "3")
    assert said(*rule, "--actor", "ada", "--reason", "asked") == (
        "acme: pack small when 12.5 credits or less are left, at most 3 in a month;"
        " from the next time on that they fall so low\n"
    )
    assert (
        said("topups", "get", "acme") == "acme: pack small when 12.5 credits or less are left, at most 3 in a month\n"
    )
    assert " ".join(said("topups", "list").split()).endswith("acme 12.5 small 3")
    (listed,) = document("topups", "list")["rules"]
    assert document("topups", "get", "acme")["rule"] == listed
    assert said("topups", "remove", "acme", "--reason", "enough") == "acme: nothing more is ordered\n"
    acts = document("keys", "log")["acts"]
    assert [(act["verb"], act["by"], act["account"], act["reason"], act["outcome"]) for act in acts] == [
        ("topups.set", "ada", "acme", "asked", "done"), ("topups.remove", "", "acme", "enough", "done"),
    ]  # fmt: skip
    assert acts[0]["details"] == {"account": "acme", "below": "12.50", "pack": "small", "most": 3}


def test_orders_are_shown_with_what_became_of_them(shop: Filling) -> None:
    shop.give("acme", "30", "start")
    shop.watch()
    shop.set("acme")
    shop.spend("acme", 4, "a")
    shop.watch()
    (order,) = document("topups", "get", "acme")["orders"]
    assert order["state"] == "wanted"
    assert said("topups", "fail", "acme", order["key"], "--reason", "card declined") == (
        f"acme: order {order['key']} has failed: card declined\n"
    )
    shown = " ".join(said("topups", "get", "acme").split())
    assert re.search(rf"{order['key']} \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC small failed 0 card declined$", shown)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (("packs", "grant", "acme", "huge"), "pack: found 'huge', expected one of the policy's packs: clips,"),
        (("packs", "grant", "nobody", "small"), "account: found 'nobody'"),
        (("topups", "remove", "acme"), "account: found 'acme', expected one that has a rule (`spillover topups set`)"),
        (("packs", "grant", "acme", "small", "--paid", "9"), "paid: found '9', expected an amount and a currency"),
        (("topups", "set", "acme", "--below", "1", "--pack", "clips", "--most", "1"), "pack: found clips, of units"),
        (("topups", "set", "nobody", "--below", "1", "--pack", "small", "--most", "1"), "account: found 'nobody'"),
        (("topups", "set", "acme", "--below", "x", "--pack", "small", "--most", "1"), "below: found 'x'"),
        (("topups", "fail", "acme", "topup:1:2026-03:1", "--reason", "no"),
         "key: found 'topup:1:2026-03:1', expected the key of an order of this account (`spillover topups get`)"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_line_and_changes_nothing(
    shop: Filling, command: tuple[str, ...], complaint: str
) -> None:
    assert run(*command).complaint.startswith(complaint)
    assert document("lots", "list", "acme")["lots"] == []
    assert document("topups", "list")["rules"] == []


def test_what_is_in_memory_has_no_rules() -> None:
    assert "what is in memory ends with its program" in run("topups", "list", "--db", "memory://").complaint
