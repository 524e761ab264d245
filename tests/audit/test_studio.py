"""Holds, modes, orders and refunds: honest books are whole, and each new column and rule is seen to."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.planting import ACME, expect
from tests.audit.studio_forgeries import FORGED
from tests.audit.test_columns import changed

# table, which row, and its columns that are changed: by another value, or in the way that stands behind the colon.
COLUMNS = [
    ("usage_events", "sequence = 10", "account epoch sequence:77 key payload hash"),
    ("monetization_events", "number = 2", "account number epoch sequence:77 feature at subject amount legs hash"),
    ("balance_updates", "number = 13", "account number:77 kind:'overage' delta source target account_after at hash"),
    ("balance_updates", "number = 14", "kind:'plan_change' measure lot:1 source target account_after:1 cause actor at"),
    ("balance_updates", "number = 16", "lot:1 delta source target lot_after account_after cause reason actor at"),
    ("balance_updates", "number = 18", "lot:4 delta source target lot_after account_after cause at hash"),
    ("balance_updates", "number = 19", "kind:'grant' lot:1 delta source target lot_after account_after cause at"),
    ("balance_updates", "number = 21", "kind:'expire' lot:1 delta target lot_after account_after cause reason actor"),
    ("accounts", "1", "version next_lot due:5"),
    ("lots", "lot = 4", "measure granted,balance spent,expired spent,revoked:revoked-1 expired,revoked:revoked-1 key"),
    ("lots", "lot = 4", "ended:'rollover' ended:'' scope:'[[\"team\",[\"x\"]]]' scope:'x'"),
    ("lots", "lot = 3", "scope:'[]' scope:'[[\"team\",[\"blue\"]]]'"),
    ("orders", "key = 'sorry'", "account version raised:'[]' answer:'' answer:'{}' answer:'x'"),
    ("orders", "key = 'plus'", "account key version raised:'[[4,3]]' raised:'x'"),
    ("refunded", "sequence = 11", "account epoch sequence refunded,units refunded:2 units:5"),
    ("account_balances", "measure = 'credits'", "granted spent gone balance receivable owed"),
    ("account_balances", "measure = 'video'", "gone receivable owed"),
    ("settled_holds", "1", "account:12345 id due record"),
    ("settled_cells", "name = 'holds'", "name value"),
    ("settled_cells", "name = 'scopes'", "name value"),
    ("settled_cells", "name LIKE 'hold:%'", "name value"),
    ("settled_cells", "name LIKE '%:head'", "value"),
    ("settled_cells", "name LIKE '%sliding%:1'", "value"),
    ("settled_cells", "name = (SELECT max(name) FROM settled_cells WHERE name LIKE '%=%')", "name value"),
    ("settled_cells", "name = 'owed:used'", "value"),
    ("holds", "1", "account:12345 id due record"),
    ("cells", "name = 'holds'", "value"),
    ("cells", "name LIKE '%overshoot%:used'", "value"),
]
CASES = [(table, row, change) for table, row, columns in COLUMNS for change in columns.split()]
RELATED = {
    "accounts": {"accounts", "terms"}, "orders": {"orders", "lots", "usage_events", "balance_updates"},
    "lots": {"lots", "orders"}, "refunded": {"refunded", "balance_updates"}, "holds": {"holds", "hot_accounts"},
}  # fmt: skip


def test_the_studio_is_whole(studio: Path) -> None:
    report = audit(studio)
    assert report.ok, [str(one) for one in report.findings]
    assert (report.events, report.charges, report.updates) == (27, 4, 24)
    books = {(book.measure, book.book): book.amount for book in report.books}
    assert books["credits", "forgiven"] == -7_000_000
    assert books["credits", "overshoot"] == 0
    assert books["credits", "owed"] == 0, "3 owed, and 3 paid by new credits"
    assert books["video", "expired"] == 9
    for measure in ("credits", "video"):
        assert sum(amount for (of, _), amount in books.items() if of == measure) == 0


@pytest.mark.parametrize(("table", "row", "change"), CASES)
def test_a_changed_column_is_found(studio: Path, table: str, row: str, change: str) -> None:
    with Forger(studio) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        assert forger.one(f"SELECT {ACME}")
        assert changed(forger, table, row, change) == 1
    report = audit(studio)
    assert not report.ok
    tables = RELATED.get(table, {table})
    assert any(one.table in tables for one in report.findings), [str(one) for one in report.findings]


@pytest.mark.parametrize("what", FORGED)
def test_forged_books_with_right_hashes_are_found(studio: Path, what: str) -> None:
    forge, wanted = FORGED[what]
    with Forger(studio) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        forge(forger, forger.one(f"SELECT {ACME}"))
        forger.rechain()
    expect(audit(studio), *wanted)


def test_making_all_hashes_and_sums_anew_changes_nothing(studio: Path) -> None:
    before = audit(studio).digest
    with Forger(studio) as forger:
        forger.resum()
        forger.rechain()
    report = audit(studio)
    assert report.ok, [str(one) for one in report.findings]
    assert report.digest == before
