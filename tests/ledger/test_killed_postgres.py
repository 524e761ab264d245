"""In PostgreSQL too a settler that dies at any statement leaves whole books, which the next run completes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from spillover.model.account import Lot
from spillover.model.event import StreamEntry
from spillover.model.terms import Lower
from spillover.postgres import Connection
from tests.ledger.grounds import IN_POSTGRES, Ground
from tests.ledger.support import FEATURE, PRICE, START, Books, included, opened, paid, story
from tests.ledger.verifier import faults
from tests.postgres.books import PostgresBooks, administrator
from tests.servers.process import wait_for

pytestmark = IN_POSTGRES
SURVIVED = 77
SPREAD = 7
"""Of the statements, each so many-th in the quick suite; all of them in the long one."""
Work = Callable[[Books], object]


def dies_at(step: int, url: str, work: Work) -> bool:
    """Work in a child that is gone at its n-th statement; whether it got that far. Its sessions are over then."""
    child = os.fork()
    if child == 0:
        left, execute = [step], Connection.execute
        try:
            books = PostgresBooks(url, seed=2)

            def counted(self: Connection, *args: object, **options: object) -> object:
                if left[0] == 0:
                    os._exit(0)
                left[0] -= 1
                return execute(self, *args, **options)  # type: ignore[arg-type]

            Connection.execute = counted  # type: ignore[method-assign, assignment]
            work(books)
            os._exit(SURVIVED)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, SURVIVED)
    wait_for(lambda: sessions(url) == 0, "the dead child's sessions are over")
    return status == 0


def sessions(url: str) -> int:
    """How many others there are in this database."""
    with administrator(url) as connection:
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def dump(url: str) -> dict[str, list[tuple[object, ...]]]:
    books = PostgresBooks(url)
    found = books.dump()
    found["outbox"] = [row[1:] for row in sorted(found["outbox"])]  # a number that was rolled back is not given again
    assert faults(books.image()) == []
    books.close()
    return found


def done(url: str, work: Work, seed: int) -> dict[str, list[tuple[object, ...]]]:
    books = PostgresBooks(url, seed=seed)
    work(books)
    books.close()
    return dump(url)


def every_death(ground: Ground, prepare: Work, work: Work, spread: int) -> int:
    """Die at every so many-th statement; what then stands is whole, and doing it again, twice, completes it.

    Books that a death left as they were serve for the next one. How many deaths.
    """

    def fresh() -> str:
        books = ground.filed()
        prepare(books)
        books.close()
        return books.place

    wanted, url = done(fresh(), work, 1), fresh()
    before, deaths, step = dump(url), 0, 0
    while True:
        died = dies_at(step, url, work)
        if not died or dump(url) != before:
            assert [done(url, work, 3) for _ in range(2)] == [wanted, wanted]
            url = fresh()
        if not died:
            assert done(url, work, 3) == wanted
            return deaths
        deaths, step = deaths + 1, step + spread


@pytest.fixture(params=[SPREAD, pytest.param(1, marks=pytest.mark.soak)])
def spread(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def entries() -> list[StreamEntry]:
    """What a settler found in the stream."""
    return []


@pytest.fixture
def two(entries: list[StreamEntry]) -> Work:
    """Makes two accounts with such a stream: always the same, as ids and tokens follow the seed."""

    def prepare(books: Books) -> None:
        grants = ("credits", 3 * PRICE), ("credits", PRICE), (FEATURE, 3)
        hands = [opened(books, name, *grants) for name in ("acme", "bolt")]
        entries[:] = [*story(hands, 4, 8), hands[0].use(included(1), granted=5)]

    return prepare


def test_settlement_killed_at_any_statement_is_completed_by_the_next(
    ground: Ground, two: Work, entries: list[StreamEntry], spread: int
) -> None:
    assert every_death(ground, two, lambda books: books.settle(*entries), spread) >= 20 // spread


def test_a_grant_killed_at_any_statement_is_completed_by_the_next(
    ground: Ground, two: Work, entries: list[StreamEntry], spread: int
) -> None:
    def work(books: Books) -> None:
        books.grant(entries[0].account, PRICE, key="ch_9")

    assert every_death(ground, two, work, spread) >= 10 // spread


def one(books: Books) -> None:
    """An account with usage that was settled."""
    hand = opened(books, "acme", ("credits", 3 * PRICE), ("credits", PRICE))
    hold = hand.open(paid(2, (1, 2 * PRICE)))
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    hand.use(paid(1, (2, PRICE)), key="used")
    books.settle(*hand.entries)


def ordered(books: Books) -> None:
    """A lot rolled over, another adjusted, and a refund of usage that was settled before."""
    account = books.one("SELECT id FROM accounts")
    into = (Lot(0, "credits"),)
    books.change(account, lowers=(Lower(1, "rollover", 5, -1), Lower(1, "expire")), adds=((2, 7),), into=into)
    books.refund(account, "used", 1, at=START + 10)


def test_orders_killed_at_any_statement_are_completed_by_the_next(ground: Ground, spread: int) -> None:
    assert every_death(ground, one, ordered, spread) >= 30 // spread
