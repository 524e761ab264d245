"""Books as version 1 wrote them: its script and plain SQL, with chains, by docs/LEDGER.md and none of our code."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw

START = 1_780_272_000_000
ACCOUNT, PRICE, FEATURE = 4711, 5_000_000, "codex.messages"
REVENUE = f"revenue/{FEATURE}"
LOTS = [  # lot, measure, granted, spent, expires, key of its grant
    (1, "credits", 4 * PRICE, PRICE, 2**53 - 1, "ch_1"),
    (2, "credits", PRICE, 0, START + 5000, "ch_2"),
    (3, FEATURE, 5, 2, 2**53 - 1, "gift"),
    (4, "credits", 7, 0, 2**53 - 1, "not pushed yet"),
]


def canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class FirstForm:
    """A file of version 1 with an account: four grants, of which the last is not pushed, and an event that took of
    each layer; one more event in quarantine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))
        self.connection.pragma("application_id", 0x5370696C)
        self.connection.pragma("journal_mode", "wal")
        self.heads: dict[str, bytes] = {}
        self.counts: dict[str, int] = {}
        script = files("spillover.ledgers.sqlite").joinpath("upgrades/0001_books.sql").read_text("utf-8")
        with self.connection:
            self.connection.execute(script).fetchall()
            self.run("CREATE TABLE spillover_schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT")
            self.run("INSERT INTO spillover_schema VALUES ('ledger', 1), ('rules', 1)")
            self._terms()
            self._events()
            self._rest()
        self.connection.close()

    def run(self, sql: str, *values: Any) -> None:
        self.connection.execute(sql, values)

    def chained(self, table: str, *row: Any) -> None:
        start = hashlib.sha256(f"spillover 1 {table} {ACCOUNT}".encode()).digest()
        text = canonical([value.decode() if isinstance(value, bytes) else value for value in row])
        head = hashlib.sha256(self.heads.get(table, start) + text.encode()).digest()
        self.heads[table], self.counts[table] = head, self.counts.get(table, 0) + 1
        self.run(f"INSERT INTO {table} VALUES ({', '.join('?' * (len(row) + 1))})", *row, head)

    def _profile(self, version: int) -> dict[str, Any]:
        lots = [{"id": lot, "measure": measure} | ({"expires": expires} if expires < 2**53 - 1 else {})
                for lot, measure, _, _, expires, _ in LOTS[: version - 1]]  # fmt: skip
        return {"account": ACCOUNT, "version": version, "plan": "plus", "anchor": START, "zone": "UTC",
                "state": "active", "consent": True, "lots": lots}  # fmt: skip

    def _terms(self) -> None:
        self.run("INSERT INTO names VALUES (?, ?, 'account', 'acme')", ACCOUNT, str(ACCOUNT))
        for version in range(1, 6):
            self.run("INSERT INTO profiles VALUES (?, ?, ?, ?, 'top-up', 'ops')", ACCOUNT, version,
                     canonical(self._profile(version)), START)  # fmt: skip
        for number, (lot, measure, granted, spent, expires, key) in enumerate(LOTS, 1):
            total = sum(row[2] for row in LOTS[:number] if row[1] == measure)
            self.chained("balance_updates", ACCOUNT, number, "grant", measure, lot, granted, "purchases", f"lot/{lot}",
                         granted, total, key, "top-up", "ops", START)  # fmt: skip
            self.run("INSERT INTO lots VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, 100, '9.00', 'EUR', '', 'r', ?)",
                     ACCOUNT, lot, measure, granted, granted - spent, spent, expires, START)  # fmt: skip
            self.run("INSERT INTO grants VALUES (?, ?, ?, ?)", ACCOUNT, key, self.fingerprint(lot), lot)

    @staticmethod
    def fingerprint(lot: int) -> bytes:
        """Of a grant as version 1 wrote it."""
        _, measure, granted, _, expires, key = LOTS[lot - 1]
        terms = {"id": 0, "measure": measure} | ({"expires": expires} if expires < 2**53 - 1 else {})
        grant = {"lot": terms, "amount": granted, "key": key, "reason": "top-up", "actor": "ops", "paid": "9.00",
                 "currency": "EUR", "tax": "", "reference": "r"}  # fmt: skip
        return hashlib.sha256(canonical(grant).encode()).digest()

    def _events(self) -> None:
        base = {"schema": 1, "rules": 1, "account": ACCOUNT, "at": START}
        for version in range(1, 5):
            changes = [[f"lot:{version - 1}", None, LOTS[version - 2][2]]] if version > 1 else []
            event = base | {"kind": "terms", "key": f"spillover:terms:{version}", "fingerprint": "", "profile": version,
                            "changes": changes, "terms": self._profile(version)}  # fmt: skip
            self.usage(version, event)
        legs = [{"layer": "allowance", "units": 1}, {"layer": "units", "units": 2, "lots": [[3, 2]]},
                {"layer": "credits", "units": 1, "price": PRICE, "amount": PRICE, "lots": [[1, PRICE]]},
                {"layer": "overage", "units": 1, "price": PRICE, "amount": PRICE}]  # fmt: skip
        changes = [["t", START, 0], ["lot:1", None, -PRICE], ["lot:3", None, -2], ["owed:used", None, PRICE]]
        event = base | {"kind": "usage", "key": "used", "fingerprint": "f", "profile": 4, "changes": changes,
                        "policy": "p", "feature": FEATURE, "usage": {"requests": 5}, "units": 5, "granted": 5,
                        "legs": legs}  # fmt: skip
        self.usage(5, event)
        self.chained("monetization_events", ACCOUNT, 1, 0, 5, FEATURE, START, "", 2 * PRICE,
                     canonical([["credits", 1, PRICE, PRICE], ["overage", 1, PRICE, PRICE]]))  # fmt: skip
        rest = ("0.5", "usage", "account", START)
        for number, row in enumerate([
            ("debit", FEATURE, 3, -2, "lot/3", REVENUE, 3, 3),
            ("debit", "credits", 1, -PRICE, "lot/1", REVENUE, 3 * PRICE, 4 * PRICE + 7),
            ("overage", "credits", 0, PRICE, "receivable", REVENUE, 0, PRICE),
        ], 5):  # fmt: skip
            self.chained("balance_updates", ACCOUNT, number, *row, *rest)

    def usage(self, sequence: int, event: dict[str, Any]) -> None:
        self.chained("usage_events", ACCOUNT, 0, sequence, event["key"], canonical(event).encode())

    def _rest(self) -> None:
        heads = [(self.counts[table], self.heads[table])
                 for table in ("usage_events", "monetization_events", "balance_updates")]  # fmt: skip
        self.run("INSERT INTO accounts VALUES (?, 0, 6, 4, 5, 5, ?, ?, ?, ?, ?, ?)", ACCOUNT, *sum(heads, ()))
        self.run(
            "INSERT INTO quarantine VALUES (?, 0, 6, 'bad', CAST('{' AS BLOB), 'not an event', NULL, 1, 0)", ACCOUNT
        )
        self.run("INSERT INTO outbox (account, version, raised) VALUES (?, 5, '[[4,7]]')", ACCOUNT)
        for name, value in {"t": START, "lot:1": 3 * PRICE, "lot:2": PRICE, "lot:3": 3, "owed:used": PRICE}.items():
            self.run("INSERT INTO settled_cells VALUES (?, ?, ?)", ACCOUNT, name, value)
        self.run("INSERT INTO account_balances VALUES (?, 'credits', ?, ?, ?, ?)", ACCOUNT, 5 * PRICE + 7, PRICE,
                 4 * PRICE + 7, PRICE)  # fmt: skip
        self.run("INSERT INTO account_balances VALUES (?, ?, 5, 2, 3, 0)", ACCOUNT, FEATURE)
        self.run("INSERT INTO policies VALUES ('old', '{1}', 5, 0), ('new', '{2}', 7, 1)")
