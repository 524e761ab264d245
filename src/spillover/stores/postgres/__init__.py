"""The hot state and the stream in a PostgreSQL database."""

from spillover.stores.postgres.hot import PostgresHotStore

__all__ = ["PostgresHotStore"]
