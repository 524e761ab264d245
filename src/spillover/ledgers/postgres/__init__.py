"""The books in PostgreSQL: one adapter of the ledger's port, and claims on what a settler works on."""

from spillover.ledgers.postgres.claims import PostgresClaims
from spillover.ledgers.postgres.ledger import PostgresLedger

__all__ = ["PostgresClaims", "PostgresLedger"]
