"""The audit: everything in the books computed again from what was done, by code that shares none of the rules.

    report = audit("app.db")
    report.ok, report.findings, report.digest
    report = audit("postgresql://user@host/db")

What it checks, what a finding means, and what goes into the digest stands in docs/AUDIT.md.
"""

from spillover.audit.elsewhere import HotSource, StoredHot
from spillover.audit.report import CHECKS, AuditReport, BookTotal, Check, Finding
from spillover.audit.run import audit
from spillover.audit.state import HotAccount

__all__ = ["CHECKS", "AuditReport", "BookTotal", "Check", "Finding", "HotAccount", "HotSource", "StoredHot", "audit"]
