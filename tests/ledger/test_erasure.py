"""Erasing forgets names for good, in the bytes of the file; books and chains stay whole."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from spillover.model.errors import StoreUnavailable, UnknownName
from tests.ledger.support import PRICE, Books, opened, paid, run
from tests.ledger.verifier import faults


def bytes_of(books: Books) -> bytes:
    """Everything that lies beside the database, too."""
    folder = Path(books.path).parent
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def people(account: str, count: int) -> list[str]:
    return [f"{account}-{number:05d}-{random.Random(number).getrandbits(200):x}" for number in range(count)]


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
    assert faults(filed.path) == []


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
