"""Every column of every table changed one by one, rows lost, added and swapped: each is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spillover.audit import AuditReport, audit
from tests.audit.forger import Forger

ACME = "(SELECT account FROM names WHERE name = 'acme')"
ZETA = "(SELECT account FROM names WHERE name = 'zeta')"

# table, which row, and its columns that are changed: by another value, or in the way that stands behind the colon.
COLUMNS = [
    ("usage_events", "sequence = 7", "account epoch sequence:77 key payload hash"),
    ("monetization_events", "number = 1", "account number epoch sequence:77 feature at subject amount legs hash"),
    ("balance_updates", "number = 4", "account number:77 kind:'overage' measure lot delta source target lot_after"),
    ("balance_updates", "number = 4", "account_after cause reason actor at hash"),
    ("balance_updates", "number = 1", "account lot delta source target cause reason actor at"),
    ("balance_updates", "number = 12", "kind:'debit' lot delta target account_after"),
    ("accounts", "1", "id epoch settled_sequence settled_version version next_lot usage_count usage_head"),
    ("accounts", "1", "charge_count charge_head update_count update_head"),
    ("profiles", "version = 2", "account:12345 version:9 payload at reason actor"),
    ("lots", "lot = 1", "account lot:9 measure effective expires:5 priority paid currency tax reference granted_at"),
    ("lots", "lot = 1", "promotional:1 granted,balance balance,spent:spent-1 spent,expired"),
    ("grants", "key = 'order 1'", "account key fingerprint lot"),
    ("account_balances", "measure = 'credits'", "account:12345 measure granted spent balance owed"),
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
               "grants": {"grants", "lots"}, "hot_profiles": {"hot_profiles", "hot_accounts"},
               "profiles": {"profiles", "usage_events"}}  # fmt: skip
    found = [one for one in report.findings if one.table in related.get(table, {table})]
    assert found, [str(one) for one in report.findings]
    assert any(one.account in (acme, acme + 1, 12345) for one in found)
    if change.startswith("hash"):
        assert any(one.check == "chain" and one.name == "acme" for one in found)


def flipped(forger: Forger) -> None:
    """One bit of the last byte of an event but two, so that its text is no UTF-8 any more."""
    payload = bytearray(forger.one(f"SELECT payload FROM usage_events WHERE account = {ACME} AND sequence = 9"))
    payload[40] ^= 0x80
    forger.run(f"UPDATE usage_events SET payload = ? WHERE account = {ACME} AND sequence = 9", bytes(payload))


def blurred(forger: Forger) -> None:
    """A text that is no UTF-8, in a column of text."""
    forger.run(f"UPDATE balance_updates SET actor = CAST(x'ff41' AS TEXT) WHERE account = {ACME} AND number = 8")


def swapped(forger: Forger) -> None:
    """Two updates in each other's place."""
    forger.run(f"UPDATE balance_updates SET number = 99 WHERE account = {ACME} AND number = 9")
    forger.run(f"UPDATE balance_updates SET number = 9 WHERE account = {ACME} AND number = 10")
    forger.run(f"UPDATE balance_updates SET number = 10 WHERE account = {ACME} AND number = 99")


def copied(table: str, columns: str, changes: str, row: str) -> Callable[[Forger], None]:
    """Another row, made from one there is."""

    def plant(forger: Forger) -> None:
        assert forger.run(
            f"INSERT INTO {table} ({columns}) SELECT {changes} FROM {table} WHERE account = {ACME} AND {row}"
        )

    return plant


def sql(*statements: str) -> Callable[[Forger], None]:
    """Statements, each of which changes something; {acme} and {zeta} are the accounts."""

    def plant(forger: Forger) -> None:
        for statement in statements:
            assert forger.run(statement.format(acme=ACME, zeta=ZETA))

    return plant


EVENT = "account, epoch, sequence, key, payload, hash"
UPDATE = (
    "account, number, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor, at"
)

