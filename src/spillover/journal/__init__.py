"""The journal of an outage: a small SQLite file of its own, beside the process."""

from spillover.journal.journal import ROWS_MAX, SQLiteJournal

__all__ = ["ROWS_MAX", "SQLiteJournal"]
