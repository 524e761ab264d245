"""Trying a policy: recorded usage decided by another policy beside the present one, without touching anything."""

from spillover.backtest.run import backtest
from spillover.compare.report import Comparison
from spillover.compare.shadow import Shadow

__all__ = ["Comparison", "Shadow", "backtest"]
