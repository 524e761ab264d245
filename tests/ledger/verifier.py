"""A little auditor, written from docs/LEDGER.md alone: nothing of the package, only SQLite, JSON and SHA-256."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

CHAINS = {
    "usage_events": ("epoch, sequence", "usage_count", "usage_head"),
    "monetization_events": ("epoch, sequence", "charge_count", "charge_head"),
    "balance_updates": ("number", "update_count", "update_head"),
}


def connect(source: Path | str | bytes) -> sqlite3.Connection:
    """A file, or the image of a database in memory."""
    if isinstance(source, bytes):
        connection = sqlite3.connect(":memory:")
        connection.deserialize(source)
    else:
        connection = sqlite3.connect(source)
    connection.row_factory = sqlite3.Row
    return connection


def faults(source: Path | str | bytes) -> list[str]:
    """Everything in the books that is not as docs/LEDGER.md says; empty for whole books."""
    connection = connect(source)
    try:
        found = []
        for account in connection.execute("SELECT * FROM accounts ORDER BY id").fetchall():
            found += [f"{account['id']}: {fault}" for fault in _account(connection, account)]
        return found + _zero_sum(connection)
    finally:
        connection.close()


def chain_faults(source: Path | str | bytes, table: str) -> list[str]:
    """The chains of one data set, with nothing of the others."""
    connection = connect(source)
    try:
        accounts = connection.execute("SELECT * FROM accounts").fetchall()
        return [fault for account in accounts for fault in _chain(connection, account, table)]
    finally:
        connection.close()


def _account(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    found = [fault for table in CHAINS for fault in _chain(connection, account, table)]
    found += _numbers(connection, account)
    found += _settled_state(connection, account)
    found += _from_events(connection, account)
    found += _projections(connection, account)
    return found


def _chain(connection: sqlite3.Connection, account: sqlite3.Row, table: str) -> list[str]:
    order, count, head = CHAINS[table]
    last = hashlib.sha256(f"spillover 1 {table} {account['id']}".encode()).digest()
    rows = connection.execute(f"SELECT * FROM {table} WHERE account = ? ORDER BY {order}", (account["id"],)).fetchall()
    for number, row in enumerate(rows, 1):
        values = [value.decode() if isinstance(value, bytes) else value for value in tuple(row)[:-1]]
        last = hashlib.sha256(last + json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()).digest()
        if last != row["hash"]:
            return [f"{table}: row {number} does not fit its chain"]
    if len(rows) != account[count] or last != account[head]:
        return [f"{table}: the chain ends at row {len(rows)}, the account says {account[count]}"]
    return []


def _numbers(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    found = []
    for table in ("monetization_events", "balance_updates"):
        numbers = [n for (n,) in connection.execute(
            f"SELECT number FROM {table} WHERE account = ? ORDER BY number", (account["id"],))]  # fmt: skip
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"{table}: a gap in its numbers")
    sequences = [n for (n,) in connection.execute(
        "SELECT sequence FROM usage_events WHERE account = ?1 AND epoch = ?2 UNION ALL"
        " SELECT sequence FROM quarantine WHERE account = ?1 AND epoch = ?2 AND counted = 1 ORDER BY 1",
        (account["id"], account["epoch"]))]  # fmt: skip
    if sequences != list(range(1, account["settled_sequence"] + 1)):
        found.append("usage_events: a gap in the sequences")
    return found


def _settled_state(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    cells: dict[str, int] = defaultdict(int)
    version = 0
    rows = connection.execute(
        "SELECT epoch, sequence, payload, 1 FROM usage_events WHERE account = ?1 UNION ALL"
        " SELECT epoch, sequence, payload, 0 FROM quarantine WHERE account = ?1 AND applied = 1 ORDER BY 1, 2",
        (account["id"],),
    )
    for _, _, payload, booked in rows:
        event = json.loads(payload)
        for name, floor, add in event["changes"]:
            cells[name] = (cells[name] if floor is None else max(cells[name], floor)) + add
        if booked and event["kind"] == "terms":
            version = event["profile"]
    wanted = {name: value for name, value in cells.items() if value}
    kept = dict(
        connection.execute("SELECT name, value FROM settled_cells WHERE account = ?", (account["id"],)).fetchall()
    )
    found = [] if kept == wanted else [f"settled_cells: found {kept}, expected {wanted}"]
    if account["settled_version"] != version:
        found.append(f"settled_version: found {account['settled_version']}, expected {version}")
    return found


def _from_events(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    """Charges and settled updates follow from the events, and there are no others."""
    charges, updates = [], []
    for row in connection.execute(
        "SELECT * FROM usage_events WHERE account = ? ORDER BY epoch, sequence", (account["id"],)
    ):
        event = json.loads(row["payload"])
        legs = [leg for leg in event.get("legs", []) if leg.get("amount")]
        place = (row["epoch"], row["sequence"])
        if legs:
            shown = [[leg["layer"], leg["units"], leg.get("price", 0), leg["amount"]] for leg in legs]
            charges.append((*place, event["feature"], event["at"], event.get("subject", ""),
                            sum(leg["amount"] for leg in legs), json.dumps(shown, separators=(",", ":"))))  # fmt: skip
        for leg in event.get("legs", []):
            to = f"revenue/{event['feature']}"
            rest = (f"{row['epoch']}.{row['sequence']}", "usage", event.get("subject") or "account", event["at"])
            for lot, amount in leg.get("lots", []):
                measure = "credits" if leg["layer"] == "credits" else event["feature"]
                updates.append(("debit", measure, lot, -amount, f"lot/{lot}", to, *rest))
            if leg["layer"] == "overage" and leg.get("amount"):
                updates.append(("overage", "credits", 0, leg["amount"], "receivable", to, *rest))
    kept_charges = [tuple(row) for row in connection.execute(
        "SELECT epoch, sequence, feature, at, subject, amount, legs FROM monetization_events WHERE account = ?"
        " ORDER BY number", (account["id"],))]  # fmt: skip
    kept_updates = [tuple(row) for row in connection.execute(
        "SELECT kind, measure, lot, delta, source, target, cause, reason, actor, at FROM balance_updates"
        " WHERE account = ? AND kind <> 'grant' ORDER BY number", (account["id"],))]  # fmt: skip
    found = [] if charges == kept_charges else ["monetization_events: not what the events say"]
    return found if updates == kept_updates else [*found, "balance_updates: not what the events say"]


def _projections(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    found = []
    lots: dict[int, dict[str, Any]] = {}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: {"granted": 0, "spent": 0, "balance": 0, "owed": 0})
    rows = connection.execute("SELECT * FROM balance_updates WHERE account = ? ORDER BY number", (account["id"],))
    for row in rows.fetchall():
        total, delta = sums[row["measure"]], row["delta"]
        if row["kind"] == "overage":
            total["owed"] += delta
            after = (0, total["owed"])
        else:
            lot = lots.setdefault(row["lot"], {"measure": row["measure"], "granted": 0, "spent": 0, "balance": 0})
            for kept in (lot, total):
                kept["balance"] += delta
                kept["granted" if row["kind"] == "grant" else "spent"] += abs(delta)
            after = (lot["balance"], total["balance"])
        if after != (row["lot_after"], row["account_after"]):
            found.append(f"balance_updates {row['number']}: found {tuple(row)[8:10]} after it, expected {after}")
    kept_lots = {
        row["lot"]: {name: row[name] for name in ("measure", "granted", "spent", "balance")}
        for row in connection.execute("SELECT * FROM lots WHERE account = ?", (account["id"],))
    }
    kept_sums = {
        row["measure"]: {name: row[name] for name in ("granted", "spent", "balance", "owed")}
        for row in connection.execute("SELECT * FROM account_balances WHERE account = ?", (account["id"],))
    }
    if lots != kept_lots:
        found.append(f"lots: found {kept_lots}, expected {lots}")
    if sums != kept_sums:
        found.append(f"account_balances: found {kept_sums}, expected {dict(sums)}")
    if not connection.execute("SELECT 1 FROM quarantine WHERE account = ?", (account["id"],)).fetchone():
        found += _hot_and_raised(connection, account, kept_lots)
    return found


def _hot_and_raised(connection: sqlite3.Connection, account: sqlite3.Row, lots: dict[int, dict[str, Any]]) -> list[str]:
    """A lot's balance is its settled cell and what newer versions raise."""
    cells = dict(
        connection.execute("SELECT name, value FROM settled_cells WHERE account = ?", (account["id"],)).fetchall()
    )
    known: set[int] = set()
    for (payload,) in connection.execute(
        "SELECT payload FROM profiles WHERE account = ? AND version <= ?", (account["id"], account["settled_version"])
    ):
        known |= {lot["id"] for lot in json.loads(payload).get("lots", [])}
    return [
        f"lot {number}: balance {lot['balance']}, its settled cell {cells.get(f'lot:{number}', 0)}"
        for number, lot in lots.items()
        if lot["balance"] != (cells.get(f"lot:{number}", 0) if number in known else lot["granted"])
    ]


def _zero_sum(connection: sqlite3.Connection) -> list[str]:
    books: dict[tuple[str, str], int] = defaultdict(int)
    for account, measure, delta, source, target in connection.execute(
        "SELECT account, measure, delta, source, target FROM balance_updates"
    ):
        for book, sign in ((source, -1), (target, 1)):
            own = f"{account}/" if book.startswith(("lot/", "receivable")) else ""
            books[measure, own + book] += sign * abs(delta)
    totals: dict[str, int] = defaultdict(int)
    for (measure, _), amount in books.items():
        totals[measure] += amount
    found = [f"books of {measure} sum to {total}" for measure, total in totals.items() if total]
    for account, measure, lot, balance in connection.execute("SELECT account, measure, lot, balance FROM lots"):
        if books[measure, f"{account}/lot/{lot}"] != balance:
            found.append(f"lot {lot} of {account}: its book is not its balance")
    return found
