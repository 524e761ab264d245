"""Someone with another tool: changes rows behind the triggers' back, and, if clever, makes all hashes right again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import apsw

CHAINS = {
    "usage_events": ("account, epoch, sequence, key, payload", "epoch, sequence", "usage"),
    "monetization_events": (
        "account, number, epoch, sequence, feature, at, subject, amount, legs", "epoch, sequence", "charge",
    ),
    "balance_updates": (
        "account, number, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor,"
        " at", "number", "update",
    ),
}  # fmt: skip


class Forger:
    """Works on one file; a context manager that puts the triggers back."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))

    def __enter__(self) -> Forger:
        self._triggers = self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        for name, _ in self._triggers:
            self.run(f"DROP TRIGGER {name}")
        return self

    def __exit__(self, *_: object) -> None:
        for _, sql in self._triggers:
            self.run(sql)
        self.connection.close()

    def run(self, sql: str, *values: Any) -> int:
        """How many rows were changed."""
        before = self.connection.total_changes()
        self.connection.execute(sql, values).fetchall()
        return self.connection.total_changes() - before

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        ((value,),) = self.rows(sql, *values)
        return value

    # --- events ----------------------------------------------------------------------------------------------------

    def event(self, account: int, sequence: int) -> dict[str, Any]:
        return json.loads(bytes(self.one(
            "SELECT payload FROM usage_events WHERE account = ? AND sequence = ?", account, sequence
        )))  # fmt: skip

    def put_event(self, account: int, sequence: int, event: dict[str, Any]) -> None:
        payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        assert self.run(
            "UPDATE usage_events SET payload = ? WHERE account = ? AND sequence = ?", payload, account, sequence
        )

    # --- hashes ----------------------------------------------------------------------------------------------------

    def rechain(self) -> None:
        """Every chain and head anew, as if the rows had always been so."""
        for (account,) in self.rows("SELECT id FROM accounts"):
            for table, (columns, order, name) in CHAINS.items():
                head, count = hashlib.sha256(f"spillover 1 {table} {account}".encode()).digest(), 0
                query = f"SELECT rowid, {columns} FROM {table} WHERE account = ? ORDER BY {order}"
                for rowid, *found in self.rows(query, account):
                    row = [value.decode() if isinstance(value, bytes) else value for value in found]
                    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
                    head, count = hashlib.sha256(head + text.encode()).digest(), count + 1
                    self.run(f"UPDATE {table} SET hash = ? WHERE rowid = ?", head, rowid)
                self.run(f"UPDATE accounts SET {name}_count = ?, {name}_head = ? WHERE id = ?", count, head, account)

    def resum(self) -> None:
        """Running balances, lots and sums anew, from the deltas as they stand."""
        for (account,) in self.rows("SELECT id FROM accounts"):
            lots: dict[int, int] = {}
            sums: dict[str, int] = {}
            outside = {"overage": 0, "owed": 0, "overshoot": 0}
            for rowid, kind, measure, lot, delta in self.rows(
                "SELECT rowid, kind, measure, lot, delta FROM balance_updates WHERE account = ? ORDER BY number",
                account,
            ):
                if not delta:
                    continue
                if not lot:
                    book = {"refund": "overage", "debit": "overshoot", "overshoot_refund": "overshoot"}.get(kind, kind)
                    outside[book] = delta if kind == "debit" else outside[book] + delta
                    self.run("UPDATE balance_updates SET account_after = ? WHERE rowid = ?", outside[book], rowid)
                    continue
                outside["owed"] += delta if kind == "owed" else 0
                lots[lot] = lots.get(lot, 0) + delta
                sums[measure] = sums.get(measure, 0) + delta
                self.run(
                    "UPDATE balance_updates SET lot_after = ?, account_after = ? WHERE rowid = ?",
                    lots[lot], sums[measure], rowid,
                )  # fmt: skip
            for lot, balance in lots.items():
                left = "balance = ?1, spent = granted - expired - revoked - ?1 WHERE account = ?2"
                self.run(f"UPDATE lots SET {left} AND lot = ?3", balance, account, lot)
            for measure, balance in sums.items():
                left = "balance = ?1, spent = granted - gone - ?1 WHERE account = ?2"
                self.run(f"UPDATE account_balances SET {left} AND measure = ?3", balance, account, measure)
            debts = "receivable = ?, owed = ? WHERE account = ? AND measure = 'credits'"
            self.run(f"UPDATE account_balances SET {debts}", outside["overage"], outside["owed"], account)
