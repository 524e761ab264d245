"""Trying a policy: recorded usage, or live usage (shadow), decided by another policy without touching anything."""

from spillover.backtest.report import Comparison
from spillover.backtest.run import backtest
from spillover.backtest.shadow import Shadow

__all__ = ["Comparison", "Shadow", "backtest"]
