"""Proofs, to be checked offline: a past decision as a receipt, a statement with its chain (docs/RECEIPTS.md).

It knows the rules, policies and the ledger's port, and no database.
"""

from spillover.proof.build import build
from spillover.proof.checking import Finding, Proved, check, check_receipt
from spillover.proof.evaluate import evaluate
from spillover.proof.receipt import Receipt, read_receipt, write_receipt
from spillover.proof.standings import Standing, standings
from spillover.proof.statement import export_statement

__all__ = [
    "Finding",
    "Proved",
    "Receipt",
    "Standing",
    "build",
    "check",
    "check_receipt",
    "evaluate",
    "export_statement",
    "read_receipt",
    "standings",
    "write_receipt",
]
