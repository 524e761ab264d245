"""A little auditor, written from docs/LEDGER.md alone: nothing of the package, only SQLite, JSON and SHA-256."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.ledger.verifier_events import charge_of, keys_that_came_again, settled_updates, updates_of, worth_of

CHAINS = {
    "usage_events": ("epoch, sequence", "usage_count", "usage_head"),
    "monetization_events": ("epoch, sequence", "charge_count", "charge_head"),
    "balance_updates": ("number", "update_count", "update_head"),
}

LOT = ("granted", "balance", "spent", "expired", "revoked")
SUMS = ("granted", "spent", "gone", "balance", "receivable", "owed")
OWN = ("receivable", "owed", "overshoot", "rollover")
"""Books that each account has for itself, besides its lots."""


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
    found += keys_that_came_again(connection, account)
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
    raised = connection.execute("SELECT epoch, ended FROM epochs WHERE account = ? ORDER BY 1", (account["id"],))
    ends = {row["epoch"] - 1: row["ended"] for row in raised} | {account["epoch"]: account["settled_sequence"]}
    if list(ends) != list(range(account["epoch"] + 1)):
        found.append(f"epochs: rows for {list(ends)[:-1]}, expected one for each epoch but the last")
    rows = connection.execute(
        "SELECT epoch, sequence FROM usage_events WHERE account = ?1 UNION ALL"
        " SELECT epoch, sequence FROM quarantine WHERE account = ?1 AND counted = 1 ORDER BY 1, 2",
        (account["id"],),
    )
    places = [tuple(row) for row in rows]
    if places != [(epoch, sequence) for epoch, end in ends.items() for sequence in range(1, end + 1)]:
        found.append("usage_events: a gap in the sequences")
    return found


def _settled_state(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    """Cells and open holds are the fold of the events; the version in force is the last one that was booked."""
    cells: dict[str, int] = defaultdict(int)
    holds: dict[str, dict[str, Any]] = {}
    version = 0
    for event, booked in _events(connection, account):
        for name, floor, add in event["changes"]:
            cells[name] = (cells[name] if floor is None else max(cells[name], floor)) + add
        if "hold" in event:
            holds[event["hold"]["id"]] = event["hold"]
        elif _ends_a_hold(event):
            holds.pop(event["ends"], None)
        if booked and event["kind"] == "terms":
            version = event["profile"]
    wanted = {name: value for name, value in cells.items() if value}
    found = []
    if (kept := _pairs(connection, account, "SELECT name, value FROM settled_cells")) != wanted:
        found.append(f"settled_cells: found {kept}, expected {wanted}")
    rows = connection.execute("SELECT id, due, record FROM settled_holds WHERE account = ?", (account["id"],))
    if (kept_holds := {row["id"]: (row["due"], json.loads(row["record"])) for row in rows}) != {
        id_: (hold["due"], hold) for id_, hold in holds.items()
    }:
        found.append(f"settled_holds: found {kept_holds}, expected {holds}")
    if account["settled_version"] != version:
        found.append(f"settled_version: found {account['settled_version']}, expected {version}")
    return found


def _events(connection: sqlite3.Connection, account: sqlite3.Row) -> list[tuple[dict[str, Any], bool]]:
    """What changed the settled state, in order, and whether it is booked."""
    rows = connection.execute(
        "SELECT epoch, sequence, payload, 1 FROM usage_events WHERE account = ?1 UNION ALL"
        " SELECT epoch, sequence, payload, 0 FROM quarantine WHERE account = ?1 AND applied = 1 ORDER BY 1, 2",
        (account["id"],),
    )
    return [(json.loads(payload), bool(booked)) for _, _, payload, booked in rows]


def _ends_a_hold(event: dict[str, Any]) -> bool:
    return event["kind"] in ("commit", "release", "expire") and not event.get("late")


def _pairs(connection: sqlite3.Connection, account: sqlite3.Row, sql: str) -> dict[Any, Any]:
    return dict(connection.execute(f"{sql} WHERE account = ?", (account["id"],)).fetchall())


def _from_events(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    """Charges and settled updates follow from the events, and there are no others."""
    measures = _pairs(connection, account, "SELECT lot, measure FROM lots")
    charges: list[tuple[Any, ...]] = []
    updates: list[tuple[Any, ...]] = []
    for row in connection.execute(
        "SELECT * FROM usage_events WHERE account = ? ORDER BY epoch, sequence", (account["id"],)
    ):
        event, cause = json.loads(row["payload"]), f"{row['epoch']}.{row['sequence']}"
        if event["kind"] in ("usage", "commit"):
            charges += [(row["epoch"], row["sequence"], *charge) for charge in charge_of(event)]
        updates += [(*first, cause, *rest) for first, rest in updates_of(event, measures)]
    kept_charges = [tuple(row) for row in connection.execute(
        "SELECT epoch, sequence, feature, at, subject, amount, legs FROM monetization_events WHERE account = ?"
        " ORDER BY number", (account["id"],))]  # fmt: skip
    found = [] if charges == kept_charges else ["monetization_events: not what the events say"]
    kept = [tuple(row) for row in settled_updates(connection, account)]
    return found if updates == kept else [*found, f"balance_updates: found {kept}, expected {updates}"]


def _projections(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    found = []
    lots: dict[int, dict[str, Any]] = {}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    outstanding = 0
    rows = connection.execute("SELECT * FROM balance_updates WHERE account = ? ORDER BY number", (account["id"],))
    for row in rows.fetchall():
        kind, number, delta = row["kind"], row["lot"], row["delta"]
        if not delta:
            after = (0, 0)
        elif number:
            lot = lots.setdefault(number, {"measure": row["measure"], **dict.fromkeys(LOT, 0)})
            after = _move(kind, delta, lot, sums[row["measure"]])
        else:
            total = sums["credits"]
            if kind in ("debit", "overshoot_refund"):
                outstanding = delta if kind == "debit" else outstanding + delta
                after = (0, outstanding)
            else:
                name = "owed" if kind == "owed" else "receivable"
                total[name] += delta
                after = (0, total[name])
        if after != (row["lot_after"], row["account_after"]):
            found.append(f"balance_updates {row['number']}: found {tuple(row)[8:10]} after it, expected {after}")
    kept_lots = {
        row["lot"]: {name: row[name] for name in ("measure", *LOT)}
        for row in connection.execute("SELECT * FROM lots WHERE account = ?", (account["id"],))
    }
    kept_sums = {
        row["measure"]: {name: row[name] for name in SUMS}
        for row in connection.execute("SELECT * FROM account_balances WHERE account = ?", (account["id"],))
    }
    if lots != {number: lot for number, lot in kept_lots.items() if number in lots or any(list(lot.values())[1:])}:
        found.append(f"lots: found {kept_lots}, expected {lots}")
    if {of: total for of, total in sums.items() if any(total.values())} != {
        of: total for of, total in kept_sums.items() if any(total.values())
    }:
        found.append(f"account_balances: found {kept_sums}, expected {dict(sums)}")
    found += _refunds(connection, account)
    if not connection.execute("SELECT 1 FROM quarantine WHERE account = ?", (account["id"],)).fetchone():
        found += _hot_and_raised(connection, account, kept_lots)
    return found


def _move(kind: str, delta: int, lot: dict[str, Any], total: dict[str, int]) -> tuple[int, int]:
    """What a row does to its lot and to the account's sums; the balances after it."""
    of, gone = kind, {"expire": "expired", "rollover": "expired", "revoke": "revoked", "adjust": "revoked"}
    if kind in ("debit", "owed") or (kind == "refund" and lot["spent"]):
        of, amount, there = "spent", -delta, "spent"
    elif delta > 0:
        of, amount, there = "granted", delta, "granted"
    else:
        of, amount, there = gone[kind], -delta, "gone"
    lot[of] += amount
    total[there] += amount
    lot["balance"] += delta
    total["balance"] += delta
    if kind == "owed":
        total["owed"] += delta
    return lot["balance"], total["balance"]


