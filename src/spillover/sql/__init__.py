"""What any SQL database needs of us: named statements, and numbered scripts that bring a schema up to date."""

from spillover.sql.components import Component
from spillover.sql.statements import statements

__all__ = ["Component", "statements"]
