"""What an event is booked as, by docs/LEDGER.md alone: the little auditor's own statement of the table."""

from __future__ import annotations

import json
import sqlite3
from typing import Any


def charge_of(event: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The charge of usage or a commit, if there is one."""
    shown = [[leg["layer"], leg["units"], leg.get("price", 0), leg["amount"]]
             for leg in event.get("legs", []) if leg.get("amount")]  # fmt: skip
    over = event.get("overshoot")
    if over and over["amount"]:
        shown.append(["overshoot", over["units"], over["price"], over["amount"]])
        if over["forgiven"]:
            shown.append(["forgiven", 0, 0, -over["forgiven"]])
    total = sum(leg[3] for leg in shown)
    legs = json.dumps(shown, separators=(",", ":"))
    return [(event["feature"], event["at"], event.get("subject", ""), total, legs)] if shown else []


Update = tuple[tuple[Any, ...], tuple[Any, ...]]


def updates_of(event: dict[str, Any], measures: dict[int, str]) -> list[Update]:
    """The updates that settle an event: what stands before the cause, and what stands behind it."""
    kind, at, found = event["kind"], event["at"], []
    actor = event.get("subject") or "account"
    if kind in ("usage", "commit"):
        usage, to = ("usage", actor, at), f"revenue/{event['feature']}"
        for leg in event.get("legs", []):
            measure = "credits" if leg["layer"] == "credits" else event["feature"]
            for lot, amount in leg.get("lots", []):
                found.append((("debit", measure, lot, -amount, f"lot/{lot}", to), usage))
            if leg["layer"] == "overage" and leg.get("amount"):
                found.append((("overage", "credits", 0, leg["amount"], "receivable", to), usage))
        if over := event.get("overshoot"):
            amount, forgiven = over["amount"], over["forgiven"]
            for row in (("debit", "credits", 0, amount, "overshoot", to),
                        ("overshoot_refund", "credits", 0, -forgiven, "forgiven", "overshoot"),
                        ("owed", "credits", 0, amount - forgiven, "owed", "overshoot")):  # fmt: skip
                found += [(row, usage)] if row[3] else []
    why = (event.get("reason", ""), event.get("actor", ""), at) if kind == "terms" else ("hold ended", actor, at)
    books = {"expire": "expired", "revoke": "revoked", "adjust": "adjustments", "owed": "owed", "rollover": "rollover"}
    for move in event.get("moves", []):
        lot, amount, measure = move["lot"], move["amount"], measures[move["lot"]]
        if amount:
            found.append(((move["kind"], measure, lot, -amount, f"lot/{lot}", books[move["kind"]]), why))
        if amount and move["kind"] == "rollover":
            found.append((("rollover", measure, move["to"], amount, "rollover", f"lot/{move['to']}"), why))
    for entry in event.get("entries", []):
        if entry["before"] != entry["after"]:
            found.append(((entry["kind"], entry["what"], 0, 0, entry["before"], entry["after"]), why))
    return found


def settled_updates(connection: sqlite3.Connection, account: sqlite3.Row) -> list[sqlite3.Row]:
    """Those that no order made: not grants, adjustments up and refunds, nor what a refund posts as gone at once."""
    rows = connection.execute(
        "SELECT kind, measure, lot, delta, source, target, cause, reason, actor, at FROM balance_updates"
        " WHERE account = ? ORDER BY number", (account["id"],)).fetchall()  # fmt: skip
    found = []
    for before, row in zip([None, *rows], rows, strict=False):
        gone = (
            before is not None
            and before["kind"] == "refund"
            and row["kind"] in ("expire", "revoke")
            and (row["lot"], -row["delta"], *tuple(row)[6:]) == (before["lot"], before["delta"], *tuple(before)[6:])
        )
        ordered = row["kind"] in ("grant", "refund") or (row["kind"] == "adjust" and row["delta"] > 0)
        if not (ordered or gone):
            found.append(row)
    return found


def worth_of(event: dict[str, Any], units: int) -> dict[str, int]:
    """What the last so many units of an event's legs took, by measure; of the overage line as "overage"."""
    found: dict[str, int] = {}
    for leg in reversed(event.get("legs", [])):
        taken = min(units, leg["units"])
        units -= taken
        amount = leg.get("amount", 0)
        if leg["layer"] == "units":
            name, worth = event["feature"], taken
        else:
            name = "credits" if leg["layer"] == "credits" else "overage"
            worth = (2 * amount * taken + leg["units"]) // (2 * leg["units"])  # their share, half up
        if worth:
            found[name] = found.get(name, 0) + worth
    return found


def keys_that_came_again(connection: sqlite3.Connection, account: sqlite3.Row) -> list[str]:
    """Each event stands under its own key, or, if that was booked before, under its place; the same is given back."""
    found, first = [], dict[str, dict[str, Any]]()
    for row in connection.execute(
        "SELECT * FROM usage_events WHERE account = ? ORDER BY epoch, sequence", (account["id"],)
    ).fetchall():
        event, place = json.loads(row["payload"]), (row["epoch"], row["sequence"])
        known, own = first.setdefault(event["key"], event), f"spillover:again:{place[0]}.{place[1]}"
        if row["key"] != (event["key"] if known is event else own):
            found.append(f"usage_events {place}: key {row['key']}, but the event's is {event['key']}")
        if known is not event and event["kind"] in ("usage", "commit") and request_of(known) == request_of(event):
            found += _not_given_back(connection, (account["id"], *place), own, event)
    return found


def request_of(event: dict[str, Any]) -> list[Any]:
    return [event.get(name) for name in ("fingerprint", "feature", "subject", "attributes")]


def _not_given_back(
    connection: sqlite3.Connection, place: tuple[int, int, int], key: str, event: dict[str, Any]
) -> list[str]:
    units, over, account = sum(leg["units"] for leg in event.get("legs", [])), event.get("overshoot"), place[0]
    refunded = connection.execute(
        "SELECT refunded FROM refunded WHERE account = ? AND epoch = ? AND sequence = ?", place).fetchall()  # fmt: skip
    given = connection.execute(
        "SELECT sum(delta) FROM balance_updates WHERE account = ? AND kind = 'grant' AND cause = ?",
        (account, f"{key}:owed")).fetchone()[0]  # fmt: skip
    owed = over["amount"] - over["forgiven"] if over else 0
    orders = [] if not units else connection.execute(
        "SELECT 1 FROM orders WHERE account = ? AND key = ?", (account, key)).fetchall()  # fmt: skip
    if [tuple(row) for row in refunded] != ([(units,)] if units else []) or len(orders) != bool(units):
        return [f"usage_events {place[1:]}: the same request came again and is not refunded"]
    return [] if (given or 0) == owed else [f"usage_events {place[1:]}: {owed} is owed again, {given} was given"]
