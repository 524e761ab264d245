"""Schema upgrades: the database remembers how far each component has come, and only one program at a time upgrades."""

from __future__ import annotations

from psycopg import errors, sql

from spillover.model.errors import NewerRules, NewerSchema, NotADatabase
from spillover.postgres.connection import Connection
from spillover.postgres.layout import COMMON, OWNER, SCHEMAS
from spillover.postgres.roles import ensure_roles
from spillover.sql import Component, statements

SQL = statements("spillover.postgres", "upgrades.sql") | statements("spillover.postgres", "session.sql")
RULES = "rules"
"""The row that keeps the newest rules version whose decisions this database may hold."""
TRIES = 5
"""Databases of one server may make the shared roles at the same moment; all but one then try again."""
PATIENCE_MS = 60_000
"""How long an upgrade waits for another's, and for locks on tables."""
FIRST = (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_, errors.DuplicateSchema)


def bring_up_to_date(connection: Connection, component: Component, rules: int, name: str) -> None:
    """Bring the component's schemas and the rules version up to date, in one transaction, if they are not.

    Raises NewerSchema, NewerRules, NotADatabase for a schema that is not ours, WrongSettings for missing roles.
    """
    if _is_current(_versions(connection), component, rules, name):
        return
    patience, connection.patience_s = connection.patience_s, 10 * PATIENCE_MS / 1000
    for tries_left in reversed(range(TRIES)):
        try:
            with connection.transaction():
                _upgrade(connection, component, rules, name)
            break
        except FIRST:
            if not tries_left:
                raise
    connection.patience_s = patience


def _upgrade(connection: Connection, component: Component, rules: int, name: str) -> None:
    connection.execute(SQL["patience"], (str(PATIENCE_MS),))
    connection.execute(SQL["alone"])
    versions = _versions(connection)
    if _is_current(versions, component, rules, name):
        return
    ensure_roles(connection, name)
    begun = versions.get(component.name, 0)
    for schema in (() if versions else (COMMON,)) + (() if begun else SCHEMAS[component.name]):
        _make(connection, schema, name)
    connection.execute(SQL["as_owner"], (OWNER,))
    if not versions:
        for step in ("table", "shown_to_all", "reached_by_all"):
            connection.execute(SQL[step])
    for script in component.scripts[begun:]:
        connection.script(script)
    for row in ((component.name, component.version), (RULES, rules)):
        connection.execute(SQL["note"], row)


def _make(connection: Connection, schema: str, name: str) -> None:
    if connection.execute(SQL["taken"], (schema,)).fetchone() is not None:
        raise NotADatabase(
            f"{name}: found schema {schema} of another program, expected to make it;"
            " rename or drop it, or use another database"
        )
    made = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), sql.Identifier(OWNER))
    connection.execute(made, prepare=False)


def _is_current(known: dict[str, int], component: Component, rules: int, name: str) -> bool:
    schema, seen = known.get(component.name, 0), known.get(RULES, 0)
    if schema > component.version:
        raise NewerSchema(
            f"{name}: found schema {component.name} {schema}, expected at most {component.version};"
            " use the version of Spillover that upgraded this database, or a newer one"
        )
    if seen > rules:
        raise NewerRules(
            f"{name}: found decisions of rules version {seen}, expected at most {rules};"
            " use the version of Spillover that made them, or a newer one"
        )
    return schema == component.version and seen == rules


def _versions(connection: Connection) -> dict[str, int]:
    row = connection.execute(SQL["known"]).fetchone()
    if row is None or not row[0]:
        return {}
    return {str(part): int(version) for part, version in connection.execute(SQL["versions"]).fetchall()}
