"""The ledger in a SQLite file, beside the hot state, or in memory. docs/LEDGER.md describes its tables exactly."""

from spillover.ledgers.sqlite.ledger import SQLiteLedger

__all__ = ["SQLiteLedger"]
