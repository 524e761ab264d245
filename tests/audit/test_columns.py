"""Every column of every table changed one by one: each is found, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.planting import ACME

# table, which row, and its columns that are changed: by another value, or in the way that stands behind the colon.
COLUMNS = [
    ("usage_events", "sequence = 7", "account epoch sequence:77 key payload hash"),
    ("monetization_events", "number = 1", "account number epoch sequence:77 feature at subject amount legs hash"),
    ("balance_updates", "number = 4", "account number:77 kind:'overage' measure lot delta source target lot_after"),
    ("balance_updates", "number = 4", "account_after cause reason actor at hash"),
    ("balance_updates", "number = 1", "account lot delta source target cause reason actor at"),
    ("balance_updates", "number = 12", "kind:'debit' lot delta target account_after"),
    ("accounts", "1", "id epoch settled_sequence settled_version version next_lot usage_count usage_head"),
    ("accounts", "1", "charge_count charge_head update_count update_head due:5"),
    ("profiles", "version = 2", "account:12345 version:9 payload at reason actor"),
    ("lots", "lot = 1", "account lot:9 measure effective expires:5 priority paid currency tax reference granted_at"),
    ("lots", "lot = 1", "promotional:1 granted,balance balance,spent:spent-1 spent,expired"),
    ("lots", "lot = 1", "scope:'[[\"team\",[\"x\"]]]' key ended:'revoke'"),
    ("orders", "key = 'order 1'", "account key fingerprint lot version raised:'[[1,7]]'"),
    ("account_balances", "measure = 'credits'", "account:12345 measure granted spent gone balance receivable owed"),
    ("settled_cells", "name = 'lot:1'", "account name value"),
    ("settled_cells", "name = 't'", "value"),
    ("settled_cells", "name LIKE 'chat/daily%:used'", "name value"),
    ("hot_accounts", "1", "account epoch sequence version"),
    ("hot_profiles", "1", "account:12345 profile"),
    ("cells", "name = 'lot:1'", "account:12345 name value"),
    ("cells", "name = 't'", "value"),
    ("cells", "name LIKE '%burst%m'", "value"),
    ("cells", "name LIKE '%burst%:max'", "value"),
    ("keys", "sequence = 7", "account:12345 key epoch sequence fingerprint"),
]
CASES = [(table, row, change) for table, row, columns in COLUMNS for change in columns.split()]


def changed(forger: Forger, table: str, row: str, change: str) -> int:
    """Change one column (or two, which stay consistent) of a row of acme; how many rows were changed."""
    columns, _, value = change.partition(":")
    names = columns.split(",")
    kind = forger.one(f"SELECT typeof({names[0]}) FROM {table} LIMIT 1")
    other = {"integer": "{} + 1", "text": "{} || 'x'", "blob": "CAST(substr({0}, 2) || substr({0}, 1, 1) AS BLOB)"}
    sets = [f"{name} = {value if value and name == names[0] else other[kind].format(name)}" for name in names]
    account = "id" if table == "accounts" else "account"
    return forger.run(f"UPDATE {table} SET {', '.join(sets)} WHERE {account} = {ACME} AND {row}")


@pytest.mark.parametrize(("table", "row", "change"), CASES)
def test_a_changed_column_is_found(shop: Path, table: str, row: str, change: str) -> None:
    with Forger(shop) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        acme = forger.one(f"SELECT {ACME}")
        assert changed(forger, table, row, change) == 1
    report = audit(shop)
    assert not report.ok
    related = {"accounts": {"accounts", "usage_events", "monetization_events", "balance_updates"},
               "orders": {"orders", "lots", "usage_events"}, "lots": {"lots", "orders"},
               "hot_profiles": {"hot_profiles", "hot_accounts"}, "profiles": {"profiles", "usage_events"}}  # fmt: skip
    found = [one for one in report.findings if one.table in related.get(table, {table})]
    assert found, [str(one) for one in report.findings]
    assert any(one.account in (acme, acme + 1, 12345) for one in found)
    if change.startswith("hash"):
        assert any(one.check == "chain" and one.name == "acme" for one in found)
