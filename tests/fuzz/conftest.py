"""A place on each rung, as the faults have it."""

from tests.faults.conftest import books, place

__all__ = ["books", "place"]
