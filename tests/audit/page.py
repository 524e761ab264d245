"""docs/AUDIT.md, *the digest of the books*, followed with nothing of the package."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

NEVER = 2**53 - 1


def form(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def hashed(parts: list[Any]) -> str:
    return hashlib.sha256(b"".join(form(part) for part in parts)).hexdigest()


def priced(policy: dict[str, Any]) -> set[str]:
    """The attributes that are kept as given."""
    prices = [feature.get("price", []) for feature in policy["features"].values()]
    rows = [row for price in prices for row in ([price] if isinstance(price, dict) else price)]
    found = {name for row in rows for name in row.get("when", {})}
    for plan in policy["plans"].values():
        parts = [*plan["rules"], *plan.get("gives", [])]
        for rule in plan["rules"]:
            parts += rule.get("ceilings", []) + rule.get("spending", [])
            for layer in rule["waterfall"]:
                parts += [*layer.get("windows", []), layer.get("cap", {})]
        found |= {name for part in parts for name in part.get("only", {})}
    return found - {"feature"}


class Account:
    """One account's parts of the digest."""

    def __init__(self, connection: sqlite3.Connection, account: int, kept: dict[str, set[str]]) -> None:
        self.connection, self.account, self.kept = connection, account, kept
        self.tokens: dict[str, int] = {"": 0, "account": 0}
        self.places: dict[str, int] = {}
        self.terms: list[Any] = []
        self.used: list[Any] = []
        self.holds: dict[str, int] = {}

    def rows(self, query: str) -> list[Any]:
        return self.connection.execute(query, (self.account,)).fetchall()

    def digest(self) -> bytes:
        self._events()
        debits, ordered = self._updates()
        streams = [hashed(part) for part in (self.used, self._charges(), debits, ordered)]
        lots = [row[1:16] + row[18:] for row in self.rows("SELECT * FROM lots WHERE account = ? ORDER BY lot")]
        balances = sorted(row[1:] for row in self.rows("SELECT * FROM account_balances WHERE account = ?"))
        balances = [row for row in balances if any(row[1:])]
        stopped = self.rows("SELECT count(*) FROM quarantine WHERE account = ?")[0][0]
        return hashlib.sha256(form([2, *streams, self.terms, lots, balances, stopped])).digest()

    def _events(self) -> None:
        standing: list[Any] = []
        for epoch, sequence, payload in self.rows(
            "SELECT epoch, sequence, payload FROM usage_events WHERE account = ? ORDER BY epoch, sequence"
        ):
            event = json.loads(payload)
            if event["kind"] == "terms":
                new = event["terms"]
                standing = [new[name] for name in ("plan", "zone", "consent", "next_plan", "next_at")]
                standing.append([[one["limit"], one["max"], one.get("until", NEVER)] for one in new["overrides"]])
                self.places[f"{epoch}.{sequence}"] = -len(self.used)
                continue
            self.terms += [] if self.terms and self.terms[-1] == standing else [standing]
            self.used.append(self._event(event))
            self.places[f"{epoch}.{sequence}"] = len(self.used)

    def _event(self, event: dict[str, Any]) -> list[Any]:
        tokens = self.tokens
        who = tokens.setdefault(event.get("subject", ""), len(tokens) - 1)
        attributes = {
            name: value if name in self.kept[event["policy"]] else tokens.setdefault(value, len(tokens) - 1)
            for name, value in sorted(event.get("attributes", {}).items())
        }
        content = [event[name] for name in ("rules", "at", "policy", "feature")]
        content += [who, attributes, event.get("usage", {}), event.get("mode", "exact")]
        content += [event.get("units", 0), event.get("granted", 0), event.get("legs", [])]
        if event["kind"] != "usage" or "overshoot" in event:
            hold = event.get("hold", {})
            if event["kind"] == "hold":
                self.holds[hold["id"]] = len(self.used) + 1
            opened = self.holds.get(hold.get("id", event.get("ends", "")), 0)
            content += [event["kind"], opened, hold.get("due", 0), event.get("overshoot"), event.get("moves", [])]
            content += [event.get("late", False), event.get("estimated", False)]
        return content

    def _charges(self) -> list[Any]:
        return [
            [number, self.places[f"{epoch}.{sequence}"], feature, at, self.tokens[subject], amount, legs]
            for number, epoch, sequence, feature, at, subject, amount, legs in self.rows(
                "SELECT number, epoch, sequence, feature, at, subject, amount, legs FROM monetization_events"
                " WHERE account = ? ORDER BY number"
            )
        ]

    def _updates(self) -> tuple[list[Any], list[Any]]:
        updates: list[Any] = []
        ordered: list[Any] = []
        given: dict[int, Any] = {}
        for kind, measure, lot, delta, source, target, reason, actor, cause, at in self.rows(
            "SELECT kind, measure, lot, delta, source, target, reason, actor, cause, at FROM balance_updates"
            " WHERE account = ? ORDER BY number"
        ):
            gone = kind in ("expire", "revoke") and given.get(lot) == (cause, -delta)
            given = {lot: (cause, delta)} if kind == "refund" else {}
            if kind in ("grant", "refund") or (kind == "adjust" and delta > 0) or gone:
                key = cause if kind in ("grant", "adjust") else ""
                ordered.append([kind, measure, lot, delta, source, target, key, reason, actor])
            elif delta:
                n, who = self.places[cause], self.tokens.get(actor, actor)
                of_terms = n <= 0
                row = [kind, measure, lot, delta, source, target, reason, who, 0 if of_terms else at]
                updates.append([abs(n), *row])
        return updates, ordered


def digest_by_the_page(path: Path) -> str:
    """The digest of the books, by another program."""
    connection = sqlite3.connect(path)
    documents = connection.execute("SELECT hash, document FROM policies").fetchall()
    kept = {name: priced(json.loads(document)) for name, document in documents}
    accounts = [id_ for (id_,) in connection.execute("SELECT id FROM accounts")]
    digests = [Account(connection, account, kept).digest() for account in accounts]
    connection.close()
    return hashlib.sha256(f"spillover digest 2 {len(digests)}\n".encode() + b"".join(sorted(digests))).hexdigest()
