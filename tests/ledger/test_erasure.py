"""Erasing forgets names for good, in the bytes of the file; books and chains stay whole.

What PostgreSQL does for it: tests/postgres/test_erasing.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from spillover.ledgers.sqlite.opening import Desk
from spillover.model.errors import StoreUnavailable, UnknownName
from tests.ledger.grounds import IN_SQLITE
from tests.ledger.support import PRICE, Books, opened, paid, run
from tests.ledger.verifier import faults


def bytes_of(books: Books) -> bytes:
    """Everything that lies beside the database, too."""
    folder = Path(books.path).parent
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def people(account: str, count: int) -> list[str]:
    return [f"{account}-{number:05d}-{random.Random(number).getrandbits(200):x}" for number in range(count)]


@IN_SQLITE
def test_erased_names_are_in_no_byte_of_the_file_and_others_stay(filed: Books) -> None:
    # Enough names, in random order, that pages are split and keep stale copies of rows that moved.
    gone, kept = filed.put("the-erased-company").account, filed.put("the-kept-company").account
    theirs, others = people("erased", 3000), people("kept", 3000)
    pick = random.Random(1)
    waiting = [(gone, name) for name in theirs] + [(kept, name) for name in others]
    pick.shuffle(waiting)
    for start in range(0, len(waiting), 100):
        for account in (gone, kept):
            run(filed.ledger.tokens(account, [name for of, name in waiting[start : start + 100] if of == account]))
    assert b"the-erased-company" in bytes_of(filed)

    run(filed.ledger.erase_account(gone))

    left = bytes_of(filed)
    assert b"the-erased-company" not in left
    assert b"erased-0" not in left
    assert run(filed.ledger.names(gone)) == {}
    assert sorted(run(filed.ledger.names(kept)).values()) == sorted(others)
    assert run(filed.ledger.find_account("the-kept-company")) == kept


def test_books_and_chains_of_an_erased_account_stay_whole(filed: Books) -> None:
    hand = opened(filed, "acme", ("credits", 2 * PRICE))
    hand.use(paid(1, (1, PRICE)))
    filed.settle(*hand.entries)
    before = filed.dump()
    run(filed.ledger.erase_account(hand.account))
    after = filed.dump()
    assert before.pop("names") != after.pop("names") == []
    assert before == after
    assert faults(filed.source) == []


def test_an_erased_name_is_unknown_and_may_be_given_again(books: Books) -> None:
    first = books.put("acme").account
    run(books.ledger.tokens(first, ["ada"]))
    for _ in range(2):
        run(books.ledger.erase_account(first))
    assert run(books.ledger.find_account("acme")) is None
    with pytest.raises(UnknownName):
        run(books.ledger.tokens(first, ["ada"]))
    assert books.put("acme").account != first
    assert run(books.ledger.profile(first)).account == first


def test_an_unknown_account_cannot_be_erased(books: Books) -> None:
    with pytest.raises(UnknownName):
        run(books.ledger.erase_account(4711))


def test_a_reader_that_holds_the_log_is_named_and_erasing_again_finishes(tmp_path: Path) -> None:
    books = Books(tmp_path / "books.db", wait_ms=50)
    account = books.put("the-erased-company").account
    reader = apsw.Connection(books.path)
    reader.execute("BEGIN; SELECT count(*) FROM names").fetchall()
    with pytest.raises(StoreUnavailable, match="erase once more"):
        run(books.ledger.erase_account(account))
    assert run(books.ledger.find_account("the-erased-company")) is None
    reader.close()
    run(books.ledger.erase_account(account))
    assert b"the-erased-company" not in bytes_of(books)
    books.close()


def held(tmp_path: Path) -> tuple[Books, apsw.Connection]:
    """An erasure that a reader has kept from cutting the log, and that reader."""
    books = Books(tmp_path / "books.db", wait_ms=50)
    account = books.put("the-erased-company").account
    reader = apsw.Connection(books.path)
    reader.execute("BEGIN; SELECT count(*) FROM names").fetchall()
    with pytest.raises(StoreUnavailable, match="erase once more"):
        run(books.ledger.erase_account(account))
    return books, reader


def test_what_an_erasure_left_can_be_finished_though_the_name_is_unknown(tmp_path: Path) -> None:
    books, reader = held(tmp_path)
    with pytest.raises(StoreUnavailable, match="erase once more"):
        run(books.ledger.finish_erasure())
    reader.close()
    other = Books(tmp_path / "books.db")
    assert b"the-erased-company" in bytes_of(books)
    assert run(other.ledger.finish_erasure()) is True
    assert b"the-erased-company" not in bytes_of(books)
    assert run(other.ledger.finish_erasure()) is run(books.ledger.finish_erasure()) is False
    other.close()
    books.close()


def settled(books: Books, other: Books) -> None:
    other.settle()


def erased_another(books: Books, other: Books) -> None:
    run(other.ledger.erase_account(other.put("another").account))


def closed(books: Books, other: Books) -> None:
    other.close()
    other.close()


@pytest.mark.parametrize("what", [settled, erased_another, closed])
def test_what_an_erasure_left_is_finished_by_whatever_comes_next(
    tmp_path: Path, what: Callable[[Books, Books], None]
) -> None:
    books, reader = held(tmp_path)
    other = Books(tmp_path / "books.db", wait_ms=50)
    other.settle()  # in vain, and nobody has to know
    assert b"the-erased-company" in bytes_of(books)
    reader.close()
    what(books, other)
    assert b"the-erased-company" not in bytes_of(books)
    assert run(books.ledger.finish_erasure()) is False
    other.close()
    books.close()


@IN_SQLITE
def test_who_has_cut_the_log_takes_off_only_what_was_erased_before(
    filed: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed.meddle("INSERT INTO erasures DEFAULT VALUES")
    cut = Desk.cut_log

    def cut_and_lose_the_race(desk: Desk, wait_ms: int) -> None:
        cut(desk, wait_ms)
        filed.meddle("INSERT INTO erasures DEFAULT VALUES")

    monkeypatch.setattr(Desk, "cut_log", cut_and_lose_the_race)
    assert run(filed.ledger.finish_erasure())
    monkeypatch.undo()
    assert filed.rows("SELECT number FROM erasures") == [(2,)]
    assert run(filed.ledger.finish_erasure())
    filed.meddle("INSERT INTO erasures DEFAULT VALUES")
    assert filed.rows("SELECT number FROM erasures") == [(3,)], "a number never comes again"
