"""Books of version 1 are upgraded in place: chains verify, answers stay, and the account goes on."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from spillover.model.account import Lot
from spillover.model.errors import KeyReused
from spillover.model.reports import EndedLot, Publication
from spillover.ports import Grant, Push, Refunded
from tests.ledger.first_form import ACCOUNT, LOTS, FirstForm
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, paid, run
from tests.ledger.verifier import CHAINS, chain_faults, connect, faults

TABLES = ("usage_events", "monetization_events", "balance_updates", "quarantine", "profiles", "settled_cells", "names")


def everything(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = connect(path)
    try:
        return {table: [tuple(row) for row in connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid")]
                if table in CHAINS else [tuple(row) for row in connection.execute(f"SELECT * FROM {table}")]
                for table in TABLES}  # fmt: skip
    finally:
        connection.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "books.db"
    FirstForm(path)
    assert [fault for table in CHAINS for fault in chain_faults(path, table)] == []
    return path


@pytest.fixture
def books(old: Path) -> Books:
    return Books(old)


def test_rows_and_chains_stay_as_they_were(old: Path) -> None:
    before = everything(old)
    Books(old).close()
    assert everything(old) == before
    connection = apsw.Connection(str(old))
    versions = dict(connection.execute("SELECT component, version FROM spillover_schema").fetchall())
    assert versions["ledger"] == 3
    left = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'old_%' OR name = 'grants'").fetchall()
    assert left == []
    connection.close()
    assert [fault for table in CHAINS for fault in chain_faults(old, table)] == []


def test_projections_keep_what_they_said(books: Books) -> None:
    assert books.rows("SELECT lot, measure, granted, balance, spent, scope, key, ended FROM lots ORDER BY lot") == [
        (lot, measure, granted, granted - spent, spent, "[]", key, "") for lot, measure, granted, spent, _, key in LOTS
    ]  # fmt: skip
    assert books.rows("SELECT * FROM account_balances ORDER BY measure") == [
        (ACCOUNT, FEATURE, 5, 2, 0, 3, 0, 0), (ACCOUNT, "credits", 5 * PRICE + 7, PRICE, 0, 4 * PRICE + 7, PRICE, 0),
    ]  # fmt: skip
    assert books.rows("SELECT lot, version, raised, answer FROM orders ORDER BY lot") == [
        (lot, lot + 1, f"[[{lot},{granted}]]", "") for lot, _, granted, _, _, _ in LOTS
    ]
    assert run(books.ledger.publications()) == (Publication(1, "new", 7, 7),)
    assert [run(books.ledger.policy_document(name)) for name in (None, "old", "new")] == ["{2}", "{1}", "{2}"]
    assert run(books.ledger.due_accounts(START + 4999, 10)) == []
    assert run(books.ledger.due_accounts(START + 5000, 10)) == [ACCOUNT]
    assert run(books.ledger.ended_lots(ACCOUNT, START + 5000)) == [
        EndedLot(Lot(2, "credits", expires=START + 5000), PRICE, "ch_2")
    ]
    books.close()


def test_a_grant_of_then_is_known_by_its_key(books: Books) -> None:
    wanted = Grant(Lot(0, "credits"), 4 * PRICE, "ch_1", "top-up", "ops", "9.00", "EUR", "", "r")
    before = books.dump()
    assert run(books.ledger.grant(ACCOUNT, wanted, at=START)) == Lot(1, "credits")
    with pytest.raises(KeyReused):
        books.change(ACCOUNT, key="ch_1")
    assert books.dump() == before
    books.close()


def test_the_account_goes_on(books: Books) -> None:
    ((push,), hand) = books.unpushed(), Hand(books, ACCOUNT)
    assert (push.raised, push.reason, push.actor) == (((4, 7),), "top-up", "ops")
    assert push == Push(run(books.ledger.profile(ACCOUNT)), ((4, 7),), reason="top-up", actor="ops", at=START)
    hand.sequence, hand.version = 6, 4
    hand.push()
    hand.use(paid(1, (1, PRICE)), key="more")
    hold = hand.open(paid(1, (1, PRICE)))
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    assert books.settle(*hand.entries).quarantined == 0
    assert books.refund(ACCOUNT, "used") == Refunded(5, ((1, PRICE), (3, 2)), PRICE)
    hand.push()
    assert books.settle(*hand.entries).quarantined == 0
    assert books.rows("SELECT settled_version, version FROM accounts") == [(6, 6)]
    books.close()
    # What stands in quarantine was never booked, so the rule about lots is not asked; everything else is whole.
    assert faults(books.path) == []


def test_rows_are_protected_again_after_the_upgrade(books: Books) -> None:
    connection = apsw.Connection(books.path)
    for table in (*CHAINS, "quarantine", "profiles", "orders", "publications", "policies"):
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid" if table in CHAINS else ""):
            if change:
                with pytest.raises(apsw.ConstraintError, match=f"{table} is append-only"):
                    connection.execute(change)
    connection.close()
    books.close()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(old)
    monkeypatch.setattr("spillover.sqlite.upgrades.RULES", None)  # the last statement of an upgrade then fails
    with pytest.raises(Exception, match="spillover_schema"):
        Books(old)
    monkeypatch.undo()
    assert everything(old) == before
    connection = apsw.Connection(str(old))
    assert connection.execute("SELECT count(*) FROM grants").get == 4
    connection.close()
