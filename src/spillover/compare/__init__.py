"""Two policies side by side, in memory: what each answers to the same requests, and the report of what differs."""

from spillover.compare.report import Comparison
from spillover.compare.shadow import Shadow

__all__ = ["Comparison", "Shadow"]
