"""Schema upgrades: the file remembers how far each component has come."""

from __future__ import annotations

import apsw

from spillover.model.errors import NewerRules, NewerSchema
from spillover.sql import Component

TABLE = "CREATE TABLE IF NOT EXISTS spillover_schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
RULES = "rules"
"""The row that keeps the newest rules version whose decisions this file may hold."""


def is_current(connection: apsw.Connection, component: Component, rules: int, path: str) -> bool:
    """Whether the file stands at these versions. Raises NewerSchema or NewerRules if it is ahead of this program."""
    known = _versions(connection)
    schema, seen = known.get(component.name, 0), known.get(RULES, 0)
    if schema > component.version:
        raise NewerSchema(
            f"{path}: found schema {component.name} {schema}, expected at most {component.version};"
            " use the version of Spillover that upgraded this file, or a newer one"
        )
    if seen > rules:
        raise NewerRules(
            f"{path}: found decisions of rules version {seen}, expected at most {rules};"
            " use the version of Spillover that made them, or a newer one"
        )
    return schema == component.version and seen == rules


def upgrade(connection: apsw.Connection, component: Component, rules: int, path: str) -> None:
    """Bring the component's tables and the rules version up to date, inside the caller's transaction."""
    connection.execute(TABLE)
    if is_current(connection, component, rules, path):
        return
    for script in component.scripts[_versions(connection).get(component.name, 0) :]:
        connection.execute(script).fetchall()  # a statement that gives rows would hold up the ones after it
    connection.executemany(
        "INSERT INTO spillover_schema VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET version = excluded.version",
        [(component.name, component.version), (RULES, rules)],
    )


def _versions(connection: apsw.Connection) -> dict[str, int]:
    if not connection.table_exists("main", "spillover_schema"):
        return {}
    rows = connection.execute("SELECT component, version FROM spillover_schema")
    return {str(name): int(version) for name, version in rows}
