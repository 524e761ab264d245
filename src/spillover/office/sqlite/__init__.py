"""The office in the books' SQLite file, or in memory."""

from spillover.office.sqlite.office import SQLiteOffice

__all__ = ["SQLiteOffice"]
