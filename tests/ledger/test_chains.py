"""Each data set proves itself: an edit, a removal, an insertion or a cut end in any of them is found in it alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spillover.model.account import Override
from spillover.model.terms import Lower
from tests.ledger.support import FEATURE, PRICE, Books, gifted, included, opened, over, overage, paid, story
from tests.ledger.verifier import CHAINS, chain_faults, faults


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chains") / "books.db"
    books = Books(path)
    grants = (("credits", 30 * PRICE), ("credits", 9 * PRICE), (FEATURE, 12))
    entries = story([opened(books, "acme", *grants), opened(books, "bolt", *grants)], 5, 60)
    for start in range(0, len(entries), 7):
        books.settle(*entries[start : start + 7])
    books.close()
    assert faults(path) == []
    return path


COLUMNS = {
    "usage_events": ["epoch", "sequence", "key", "payload", "hash"],
    "monetization_events": ["number", "epoch", "sequence", "feature", "at", "subject", "amount", "legs", "hash"],
    "balance_updates": [
        "number", "kind", "measure", "lot", "delta", "source", "target", "lot_after", "account_after", "cause",
        "reason", "actor", "at", "hash",
    ],
}  # fmt: skip


def edited(column: str) -> str:
    """Another value of the same type."""
    if column == "kind":
        return "CASE kind WHEN 'debit' THEN 'grant' ELSE 'debit' END"
    if column == "hash":
        return "randomblob(32)"
    if column == "payload":
        return "CAST(replace(CAST(payload AS TEXT), '\"granted\"', '\"granter\"') || ' ' AS BLOB)"
    if column in ("key", "feature", "subject", "legs", "measure", "source", "target", "cause", "reason", "actor"):
        return f"{column} || 'x'"
    return f"{column} + 1000"


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in CHAINS for column in COLUMNS[table]])
def test_an_edit_of_any_column_is_found_by_its_own_data_set(
    whole: Path, tmp_path: Path, table: str, column: str
) -> None:
    books = Books(shutil.copy(whole, tmp_path))
    books.meddle(f"UPDATE {table} SET {column} = {edited(column)} WHERE rowid = (SELECT max(rowid) - 3 FROM {table})")
    assert chain_faults(books.path, table)
    assert not [fault for other in CHAINS if other != table for fault in chain_faults(books.path, other)]
    books.close()


@pytest.mark.parametrize("table", CHAINS)
@pytest.mark.parametrize("which", ["min", "max"])
def test_a_row_removed_is_found_also_at_the_end(whole: Path, tmp_path: Path, table: str, which: str) -> None:
    books = Books(shutil.copy(whole, tmp_path))
    books.meddle(f"DELETE FROM {table} WHERE rowid = (SELECT {which}(rowid) FROM {table})")
    assert chain_faults(books.path, table)
    books.close()


@pytest.mark.parametrize("table", CHAINS)
def test_a_row_moved_to_another_account_is_found(whole: Path, tmp_path: Path, table: str) -> None:
    books = Books(shutil.copy(whole, tmp_path))
    place = "number = number + 1000" if table == "balance_updates" else "epoch = 9"
    books.meddle(
        f"UPDATE {table} SET {place}, account = (SELECT id FROM accounts WHERE id <> account)"
        f" WHERE rowid = (SELECT max(rowid) FROM {table})"
    )
    assert len(chain_faults(books.path, table)) == 2
    books.close()


def test_texts_of_every_kind_are_chained_as_the_page_says(books: Books) -> None:
    odd = "".join(map(chr, range(1, 0x180))) + '"\\/\u2028\u2029\ufeff\U0001f600'
    account = books.put("acme").account
    books.grant(account, 5, key=odd[:500], measure=odd[:300])
    hand = opened(books, "odd")
    hand.use(key=odd, feature=odd, subject=odd)
    assert books.settle(*hand.entries).quarantined == 0
    assert faults(books.image()) == []


@pytest.mark.parametrize(
    "drift",
    [
        "UPDATE lots SET balance = balance + 1, spent = spent - 1 WHERE lot = 1",
        "UPDATE account_balances SET owed = owed + 1",
        "UPDATE account_balances SET balance = balance + 1",
        "UPDATE settled_cells SET value = value + 1 WHERE name = 'w:used'",
        "DELETE FROM settled_cells WHERE name = 't'",
        "UPDATE accounts SET settled_sequence = settled_sequence - 1",
        "UPDATE accounts SET settled_version = settled_version - 1",
    ],
)
def test_a_projection_that_drifts_is_found_from_the_data_sets(whole: Path, tmp_path: Path, drift: str) -> None:
    books = Books(shutil.copy(whole, tmp_path))
    books.meddle(drift)
    assert faults(books.path)
    books.close()


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account with an open hold, overshoot that is owed in part, an expired lot, a refund, an order not pushed."""
    path = tmp_path_factory.mktemp("rich") / "books.db"
    books = Books(path)
    hand = opened(books, "acme", ("credits", 30 * PRICE), ("credits", 9 * PRICE), (FEATURE, 12))
    hand.use(included(1), gifted(2, (3, 2)), paid(3, (1, 3 * PRICE)), overage(2), key="used")
    hand.use(overshoot=over(3, PRICE), mode="record")
    hand.open(paid(2, (1, 2 * PRICE)), gifted(1, (3, 1)))
    books.change(hand.account, lowers=(Lower(2, "expire"),), overrides=(Override("l", 5),))
    hand.push()
    books.settle(*hand.entries)
    books.refund(hand.account, "used", 3)
    hand.push()
    books.settle(*hand.entries)
    books.change(hand.account, key="waits", adds=((1, 7),))
    books.close()
    assert faults(path) == []
    return path


@pytest.mark.parametrize(
    "drift",
    [
        *(f"UPDATE account_balances SET {name} = {name} + 1 WHERE measure = 'credits'"
          for name in ("granted", "spent", "gone", "balance", "receivable", "owed")),
        "UPDATE lots SET expired = expired - 1, revoked = revoked + 1 WHERE lot = 2",
        "UPDATE lots SET expired = expired - 1, balance = balance + 1 WHERE lot = 2",
        "UPDATE settled_holds SET due = due + 1",
        "UPDATE settled_holds SET record = CAST(replace(CAST(record AS TEXT), 'plus', 'pro') AS BLOB)",
        "DELETE FROM settled_holds",
        "UPDATE refunded SET refunded = refunded - 1",
        "UPDATE refunded SET units = units + 1",
        "DELETE FROM refunded",
        "UPDATE orders SET raised = '[[1,8]]' WHERE key = 'waits'",
        "UPDATE orders SET version = 1 WHERE key = 'waits'",
        "DELETE FROM orders",
        "UPDATE settled_cells SET value = value - 1 WHERE name = 'debt'",
    ],
)  # fmt: skip
def test_what_drifts_in_a_richer_life_is_found_too(rich: Path, tmp_path: Path, drift: str) -> None:
    books = Books(shutil.copy(rich, tmp_path))
    books.meddle(drift)
    assert faults(books.path)
    books.close()
