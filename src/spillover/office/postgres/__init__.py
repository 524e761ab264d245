"""The office in the books' PostgreSQL database, in a schema and as a role of its own."""

from spillover.office.postgres.office import PostgresOffice

__all__ = ["PostgresOffice"]
