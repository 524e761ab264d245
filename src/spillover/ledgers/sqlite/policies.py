"""Policy documents, and which of them is in force from when: of the publications up to an instant, the newest."""

from __future__ import annotations

from typing import Any

import apsw

from spillover.ledgers.sqlite.terms import check_instant
from spillover.model.account import NEVER
from spillover.model.reports import Publication
from spillover.sqlite import statements

SQL = statements("spillover.ledgers.sqlite", "policies.sql")


def publish(connection: apsw.Connection, policy_hash: str, document: str, *, at: int, since: int | None) -> None:
    """Keep the policy's document; in force from `since` on, or from `at`. What is so already is not published again.

    A clock that is behind that of whoever published last does not go back before it.
    """
    check_instant("at", at)
    at = max(at, connection.execute(SQL["latest"]).get or 0)
    since = at if since is None else since
    check_instant("since", since)
    connection.execute(SQL["keep"], (policy_hash, document, at))
    if connection.execute(SQL["in_force"], (since,)).get != policy_hash:
        connection.execute(SQL["publish"], (policy_hash, since, at))


def policy_document(connection: apsw.Connection, policy_hash: str | None, at: int = NEVER) -> str | None:
    """The document of that policy, or of the one in force at an instant."""
    if policy_hash is None:
        policy_hash = connection.execute(SQL["in_force"], (at,)).get
    found: str | None = connection.execute(SQL["document"], (policy_hash,)).get
    return found


def publications(connection: apsw.Connection) -> tuple[Publication, ...]:
    """All publications, in their order."""
    rows: Any = connection.execute(SQL["publications"])
    return tuple(Publication(*row) for row in rows)
