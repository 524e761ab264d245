"""Everything from one database into another: books byte for byte, then the hot state from the books (OPERATING.md).

    report = move("sqlite:///shop.db", "postgresql://localhost/shop")

The source is closed first: its accounts are shut, settled to their end and raised to an epoch that says where they
went, then its books take no change any more. So nothing is lost silently: engines that still hold it are told.
"""

from spillover.move.report import Carried, MoveReport
from spillover.move.run import give_up, move

__all__ = ["Carried", "MoveReport", "give_up", "move"]
