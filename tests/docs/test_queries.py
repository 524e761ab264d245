"""The five queries of docs/LEDGER.md, on a small database with one change of each kind."""

import re
import sqlite3
from pathlib import Path

import pytest

import spillover

PAGE = (Path(__file__).parents[2] / "docs" / "LEDGER.md").read_text("utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.partition("## Five queries")[2], re.DOTALL)

POLICY = """
spillover: 1
features: {video.seconds: {unit: second, count: seconds, price: {credits: 10}}}
plans:
  plus:
    rules:
      - for: [video.seconds]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 5, every: day, in: UTC}]}
          - {from: units}
          - {from: credits}
          - {from: overage}
"""
NOON = 1_772_452_800_000
"""2026-03-02T12:00:00Z"""


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("queries")
    (folder / "policy.yaml").write_text(POLICY)
    url = f"sqlite:///{folder / 'app.db'}"
    with spillover.connect(url, policy=folder / "policy.yaml", clock=lambda: NOON, settle=False) as access:
        access.accounts.put("acme", plan="plus")
        access.units.add("acme", "video.seconds", 4, key="gift")
        access.credits.add("acme", 100, paid="90.00 EUR", ref="ch_1", key="order-1")
        access.consume("acme", "video.seconds", 20, subject="ada", key="clip-1")  # 5 included, 4 gifted, 10 + 1
        access.settle()
    connection = sqlite3.connect(folder / "app.db")
    yield connection
    connection.close()


def test_there_are_five():
    assert len(QUERIES) == 5


def test_every_measure_sums_to_zero_over_its_books(books):
    assert books.execute(QUERIES[0]).fetchall() == [
        ("credits", "lots", 0), ("credits", "purchases", -100_000_000), ("credits", "receivable", -10_000_000),
        ("credits", "revenue/video.seconds", 110_000_000), ("video.seconds", "lots", 0),
        ("video.seconds", "promotion", -4), ("video.seconds", "revenue/video.seconds", 4),
    ]  # fmt: skip


def test_usage_has_the_names_of_accounts_and_people(books):
    assert books.execute(QUERIES[1]).fetchall() == [("acme", "ada", "video.seconds", 1, 20)]


def test_each_movement_leads_to_its_request(books):
    rows = books.execute(QUERIES[2]).fetchall()
    assert [(row[2], row[3], row[5]) for row in rows] == [
        ("video.seconds", -4, "clip-1"), ("credits", -100_000_000, "clip-1"), ("credits", 10_000_000, "clip-1"),
    ]  # fmt: skip


def test_what_was_paid_for_is_listed_lot_by_lot(books):
    (row,) = books.execute(QUERIES[3]).fetchall()
    assert row[2:9] == ("90.00", "EUR", "", "ch_1", 100_000_000, 100_000_000, 0)


def test_charges_add_up_by_feature_and_day(books):
    assert books.execute(QUERIES[4]).fetchall() == [("video.seconds", "2026-03-02", 1, 110_000_000)]


def test_the_page_names_every_table(books):
    tables = [name for (name,) in books.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
    assert [name for name in tables if f"`{name}`" not in PAGE and not name.startswith("sqlite_")] == []
