"""`spillover backtest` and `spillover policy check --against` from the command line."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import spillover
from tests.backtest.support import PRESENT, PROPOSED, contents, folder, policy
from tests.cli.support import run

TRACED = ("backtest", "--policy", "new.yaml", "--trace", "trace.csv", "--map", "map.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    return folder(tmp_path)


@pytest.fixture
def books(here):
    with spillover.connect("sqlite:///app.db", policy=policy(PRESENT), settle=False) as access:
        access.accounts.put("ada", "free")
        access.consume("ada", "images", 3, key="k")
        access.settle()
    return here


def test_it_says_the_headline_the_tables_and_the_notes():
    done = run(*TRACED)
    assert done.status == 0
    assert done.out.startswith("Of 6 requests, 1 request of 1 account would be newly denied")
    for part in ("who pays", "newly denied", "newly served", "nothing was written"):
        assert part in done.out
    assert done.error == ""


def test_json_is_one_document_with_both_sides_and_the_difference():
    document = run(*TRACED, "--json").document
    assert document["present"]["charged"] == {"credits": "3", "micro_credits": 3_000_000}
    assert document["difference"]["charged"] == {"credits": "1", "micro_credits": 1_000_000}
    assert document["newly_denied"]["by_account"][0]["first"]["key"] == "row-3"
    assert document["same"] is False


def test_the_report_is_written_and_nothing_else_is_touched(here):
    before = contents(here)
    assert run(*TRACED, "--html", "report.html").status == 0
    after = contents(here)
    ET.fromstring(after.pop("report.html").decode())
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("backtest", "--policy", "new.yaml"), "usage: found neither, expected --trace with --map, or --db"),
        ((*TRACED, "--db", "sqlite:///app.db"), "usage: found both, expected --trace with --map, or --db"),
        (TRACED[:-2], "usage: found --trace without --map"),
        (("backtest", "--policy", "new.yaml", "--db", "sqlite:///none.db"), "--db: found no file at none.db"),
        ((*TRACED, "--html", "trace.csv"), "--html: found trace.csv, which is read here"),
        ((*TRACED, "--html", "away/report.html"), "--html: found no folder for away/report.html"),
        ((*TRACED[:2], "map.yaml", *TRACED[3:]), "map.yaml:"),
        (("policy", "check", "new.yaml", "--against", "soon"), "--against: found 'soon', expected a time such as"),
        (("policy", "check", "new.yaml", "--against", "7d"), "--db: found no file at spillover.db"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(here, arguments, complaint):
    before = contents(here)
    assert run(*arguments).complaint.startswith(complaint)
    assert contents(here) == before


def test_a_database_is_tried_and_stays_as_it_is(books):
    before = contents(books)
    done = run("backtest", "--policy", "new.yaml", "--db", "sqlite:///app.db", "--json")
    assert done.document["newly_denied"]["requests"] == 1
    assert contents(books) == before


def test_policy_check_lists_values_in_use_without_a_price(books):
    free = PROPOSED.replace("          - from: credits\n", "")
    Path("new.yaml").write_text(free.replace("price: {credits: 2}", "price: [{when: {size: big}, credits: 2}]"))
    found = run("policy", "check", "new.yaml", "--against", "7d", "--db", "sqlite:///app.db")
    assert found.status == 1
    assert "no price: images (1 request)" in found.out
    document = run("policy", "check", "new.yaml", "--against", "7d", "--db", "sqlite:///app.db", "--json").document
    assert document["against"]["coverage"]["unpriced"] == [{"feature": "images", "attributes": [], "count": 1}]
    Path("new.yaml").write_text(PROPOSED.replace("images", "films"))
    dropped = run("policy", "check", "new.yaml", "--against", "7d", "--db", "sqlite:///app.db")
    assert "no such feature: images (1 request)" in dropped.out
    sound = run("policy", "check", "policy.yaml", "--against", "1d", "--db", "sqlite:///app.db")
    assert sound.status == 0
    assert "held against 1 request booked since" in sound.out
