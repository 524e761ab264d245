"""Rows lost, added, swapped and spoilt, triggers and keys taken away: each is found, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.planting import ACME, EVENT, UPDATE, copied, expect, sql


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
        sql("DELETE FROM orders WHERE account = {acme} AND lot = 1"), ("complete", "orders", "lot 1")
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
    "no policy in force": (sql("DELETE FROM publications"), ("policies", "publications", "")),
    "a policy in force that nobody knows": (
        sql("UPDATE publications SET hash = 'x'"), ("policies", "publications", "number 1")
    ),
    "a policy in force before it was published": (
        sql("UPDATE publications SET at = at - 1"), ("policies", "publications", "number 1")
    ),
    "a publication withdrawn for another instant than its own": (
        sql("INSERT INTO publications SELECT number + 1, hash, since + 9, at, '', '', number FROM publications"
            " ORDER BY number DESC LIMIT 1"), ("policies", "publications", "number ")
    ),
    "a publication withdrawn after it came": (
        sql("INSERT INTO publications SELECT number + 1, hash, since, since, '', '', number FROM publications"
            " ORDER BY number DESC LIMIT 1"), ("policies", "publications", "number ")
    ),
    "a publication too few": (sql("UPDATE publications SET number = 2"), ("policies", "publications", "number 2")),
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


@pytest.mark.parametrize(
    "trigger", ["usage_events_stay", "balance_updates_stay_as_written", "orders_stay", "publications_stay"]
)
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


REFUSED = "BEGIN SELECT RAISE(ABORT, 'these books were moved to ''there'''); END"


@pytest.mark.parametrize("change", ["INSERT", "UPDATE", "DELETE"])
@pytest.mark.parametrize("table", ["usage_events", "names", "policies", "lots"])
def test_a_trigger_that_refuses_whatever_comes_is_none_that_changes_books(shop: Path, table: str, change: str) -> None:
    forger = Forger(shop)
    forger.run(f"CREATE TRIGGER odd BEFORE {change} ON {table} {REFUSED}")
    forger.connection.close()
    assert audit(shop).findings == ()


@pytest.mark.parametrize("table", ["usage_events", "publications", "lots"])
@pytest.mark.parametrize(
    "rest",
    [
        "BEFORE INSERT ON {} WHEN random() % 2 BEGIN SELECT RAISE(ABORT, 'odd'); END",
        "BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'odd') WHERE random() % 2; END",
        "BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'odd') FROM lots; END",
        "BEFORE INSERT ON {} BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE INSERT ON {} BEGIN UPDATE settled_cells SET value = 0; SELECT RAISE(ABORT, 'odd'); END",
        "AFTER INSERT ON {} BEGIN SELECT RAISE(ABORT, 'odd'); END",
        "AFTER INSERT ON {} BEGIN UPDATE settled_cells SET value = 0; END",
    ],
)
def test_a_trigger_that_does_anything_else_is_found(shop: Path, table: str, rest: str) -> None:
    forger = Forger(shop)
    forger.run(f"CREATE TRIGGER odd {rest.format(table)}")
    forger.connection.close()
    expect(audit(shop), "schema", table, "")


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
