"""What concerns no single account: tables and triggers, policies, names, and the pages of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import apsw

from spillover.audit.policies import Policies
from spillover.audit.report import Findings
from spillover.audit.tables import APPEND_ONLY, BOOKS, HOT, HOUSE, Row
from spillover.sql import statements

SQL = statements("spillover.audit", "house.sql")
REFUSES = r"\sBEFORE\s+{}\s+ON\s+{}\s+BEGIN\s+SELECT\s+RAISE\s*\(\s*ABORT\b"
"""What a trigger says that refuses a verb on a table, whatever the row."""
UNIQUE = {
    "usage_events": (("account", "epoch", "sequence"), ("account", "key")),
    "monetization_events": (("account", "epoch", "sequence"),),
    "balance_updates": (("account", "number"),),
}


def readable(connection: apsw.Connection, findings: Findings) -> bool:
    """Whether every table has its columns; without them nothing can be audited."""
    tables = BOOKS | (HOT if connection.table_exists("main", "hot_accounts") else {})
    whole = True
    for name, columns in ({name: table.columns for name, table in tables.items()} | HOUSE).items():
        known = {str(row[0]) for row in connection.execute(SQL["columns"], (name,))}
        if name in HOUSE and not known:
            findings.add("schema", name, 0, "", "no table", "the tables of docs/LEDGER.md")
            whole = False
            continue
        for column in columns.split():
            if column not in known:
                findings.add("schema", name, 0, "", f"no column {column}", "the columns of docs/LEDGER.md")
                whole = False
    return whole


def check_schema(connection: apsw.Connection, findings: Findings) -> None:
    """Types are strict, rows append-only, places and keys unique."""
    triggers = [(str(table), str(sql)) for table, sql in connection.execute(SQL["triggers"])]
    for name in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            form = re.compile(REFUSES.format(verb, name), re.IGNORECASE)
            if not any(table == name and form.search(sql) for table, sql in triggers):
                findings.add("schema", name, 0, "", f"no trigger that refuses {verb}", "an append-only table")
    for table, sql in triggers:
        if table in (*BOOKS, *APPEND_ONLY) and not re.search(
            REFUSES.format("(UPDATE|DELETE)", table), sql, re.IGNORECASE
        ):
            findings.add("schema", table, 0, "", f"the trigger {sql}", "only those that refuse changes")
    for name in (*BOOKS, *HOUSE):
        if not connection.execute(SQL["strict"], (name,)).get:
            findings.add("schema", name, 0, "", "a table that is not STRICT", "types that are enforced")
    for name, keys in UNIQUE.items():
        known = {tuple(str(columns).split(",")) for (columns,) in connection.execute(SQL["unique"], (name,))}
        for columns in keys:
            if columns not in known:
                findings.add("schema", name, 0, "", f"no unique {', '.join(columns)}", "one row for each")
                if "key" in columns:
                    _doubles(connection, findings)


def _doubles(connection: apsw.Connection, findings: Findings) -> None:
    for account, key, count in connection.execute(SQL["double_keys"]):
        findings.add("once", "usage_events", int(account or 0), f"key {key!r}", f"{count} events", "one for each key")


def check_policies(connection: apsw.Connection, policies: Policies, findings: Findings) -> None:
    """Each document hashes to its name and can be read; publications say from when which one is in force.

    One that withdraws another repeats its policy and instant, and comes before that instant.
    """
    for name, mistake in sorted(policies.mistakes.items()):
        findings.add("policies", "policies", 0, f"hash {name}", mistake, "the document that was published")
    rows: list[Row] = connection.execute(SQL["publications"]).fetchall()
    if not rows and (policies.known or policies.mistakes):
        findings.add("policies", "publications", 0, "", "no publication", "one, from when a policy is in force")
    before: dict[int, tuple[str, int]] = {}
    for place, (number, policy, since, at, published, withdraws) in enumerate(rows, 1):
        row = f"number {number}"
        if number != place:
            findings.add("policies", "publications", 0, row, f"number {number}", f"{place}, without a gap")
        if published is None:
            findings.add("policies", "publications", 0, row, f"policy {policy!r}", "a policy that is stored")
        elif at < published or since < 0:
            found = f"published at {at}, in force from {since}"
            findings.add("policies", "publications", 0, row, found, f"no sooner than its document, at {published}")
        if not withdraws:
            before[number] = (policy, since)
        elif before.pop(withdraws, None) != (policy, since) or at >= since:
            found = f"withdraws number {withdraws} at {at}, in force from {since}"
            findings.add("policies", "publications", 0, row, found, "an earlier one that was still to come, taken once")


def check_names(connection: apsw.Connection, findings: Findings) -> None:
    """Names belong to accounts; an account's own stands under its id. Erased ones may be lacking."""
    for account, token in connection.execute(SQL["odd_names"]):
        findings.add("form", "names", int(account or 0), f"token {token}", "a name out of place", "one of an account")


def check_pages(connection: apsw.Connection, findings: Findings) -> None:
    """SQLite's own look at every page."""
    try:
        for (found,) in connection.execute("PRAGMA quick_check"):
            if found != "ok":
                findings.add("pages", "pages", 0, "", str(found), "ok")
    except apsw.Error as error:
        findings.add("pages", "pages", 0, "", str(error), "pages that can be read")


def ranges(counts: Mapping[int, int], parts: int, least: int, low: int, high: int) -> list[tuple[int, int]]:
    """The ids from `low` to `high`, cut so that each range has about as many events; at least `least` of them."""
    size = max(least, sum(counts.values()) // parts + 1)
    cuts, count = [low], 0
    for account, events in counts.items():
        if count >= size and account > cuts[-1]:
            cuts.append(account)
            count = 0
        count += events + 1
    return [(start, (cuts[at + 1] - 1) if at + 1 < len(cuts) else high) for at, start in enumerate(cuts)]
