"""What a service does in processes of their own: audits, and backtests. So decisions go on meanwhile."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from spillover.bootstrap.addresses import Address
from spillover.bootstrap.auditing import audit_of
from spillover.documents.audits import AuditReport
from spillover.http_api.apart import Apart, Work
from spillover.http_api.audits import WHAT, Audits
from spillover.http_api.service import Service

AUDIT_SECONDS = 6 * 3600.0
BACKTEST_SECONDS = 120.0


class Question(Struct, frozen=True):
    """What is to be audited, and by how many processes."""

    address: Address
    processes: int


_question = msgspec.json.Decoder(Question).decode


def audit_apart(question: bytes) -> bytes:
    """The document of an audit. Raises as `audit_of`."""
    asked = _question(question)
    return msgspec.json.encode(AuditReport.of(audit_of(asked.address, progress=None, processes=asked.processes)))


def do_apart(service: Service, address: Address, backtest: Work | None) -> None:
    """From now on the service audits, and tries policies if it is given what does that: `backtest` stands above this.

    Books in memory are no other process's to read.
    """
    if address.kind == "memory":
        return
    advice = "audit beside the service: `spillover audit`"
    service.audits = Audits(Apart(audit_apart, WHAT, AUDIT_SECONDS, advice, address=address), service.now)
    if backtest is not None:
        books, advice = address.path or address.books, "ask with a smaller `limit`, or beside it: `spillover backtest`"
        service.backtests = Apart(backtest, "a backtest", BACKTEST_SECONDS, advice, books=books)