def _refunds(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    """The refunds of an event sum to what its last `refunded` units took; there are none without such a row."""
    found = []
    given: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in connection.execute(
        "SELECT cause, measure, lot, abs(delta) FROM balance_updates WHERE account = ? AND kind = 'refund'",
        (account["id"],),
    ):
        given[row[0]][row[1] if row[2] else "overage"] += row[3]
    for row in connection.execute(
        "SELECT r.*, u.payload FROM refunded r LEFT JOIN usage_events u USING (account, epoch, sequence)"
        " WHERE account = ?", (account["id"],)
    ):  # fmt: skip
        event, place = json.loads(row["payload"] or "{}"), f"{row['epoch']}.{row['sequence']}"
        units, wanted = sum(leg["units"] for leg in event.get("legs", [])), worth_of(event, row["refunded"])
        there = dict(given.pop(place, {}))
        if not 0 < row["refunded"] <= row["units"] == units or wanted != there:
            found.append(f"refunded: {row['refunded']} of {row['units']} units of {place}: {there}, expected {wanted}")
    return found + [f"refunded: no row for the refunds of {cause}" for cause in given]


def _hot_and_raised(connection: sqlite3.Connection, account: sqlite3.Row, lots: dict[int, dict[str, Any]]) -> list[str]:
    """A lot's balance is its settled cell, what open holds keep of it, and what newer versions raise."""
    kept: dict[int, int] = defaultdict(int)
    for (record,) in connection.execute("SELECT record FROM settled_holds WHERE account = ?", (account["id"],)):
        for part in json.loads(record).get("parts", []):
            for lot, amount in part["leg"].get("lots", []):
                kept[lot] += amount
    for (raised,) in connection.execute(
        "SELECT raised FROM orders WHERE account = ? AND version > ?", (account["id"], account["settled_version"])
    ):
        for lot, amount in json.loads(raised):
            kept[lot] += amount
    for name, value in _pairs(connection, account, "SELECT name, value FROM settled_cells").items():
        if name.startswith("lot:"):
            kept[int(name[4:])] += value
    return [
        f"lot {number}: balance {lot['balance']}, but cell, holds and raises are {kept[number]}"
        for number, lot in lots.items()
        if lot["balance"] != kept[number]
    ]


def _zero_sum(connection: sqlite3.Connection) -> list[str]:
    books: dict[tuple[str, str], int] = defaultdict(int)
    for account, measure, delta, source, target in connection.execute(
        "SELECT account, measure, delta, source, target FROM balance_updates WHERE delta <> 0"
    ):
        for book, sign in ((source, -1), (target, 1)):
            own = f"{account}/" if book.startswith(("lot/", *OWN)) else ""
            books[measure, own + book] += sign * abs(delta)
    totals: dict[str, int] = defaultdict(int)
    for (measure, _), amount in books.items():
        totals[measure] += amount
    found = [f"books of {measure} sum to {total}" for measure, total in totals.items() if total]
    for account, measure, lot, balance in connection.execute("SELECT account, measure, lot, balance FROM lots"):
        if books[measure, f"{account}/lot/{lot}"] != balance:
            found.append(f"lot {lot} of {account}: its book is not its balance")
    for account, receivable, owed in connection.execute(
        "SELECT account, receivable, owed FROM account_balances WHERE measure = 'credits'"
    ):
        wanted = {"receivable": -receivable, "owed": -owed, "overshoot": 0, "rollover": 0}
        for book, amount in wanted.items():
            if books["credits", f"{account}/{book}"] != amount:
                found.append(f"{book} of {account}: its book is not {amount}")
    return found