# What is planted -> (check, table, what its row is called) of a finding that there must be.
ROWS = {
    "a flipped bit": (flipped, ("chain", "usage_events", "0.9 ")),
    "a flipped bit cannot be read": (flipped, ("form", "usage_events", "0.9 ")),
    "text that is no UTF-8": (blurred, ("chain", "balance_updates", "number 8")),
    "an event deleted": (
        sql("DELETE FROM usage_events WHERE account = {acme} AND sequence = 8"), ("complete", "usage_events", "0.8")
    ),
    "the last event deleted": (
        sql("DELETE FROM usage_events WHERE account = {acme} AND sequence = 12"), ("complete", "usage_events", "0.12")
    ),
    "a charge deleted": (
        sql("DELETE FROM monetization_events WHERE account = {acme} AND number = 2"),
        ("complete", "monetization_events", "event 0.8"),
    ),
    "the last charge deleted": (
        sql("DELETE FROM monetization_events WHERE account = {acme} AND sequence = 12"),
        ("chain", "monetization_events", ""),
    ),
    "an update deleted": (
        sql("DELETE FROM balance_updates WHERE account = {acme} AND number = 6"),
        ("complete", "balance_updates", "event 0.8"),
    ),
    "a grant deleted": (
        sql("DELETE FROM balance_updates WHERE account = {acme} AND number = 2"), ("history", "lots", "lot 2")
    ),
    "an event inserted": (
        copied("usage_events", EVENT, "account, epoch, 13, 'new', payload, hash", "sequence = 12"),
        ("complete", "accounts", ""),
    ),
    "an event of nobody": (
        copied("usage_events", EVENT, "4711, epoch, 1, key, payload, hash", "sequence = 12"),
        ("phantom", "usage_events", ""),
    ),
    "an update inserted": (
        copied("balance_updates", f"{UPDATE}, hash", UPDATE.replace("number", "13") + ", hash", "number = 11"),
        ("phantom", "balance_updates", "number 13"),
    ),
    "updates swapped": (swapped, ("phantom", "balance_updates", "number 10")),
    "an account deleted": (sql("DELETE FROM accounts WHERE id = {acme}"), ("phantom", "usage_events", "")),
    "a lot deleted": (sql("DELETE FROM lots WHERE account = {acme} AND lot = 2"), ("history", "lots", "lot 2")),
    "a version of terms deleted": (
        sql("DELETE FROM profiles WHERE account = {acme} AND version = 3"), ("terms", "usage_events", "0.3 ")
    ),
    "a grant's key deleted": (
        sql("DELETE FROM grants WHERE account = {acme} AND lot = 1"), ("complete", "grants", "lot 1")
    ),
    "a key deleted": (
        sql("DELETE FROM keys WHERE account = {acme} AND sequence = 7"), ("keys", "keys", "key 'chat 09:03:03'")
    ),
    "a key too many": (
        copied("keys", "account, key, epoch, sequence, fingerprint, entry", "account, 'k', epoch, sequence, 'f', 0",
               "sequence = 7"), ("keys", "keys", "key 'k'"),
    ),
    "a cell too many": (
        sql("INSERT INTO cells SELECT account, 'odd', 1 FROM cells WHERE account = {zeta} AND name = 't'"),
        ("hot-state", "cells", "cell odd"),
    ),
    "a hot account deleted": (
        sql("DELETE FROM hot_accounts WHERE account = {zeta}"), ("hot-state", "hot_accounts", "")
    ),
    "a settled cell deleted": (
        sql("DELETE FROM settled_cells WHERE account = {acme} AND name = 't'"),
        ("settled-state", "settled_cells", "cell t"),
    ),
    "an event in quarantine": (
        sql("INSERT INTO quarantine SELECT account, 0, 12, key, payload, 'odd', 5, 0, 0 FROM usage_events"
            " WHERE account = {acme} AND sequence = 12"), ("quarantine", "quarantine", "0.12 ")
    ),
    "a policy edited": (
        sql("UPDATE policies SET document = replace(document, '\"max\":100', '\"max\":101')"),
        ("policies", "policies", "hash "),
    ),
    "a policy deleted": (sql("DELETE FROM policies"), ("policies", "usage_events", "0.5 ")),
    "no current policy": (sql("UPDATE policies SET current = 0"), ("policies", "policies", "")),
    "a name out of place": (
        sql("UPDATE names SET account = 4711 WHERE kind = 'label' AND account = {acme}"), ("form", "names", "token ")
    ),
    "an entry in the stream that is not the event": (
        sql("INSERT INTO stream SELECT 1, account, epoch, sequence, key, x'7b7d' FROM usage_events"
            " WHERE account = {acme} AND sequence = 7"), ("hot-state", "usage_events", "0.7 ")
    ),
    "an entry in the stream far ahead": (
        sql("INSERT INTO stream SELECT 1, account, epoch, 20, key, payload FROM usage_events"
            " WHERE account = {acme} AND sequence = 7"), ("complete", "stream", "0.20 ")
    ),
    "an outbox row for nothing": (
        sql("INSERT INTO outbox SELECT 99, id, 9, '[]' FROM accounts WHERE id = {acme}"),
        ("phantom", "outbox", "version 9"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_what_is_planted_is_found_by_name(shop: Path, what: str) -> None:
    plant, (check, table, row) = ROWS[what]
    with Forger(shop) as forger:
        plant(forger)
    expect(audit(shop), check, table, row)


def expect(report: AuditReport, check: str, table: str, row: str) -> None:
    """A finding of that check in that table, on the row called so."""
    assert not report.ok
    named = [one for one in report.findings if one.check == check and one.table == table and one.row.startswith(row)]
    assert named, [str(one) for one in report.findings]
    assert all(str(one).startswith(check) for one in named)


@pytest.mark.parametrize("trigger", ["usage_events_stay", "balance_updates_stay_as_written", "grants_stay"])
def test_a_dropped_trigger_is_found(shop: Path, trigger: str) -> None:
    forger = Forger(shop)
    forger.run(f"DROP TRIGGER {trigger}")
    forger.connection.close()
    expect(audit(shop), "schema", trigger.partition("_stay")[0], "")


def test_a_toothless_trigger_is_found(shop: Path) -> None:
    forger = Forger(shop)
    forger.run("DROP TRIGGER usage_events_stay")
    forger.run(
        "CREATE TRIGGER usage_events_stay BEFORE DELETE ON usage_events WHEN old.sequence > 100"
        " BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    )
    forger.connection.close()
    expect(audit(shop), "schema", "usage_events", "")


def test_a_table_without_its_keys_is_found_and_so_is_an_event_settled_twice(shop: Path) -> None:
    with Forger(shop) as forger:
        forger.run("CREATE TABLE loose AS SELECT * FROM usage_events")
        forger.run("DROP VIEW usage_facts")
        forger.run("DROP TABLE usage_events")
        forger.run("ALTER TABLE loose RENAME TO usage_events")
        forger.run(
            f"INSERT INTO usage_events SELECT account, epoch, 13, key, payload, hash FROM usage_events"
            f" WHERE account = {ACME} AND sequence = 12"
        )
        forger.run(f"UPDATE accounts SET settled_sequence = 13 WHERE id = {ACME}")
        forger.rechain()
    report = audit(shop)
    expect(report, "schema", "usage_events", "")
    expect(report, "once", "usage_events", "key 'video")


def test_a_missing_table_ends_the_audit_with_a_finding(shop: Path) -> None:
    forger = Forger(shop)
    forger.run("DROP TABLE account_balances")
    forger.connection.close()
    report = audit(shop)
    expect(report, "schema", "account_balances", "")
    assert report.events == 0
