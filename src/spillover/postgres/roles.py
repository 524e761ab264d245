"""Spillover's roles: made when they are missing, if the login may; else one line for who may."""

from __future__ import annotations

from psycopg import errors, sql

from spillover.model.errors import WrongSettings
from spillover.postgres.connection import Connection
from spillover.postgres.layout import ROLES, USED
from spillover.sql import statements

SQL = statements("spillover.postgres", "upgrades.sql")
SET_OPTION = 160_000
"""From this version on a member may become a role only if it was granted so."""


def ensure_roles(connection: Connection, name: str) -> None:
    """All roles exist, and the login may become those that a program uses.

    Raises WrongSettings with what an administrator is to run.
    """
    known = _names(connection, "roles", list(ROLES))
    missing = [f"CREATE ROLE {role} NOLOGIN" for role in ROLES if role not in known]
    joining = _joining(connection)
    try:
        for step in missing:
            connection.execute(step, prepare=False)
        # A superuser is a member of every role as soon as it exists.
        for step in _joining(connection):
            connection.execute(step, prepare=False)
    except errors.InsufficientPrivilege as error:
        raise WrongSettings(
            f"{name}: found a login that may not make or join roles, expected Spillover's roles;"
            f" as an administrator run once: {'; '.join((*missing, *joining))};"
        ) from error


def _joining(connection: Connection) -> list[str]:
    """What makes the login a member of the roles that it may not become yet: nothing, or one statement."""
    option = "SET" if connection.info.server_version >= SET_OPTION else "MEMBER"
    ours = _names(connection, "memberships", list(USED), option)
    joins = [role for role in USED if role not in ours]
    login = sql.Identifier(connection.info.user).as_string(connection)
    return [f"GRANT {', '.join(joins)} TO {login}"] if joins else []


def _names(connection: Connection, statement: str, *values: object) -> set[str]:
    rows = connection.execute(SQL[statement], values).fetchall()
    return {str(role) for (role,) in rows}
