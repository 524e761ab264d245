"""The books in PostgreSQL beside those in SQLite, with others writing at the same moment, and with odd texts."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from spillover.engine.drive import drive
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.postgres.tables import PART
from spillover.model.account import Profile
from spillover.model.errors import StoreUnavailable
from spillover.model.event import StreamEntry
from spillover.ports import Terms
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, included, opened, paid, run, story
from tests.ledger.verifier import faults
from tests.postgres.books import OWN, PostgresBooks, upgraded
from tests.servers import Proxy, postgres

GRANTS = (("credits", 40 * PRICE), ("credits", 60 * PRICE), (FEATURE, 50))


def told(books: Books, seed: int) -> Hand:
    """A history with everything in it: settlement, orders, refunds, quarantine, a new epoch."""
    hands = [opened(books, f"account {number}", *GRANTS) for number in range(3)]
    entries, pick = story(hands, seed, 150), random.Random(seed)
    while entries:
        size = pick.randint(1, 40)
        books.settle(*entries[:size])
        entries = entries[size:]
    hand = hands[0]
    bought = hand.use(paid(2, (2, 2 * PRICE)), key="bought")
    broken = hand.use(included(1), granted=5)
    books.settle(bought, broken)
    books.refund(hand.account, "bought", 1)
    books.change(hand.account, adds=((1, 7),))
    run(books.ledger.publish("h", "{}", at=START))
    run(books.ledger.tokens(hand.account, ["zoë", "Ada", "ada"]))
    hand.put_back(books.raise_epoch(hand.account))
    hand.push()
    hand.use(included(1), key="after")
    books.settle(*hand.entries)
    return hand


def test_the_same_history_makes_the_same_rows_as_in_sqlite(books: PostgresBooks) -> None:
    sqlite = Books()
    told(sqlite, 5)
    told(books, 5)
    expected = {name: rows for name, rows in sqlite.dump().items() if name not in (*OWN, "spillover_schema")}
    found = {name: rows for name, rows in books.dump().items() if name not in OWN}
    for rows in (
        found,
        expected,
    ):  # numbered by the database: of what went again and what is left, only the order counts
        rows["outbox"] = [row[1:] for row in sorted(rows["outbox"])]
    assert found == expected
    assert all(rows for name, rows in found.items() if name not in ("outbox", "pushed", "settled_holds"))
    assert faults(books.image()) == []
    sqlite.close()


def test_every_answer_is_the_same_as_of_sqlite(books: PostgresBooks) -> None:
    sqlite = Books()

    def answers(of: Books) -> list[Any]:
        account = told(of, 6).account
        ledger = of.ledger
        names = run(ledger.names(account))
        return [
            run(ledger.accounts()), run(ledger.balances(account)), run(ledger.lots(account)),
            run(ledger.statement(account)), run(ledger.usage(account, by=("feature", "day"))),
            run(ledger.balance_at(account, START + 10**9)), run(ledger.events(limit=30)),
            run(ledger.events(account=account, since=START)), run(ledger.quarantined()),
            run(ledger.event_by_key(account, "bought")), run(ledger.due_accounts(START * 2, 100)),
            run(ledger.plans_in_use()), run(ledger.epochs(account)), run(ledger.standing(account, keys_since=0)),
            run(ledger.places()), run(ledger.unpushed(100)), sorted(names.values()), list(names),
            run(ledger.policy_document(at=START)), run(ledger.ordered(account, "order")),
        ]  # fmt: skip

    assert answers(books) == answers(sqlite)
    sqlite.close()


def test_settlers_side_by_side_and_orders_between_them_book_everything_once(books: PostgresBooks) -> None:
    second = PostgresBooks(books.url, seed=2)
    hands = [opened(books, f"account {number}", *GRANTS) for number in range(4)]
    entries, broken = story(hands, 3, 300), list[BaseException]()

    def work(own: PostgresBooks, seed: int) -> None:
        try:
            pick, waiting = random.Random(seed), list[StreamEntry](entries)
            while waiting:
                size = pick.randint(1, 60)
                answer = own.settle(*waiting[:size])
                assert not answer.quarantined
                waiting = waiting[size:] + list(answer.parked)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=work, args=(own, seed)) for seed, own in enumerate((books, second))]
    for thread in threads:
        thread.start()
    for number in range(20):
        second.grant(hands[number % 4].account, 5, key=f"meanwhile {number}")
    for thread in threads:
        thread.join()
    assert broken == []
    assert faults(books.image()) == []
    assert books.one("SELECT count(*) FROM usage_events") == len(entries)
    second.close()


def test_programs_that_meet_a_new_name_at_once_make_one_account_and_one_token(books: PostgresBooks) -> None:
    ledgers = [PostgresLedger(books.url) for _ in range(4)]
    found, meet = list[tuple[Profile, str]](), threading.Barrier(4, timeout=30)

    def work(ledger: PostgresLedger) -> None:
        for number in range(10):
            meet.wait()
            put = ledger.put_account(f"a{number}", Terms(plan="plus"), at=START, reason="", actor="", only_new=True)
            profile = drive(put)
            meet.wait()
            found.append((profile, drive(ledger.tokens(profile.account, ["ada"]))["ada"]))

    threads = [threading.Thread(target=work, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert len({(profile.account, token) for profile, token in found}) == 10
    for ledger in ledgers:
        drive(ledger.close())


def test_the_same_order_from_many_at_once_is_booked_once(books: PostgresBooks) -> None:
    account = books.put().account
    others = [PostgresBooks(books.url, seed=seed) for seed in range(4)]
    found, meet = list[int](), threading.Barrier(4, timeout=30)

    def work(own: PostgresBooks) -> None:
        for number in range(10):
            meet.wait()
            found.append(own.grant(account, 5, key=f"key {number}").id)

    threads = [threading.Thread(target=work, args=(own,)) for own in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(list(range(1, 11)) * 4)
    assert faults(books.image()) == []
    for own in others:
        own.close()


def test_a_settlement_whose_commit_is_not_answered_is_booked_once() -> None:
    with postgres() as server, Proxy(server.port) as proxy:
        books = PostgresBooks(proxy.through(server.new_database(upgraded)))
        hand = opened(books, "acme", *GRANTS)
        hand.use(paid(1, (1, PRICE)), key="one")
        proxy.lose_reply(b"settled_sequence")  # with the batch's last rows goes the commit
        answer = books.settle(*hand.entries)
        assert proxy.lost.wait(20)
        assert (len(answer.done), answer.parked) == (len(hand.entries), ())
        assert faults(books.image()) == []
        assert books.one("SELECT balance FROM lots WHERE lot = 1") == 39 * PRICE
        books.close()


def test_an_account_is_locked_before_its_row_is_read(books: PostgresBooks) -> None:
    account = books.put().account
    other = PostgresBooks(books.url, seed=2, wait_ms=100)

    def work(tables: Tables) -> None:
        tables.lock([account, 4711])
        tables.one("orders.place", account)
        with pytest.raises(StoreUnavailable, match="time limit"):
            other.grant(account, 5)

    books.ledger._desks.books.write(work)
    other.close()
    books.grant(account, 5)


def test_who_is_alone_with_something_keeps_others_from_it_only(books: PostgresBooks) -> None:
    other = PostgresBooks(books.url, seed=2, wait_ms=100)

    def work(tables: Tables) -> None:
        tables.alone("name acme")
        tables.one("terms.exists", 1)
        other.put("another")
        with pytest.raises(StoreUnavailable, match="time limit"):
            other.put("acme")

    books.ledger._desks.terms.write(work)
    other.close()


def test_a_long_answer_is_read_in_parts_and_may_be_left_half_read(books: PostgresBooks) -> None:
    places = "INSERT INTO accounts (id, version, usage_head, charge_head, update_head)"
    for statement in (
        f"{places} SELECT n, 1, '', '', '' FROM generate_series(1, {2 * PART + 5}) AS n",
        "INSERT INTO profiles SELECT id, 1, '{}', 0, '', '' FROM accounts",
        "INSERT INTO outbox (account, version, push) SELECT id, 1, '{}' FROM accounts ORDER BY id",
    ):
        books.meddle(statement)

    def work(tables: Tables) -> tuple[int, list[int]]:
        half = iter(tables.rows("outbox.unpushed"))
        first = next(half)[0]
        return first, [row[0] for row in tables.rows("outbox.unpushed")]

    first, rest = books.ledger._desks.reads.read(work)
    assert first == 1
    assert rest == list(range(1, 2 * PART + 6))


def test_texts_are_ordered_as_in_sqlite(books: PostgresBooks) -> None:
    account = books.put().account
    for measure in ("b", "B", "ä", "a", "_", "credits", "Z"):
        books.grant(account, 1, key=measure, measure=measure)
    found = [one.measure for one in run(books.ledger.balances(account))]
    assert found == ["credits", "B", "Z", "_", "a", "b", "ä"]
