"""Ways to plant faults in books, and to say what must be found."""

from __future__ import annotations

from collections.abc import Callable

from spillover.audit import AuditReport
from tests.audit.forger import Forger

ACME = "(SELECT account FROM names WHERE name = 'acme')"
ZETA = "(SELECT account FROM names WHERE name = 'zeta')"
EVENT = "account, epoch, sequence, key, payload, hash"
UPDATE = (
    "account, number, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor, at"
)


def copied(table: str, columns: str, changes: str, row: str) -> Callable[[Forger], None]:
    """Another row, made from one there is."""

    def plant(forger: Forger) -> None:
        assert forger.run(
            f"INSERT INTO {table} ({columns}) SELECT {changes} FROM {table} WHERE account = {ACME} AND {row}"
        )

    return plant


def sql(*statements: str) -> Callable[[Forger], None]:
    """Statements, each of which changes something; {acme} and {zeta} are the accounts."""

    def plant(forger: Forger) -> None:
        for statement in statements:
            assert forger.run(statement.format(acme=ACME, zeta=ZETA))

    return plant


def expect(report: AuditReport, check: str, table: str, row: str) -> None:
    """A finding of that check in that table, on the row called so."""
    assert not report.ok
    named = [one for one in report.findings if one.check == check and one.table == table and one.row.startswith(row)]
    assert named, [str(one) for one in report.findings]
    assert all(str(one).startswith(check) for one in named)
