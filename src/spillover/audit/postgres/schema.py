"""Whether the tables of a PostgreSQL database are as described: typed, append-only by triggers, with unique keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from spillover.audit.report import Findings
from spillover.audit.tables import APPEND_ONLY, BOOKS, UNIQUE, Row

REFUSES = re.compile(r"\s*BEGIN\s+RAISE\s+EXCEPTION\b", re.IGNORECASE)
"""What the function of a trigger begins with that refuses whatever comes."""
BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 2, 4, 8, 16, 32
_VERBS = {"UPDATE": UPDATE, "DELETE": DELETE, "TRUNCATE": TRUNCATE}
_NUMBERS: tuple[str, ...] = ("bigint", "integer", "smallint")

Rows = Callable[..., Iterator[Row]]


def check_schema(rows: Rows, findings: Findings) -> set[str]:
    """Every difference is a finding; gives the tables on which a key is not unique."""
    for name in dict.fromkeys((*BOOKS, *APPEND_ONLY)):
        _triggers(name, list(rows("triggers", name)), findings)
        for table, rule in rows("rules", name):
            findings.add("schema", name, 0, "", f"the rule {rule} on {table}", "none, as rules change what is written")
    for name in BOOKS:
        _types(name, rows, findings)
    loose = set()
    for name, keys in UNIQUE.items():
        known = {tuple(str(columns).split(",")) for (columns,) in rows("unique", name)}
        for columns in keys:
            if columns not in known:
                findings.add("schema", name, 0, "", f"no unique {', '.join(columns)}", "one row for each")
                loose.add(name)
    return loose


def _types(name: str, rows: Rows, findings: Findings) -> None:
    """Each column has its type, and none may be empty but the time of an event that could not be read."""
    table, known = BOOKS[name], {str(column): (kind, empty) for column, kind, empty in rows("types", name)}
    for column in table.columns.split():
        kinds = (
            ("text",) if column in table.texts.split() else ("bytea",) if column in table.blobs.split() else _NUMBERS
        )
        found, empty = known[column]
        if found not in kinds:
            findings.add("schema", name, 0, "", f"{column} of type {found}", kinds[0])
        if empty and (name, column) != ("quarantine", "at"):
            findings.add("schema", name, 0, "", f"{column} that may be null", "NOT NULL")


def _triggers(name: str, found: list[Row], findings: Findings) -> None:
    """A partition can be written to by its own name, so each has its own triggers."""
    refused: dict[str, int] = {}
    for table, trigger, kind, always, source in found:
        verbs = refused.setdefault(table, 0)
        if trigger is None:
            continue
        if REFUSES.match(source) and kind & BEFORE and kind & (INSERT | UPDATE | DELETE | TRUNCATE):
            refused[table] = verbs | (kind if always else 0)
        else:
            findings.add("schema", name, 0, "", f"the trigger {trigger} on {table}", "only those that refuse changes")
    if name not in APPEND_ONLY:
        return
    for table, verbs in refused.items():
        for verb, bit in _VERBS.items():
            if not verbs & bit:
                where = "" if table == name else f" on {table}"
                findings.add("schema", name, 0, "", f"no trigger that refuses {verb}{where}", "an append-only table")
