"""The digest of the books: the same for the same outcome, whatever else differs; another for any other amount."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.page import digest_by_the_page
from tests.audit.planting import ACME
from tests.audit.stories import make_shop
from tests.audit.worlds import World


def test_two_runs_of_the_same_story_have_the_same_digest(shop: Path, tmp_path: Path) -> None:
    again = make_shop(tmp_path / "again.db")
    assert shop.read_bytes() != again.read_bytes()
    assert audit(shop).digest == audit(again).digest


@pytest.mark.parametrize("seed", range(6))
def test_batches_and_times_of_settlement_make_no_difference(tmp_path: Path, seed: int) -> None:
    often = World(tmp_path / "often.db", seed, rich=False)
    once = World(tmp_path / "once.db", seed, rich=False)
    for number in range(150):
        often.step(number)
        often.access.settle(tend=False)
        once.step(number)
    digests = [audit(world.close()).digest for world in (often, once)]
    assert digests[0] == digests[1]


def test_accounts_and_top_ups_may_come_in_another_order(tmp_path: Path) -> None:
    def play(name: str, order: list[int]) -> str:
        world = World(tmp_path / name, 3, accounts=0, rich=False)
        for number in order:
            world.put(f"account {number}", plan="one", billing_day=world.at)
            world.access.credits.add(f"account {number}", "500", key="much")
        for number in order:
            for turn in range(5):
                if turn == 3 and number == order[0]:
                    world.access.credits.add(f"account {number}", "1", key="more")
                world.access.consume(f"account {number}", "video", 1, key=f"k {turn}", subject=f"s {number}")
            if number == order[-1]:
                world.access.credits.add(f"account {order[0]}", "2", key="most")
        return audit(world.close()).digest

    assert play("a.db", [1, 2, 3]) == play("b.db", [1, 3, 2])


@pytest.mark.parametrize("seed", range(4))
def test_the_digest_is_what_the_page_says(tmp_path: Path, seed: int) -> None:
    path = World(tmp_path / "x.db", seed, accounts=4).play(120).close()
    assert audit(path).digest == digest_by_the_page(path)


def test_processes_make_no_difference(tmp_path: Path) -> None:
    path = World(tmp_path / "x.db", 5, accounts=9).play(200).close()
    assert audit(path, processes=1).digest == audit(path, processes=2).digest == audit(path, processes=3).digest


DIFFERENT = [
    "UPDATE monetization_events SET amount = amount + 1 WHERE account = {acme} AND number = 3",
    "UPDATE balance_updates SET delta = delta - 1 WHERE account = {acme} AND number = 9",
    "UPDATE balance_updates SET delta = delta + 1 WHERE account = {acme} AND number = 1",
    "UPDATE lots SET balance = balance + 1, spent = spent - 1 WHERE account = {acme} AND lot = 1",
    "UPDATE account_balances SET receivable = receivable + 1 WHERE account = {acme} AND measure = 'credits'",
    "UPDATE usage_events SET payload = replace(CAST(payload AS TEXT), '\"output\":90', '\"output\":91')",
    'UPDATE usage_events SET payload = replace(CAST(payload AS TEXT), \'"units":4,"gr\', \'"units":5,"gr\')',
    "DELETE FROM usage_events WHERE account = {acme} AND sequence = 12",
    "DELETE FROM monetization_events WHERE account = {acme} AND number = 2",
    "DELETE FROM balance_updates WHERE account = {acme} AND number = 12",
    "DELETE FROM accounts WHERE id <> {acme}",
    "INSERT INTO quarantine SELECT account, 0, 99, key, payload, 'odd', 5, 0, 0 FROM usage_events WHERE sequence = 12",
]


@pytest.mark.parametrize("statement", DIFFERENT)
def test_another_outcome_has_another_digest(shop: Path, statement: str) -> None:
    before = audit(shop).digest
    with Forger(shop) as forger:
        statement = statement.replace("SET payload = replace", "SET payload = CAST(replace")
        if "CAST(replace" in statement:
            statement += " AS BLOB)"
        assert forger.run(statement.format(acme=ACME))
    assert audit(shop).digest != before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE names SET name = name || 'x'",
        "UPDATE lots SET granted_at = granted_at + 1",
        "UPDATE accounts SET usage_head = zeroblob(32)",
        "UPDATE profiles SET at = 5, reason = 'x'",
        "UPDATE denials SET count = count + 1",
        "UPDATE cells SET value = value + 1",
        "UPDATE balance_updates SET at = at + 1 WHERE kind = 'grant'",
    ],
)
def test_what_is_not_the_outcome_is_not_in_the_digest(shop: Path, statement: str) -> None:
    before = audit(shop).digest
    with Forger(shop) as forger:
        forger.run(statement)
    assert audit(shop).digest == before
