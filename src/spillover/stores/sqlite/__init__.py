"""The hot state and the stream in a SQLite file."""

from spillover.stores.sqlite.hot import SQLiteHotStore

__all__ = ["SQLiteHotStore"]
