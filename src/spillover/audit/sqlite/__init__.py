"""The books in a SQLite file, or in an open connection to one."""
