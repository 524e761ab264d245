"""What an audit found, as messages: each finding is told once, however often it is found again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from spillover.documents.audits import AuditReport
from spillover.ports.notices import Message

_json = msgspec.json.Encoder().encode


def finding_messages(report: AuditReport, now: int) -> Sequence[Message]:
    """One for each finding that the report names. `now`: when it was made (ms)."""
    found = []
    for one in report.findings:
        data = {
            "check": one.check, "invariant": one.invariant, "table": one.table, "row": one.row, "found": one.found,
            "expected": one.expected,
        }  # fmt: skip
        digest = sha256(_json([one.account, *data.values()])).hexdigest()
        # What is about an erased account is not sent; that its books are off must be known all the same.
        account = one.account if one.name is not None else 0
        found.append(Message(f"audit.finding:{digest}", account, "audit.finding", now, _json(data)))
    return found
