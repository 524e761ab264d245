"""A settler that dies between any two steps leaves books that the next run completes, the same as if it had lived."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from spillover.model.account import Lot
from spillover.model.event import StreamEntry
from spillover.model.terms import Lower
from tests.ledger.support import FEATURE, PRICE, START, Books, included, opened, paid, story
from tests.ledger.verifier import faults

SURVIVED = 77


def dies_at(step: int, work: Callable[[], None]) -> bool:
    """Run `work` in a child that is gone at its n-th SQL statement; whether it got that far."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(*_: object) -> bool:
            if left[0] == 0:
                os._exit(0)
            left[0] -= 1
            return True

        try:
            apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", count))
            work()
            os._exit(SURVIVED)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, SURVIVED)
    return status == 0


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StreamEntry]]:
    path = tmp_path_factory.mktemp("killed") / "books.db"
    books = Books(path)
    hands = [opened(books, name, ("credits", 3 * PRICE), ("credits", PRICE), (FEATURE, 3)) for name in ("acme", "bolt")]
    entries = story(hands, 4, 8)
    entries.append(hands[0].use(included(1), granted=5))
    books.close()
    return path, entries


def lived(path: Path, folder: Path, work: Callable[[Books], object]) -> dict[str, list[tuple[object, ...]]]:
    books = Books(shutil.copy(path, folder / "lived.db"))
    work(books)
    dump = books.dump()
    books.close()
    return dump


def every_death(path: Path, folder: Path, work: Callable[[Books], object]) -> int:
    """Die at every statement of `work`, each time on fresh books, then do it again, twice. How many deaths."""
    wanted = lived(path, folder, work)
    step = 0
    while True:
        broken = folder / "broken.db"
        shutil.copy(path, broken)
        died = dies_at(step, lambda: work(Books(broken, seed=2)))  # noqa: B023 (called at once)
        assert faults(broken) == []
        for _ in range(2):
            books = Books(broken, seed=3)
            work(books)
            assert books.dump() == wanted
            books.close()
        assert faults(broken) == []
        for file in folder.glob("broken.db*"):
            file.unlink()
        if not died:
            return step
        step += 1


def test_settlement_killed_at_any_statement_is_completed_by_the_next(
    before: tuple[Path, list[StreamEntry]], tmp_path: Path
) -> None:
    path, entries = before
    assert every_death(path, tmp_path, lambda books: books.settle(*entries)) > 50


def test_a_grant_killed_at_any_statement_is_completed_by_the_next(
    before: tuple[Path, list[StreamEntry]], tmp_path: Path
) -> None:
    path, entries = before
    account = entries[0].account
    assert every_death(path, tmp_path, lambda books: books.grant(account, PRICE, key="ch_9")) > 10


def ordered(books: Books, account: int) -> None:
    """A lot rolled over, another adjusted, and a refund of usage that was settled before."""
    into = (Lot(0, "credits"),)
    books.change(account, lowers=(Lower(1, "rollover", 5, -1), Lower(1, "expire")), adds=((2, 7),), into=into)
    books.refund(account, "used", 1, at=START + 10)


def test_orders_killed_at_any_statement_are_completed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    books = Books(path)
    hand = opened(books, "acme", ("credits", 3 * PRICE), ("credits", PRICE))
    hold = hand.open(paid(2, (1, 2 * PRICE)))
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    hand.use(paid(1, (2, PRICE)), key="used")
    books.settle(*hand.entries)
    books.close()
    assert every_death(path, tmp_path, lambda books: ordered(books, hand.account)) > 30


def test_a_settlement_that_fails_at_commit_books_nothing(
    before: tuple[Path, list[StreamEntry]], tmp_path: Path
) -> None:
    path, entries = before
    books = Books(shutil.copy(path, tmp_path))
    was = books.dump()
    with books.ledger._desks.books.alone() as connection:
        connection.set_commit_hook(lambda: True)
    with pytest.raises(Exception, match="constraint"):
        books.settle(*entries)
    with books.ledger._desks.books.alone() as connection:
        connection.set_commit_hook(None)
    assert books.dump() == was
    books.settle(*entries)
    assert books.dump() == lived(path, tmp_path, lambda lived: lived.settle(*entries))
    books.close()
