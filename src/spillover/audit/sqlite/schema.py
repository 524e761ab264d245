"""Whether the tables of a SQLite file are as described: strict, append-only by triggers, with their unique keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from spillover.audit.report import Findings
from spillover.audit.tables import APPEND_ONLY, BOOKS, HOUSE, UNIQUE, Row

REFUSES = r"\sBEFORE\s+{}\s+ON\s+{}\s+BEGIN\s+SELECT\s+RAISE\s*\(\s*ABORT\s*,\s*'(?:[^']|'')*'\s*\)\s*;\s*END\s*$"
"""What a trigger says that refuses a verb on a table, whatever the row, and does nothing else."""

Rows = Callable[..., Iterator[Row]]


def check_schema(rows: Rows, findings: Findings) -> set[str]:
    """Every difference is a finding; gives the tables on which a key is not unique."""
    _triggers([(str(table), str(sql)) for table, sql in rows("triggers")], findings)
    for name in (*BOOKS, *HOUSE):
        if not next(rows("strict", name), (0,))[0]:
            findings.add("schema", name, 0, "", "a table that is not STRICT", "types that are enforced")
    loose = set()
    for name, keys in UNIQUE.items():
        known = {tuple(str(columns).split(",")) for (columns,) in rows("unique", name)}
        for columns in keys:
            if columns not in known:
                findings.add("schema", name, 0, "", f"no unique {', '.join(columns)}", "one row for each")
                loose.add(name)
    return loose


def _triggers(triggers: list[tuple[str, str]], findings: Findings) -> None:
    for name in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            form = re.compile(REFUSES.format(verb, name), re.IGNORECASE)
            if not any(table == name and form.search(sql) for table, sql in triggers):
                findings.add("schema", name, 0, "", f"no trigger that refuses {verb}", "an append-only table")
    for table, sql in triggers:
        if table in (*BOOKS, *HOUSE, *APPEND_ONLY) and not re.search(
            REFUSES.format("(INSERT|UPDATE|DELETE)", table), sql, re.IGNORECASE
        ):
            findings.add("schema", table, 0, "", f"the trigger {sql}", "only those that refuse changes")
