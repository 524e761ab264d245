"""Tokens for names: looked up without writing, and bounded for each account; where the books lie is said plainly."""

from __future__ import annotations

import pytest

from spillover.ledgers.books.names import LABELS_MAX
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.errors import BoundExceeded, InvalidInput
from tests.ledger.grounds import IN_SQLITE
from tests.ledger.support import Books, run


def test_known_tokens_are_found_and_nothing_is_written(filed: Books) -> None:
    account, other = filed.put("acme").account, filed.put("zeta").account
    made = run(filed.ledger.tokens(account, ["ada", "bob"]))
    before = filed.dump()
    assert run(filed.ledger.tokens_known(account, ["bob", "eve", "bob"])) == {"bob": made["bob"]}
    assert run(filed.ledger.tokens_known(account, [])) == run(filed.ledger.tokens_known(other, ["ada"])) == {}
    assert run(filed.ledger.tokens_known(4711, ["ada"])) == {}
    assert filed.dump() == before


@IN_SQLITE
def test_a_name_is_found_by_its_index(books: Books) -> None:
    sql = "EXPLAIN QUERY PLAN SELECT name, token FROM names WHERE account = 1 AND kind = 'label' AND name = 'ada'"
    assert "INDEX names_of_labels (account=? AND name=?)" in str(books.rows(sql))


def test_a_name_with_a_nul_is_refused_and_nobody_has_it(books: Books) -> None:
    account = books.put("acme").account
    before = books.dump()
    for ask in (lambda: books.put("acme\0"), lambda: run(books.ledger.tokens(account, ["ada", "a\0"]))):
        with pytest.raises(InvalidInput, match="without NUL characters"):
            ask()
    assert run(books.ledger.find_account("acme\0")) is None
    assert run(books.ledger.tokens_known(account, ["a\0"])) == {}
    assert books.dump() == before


def test_names_of_an_account_are_bounded_and_those_it_has_go_on(filed: Books) -> None:
    account, other = filed.put("acme").account, filed.put("zeta").account
    filed.meddle(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {LABELS_MAX - 1})"
        " INSERT INTO names SELECT ?, 'token ' || i, 'label', 'run ' || i FROM n", account,
    )  # fmt: skip
    with pytest.raises(BoundExceeded, match=r"found 100001, expected at most 100000; send subjects"):
        run(filed.ledger.tokens(account, ["run 5", "one", "two"]))
    assert run(filed.ledger.tokens(account, ["run 5", "one"])).keys() == {"run 5", "one"}
    with pytest.raises(BoundExceeded):
        run(filed.ledger.tokens(account, ["two"]))
    assert run(filed.ledger.tokens(account, ["one", "run 7"])).keys() == {"one", "run 7"}
    assert run(filed.ledger.tokens(other, ["two"])).keys() == {"two"}


def test_books_in_memory_are_asked_for_by_that_name_only() -> None:
    ledger = SQLiteLedger.in_memory()
    assert run(ledger.unpushed(1)) == []
    assert run(ledger.finish_erasure()) is False
    run(ledger.close())
    with pytest.raises(InvalidInput, match="in_memory"):
        SQLiteLedger(":memory:")
