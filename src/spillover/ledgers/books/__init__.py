"""The books, whatever database keeps them: all bookkeeping speaks to `Tables` alone (docs/LEDGER.md describes them)."""

from spillover.ledgers.books.ledger import BooksLedger

__all__ = ["BooksLedger"]
