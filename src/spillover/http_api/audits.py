"""The audits of a service: one at a time, each in a process of its own; what the last one found is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Struct

from spillover.documents.amounts import Instant, instant_of, said
from spillover.documents.audits import AuditReport
from spillover.http_api.apart import Apart
from spillover.http_api.problems import Refused
from spillover.model.errors import InvalidInput

LOG = logging.getLogger("spillover.http")
WHAT = "an audit"
_report = msgspec.json.Decoder(AuditReport).decode


class LastAudit(Struct, frozen=True):
    """What a service knows of its audits; it forgets them when it ends."""

    running_since: Annotated[Instant | None, said("When the one that is under way began; null for none")]
    at: Annotated[Instant | None, said("When the report was made; null where none was made yet")]
    failure: Annotated[str | None, said("Why the last one came to no report; null where it did")]
    report: Annotated[AuditReport | None, said("Of the last one that came to its end")]


class Audits:
    """Used by one loop. `told` is called with each report, such as to send what was found to those who want it."""

    def __init__(self, apart: Apart | None, now: Callable[[], int]) -> None:
        """`apart` does them; None where the books are no other process's to read. `now`: milliseconds since 1970."""
        self._apart, self._now = apart, now
        self._task: asyncio.Task[None] | None = None
        self._since: int | None = None
        self.at: int | None = None
        self.report: AuditReport | None = None
        self.failure: Exception | None = None
        self.told: Callable[[AuditReport], None] = lambda _: None

    async def run(self, processes: int, wait: float) -> None:
        """Begin one, and wait so many seconds for its end; it goes on after that. Raises Refused while another is under
        way, InvalidInput for books in memory, and what it failed with."""
        if self._apart is None:
            raise InvalidInput("audit", "books in memory", "a service over a file or a server; in memory call audit()")
        if self._since is not None:
            raise Refused("busy", f"{WHAT}: found one under way, expected none; GET /v1/audit tells when it has ended")
        self._since, self.failure = self._now(), None
        task = self._task = asyncio.create_task(self._done(self._apart, processes))
        await asyncio.wait([task], timeout=wait)
        if task.done() and self.failure is not None:
            raise self.failure

    async def _done(self, apart: Apart, processes: int) -> None:
        try:
            self.report = _report(await apart.ask(processes=processes))
            self.at = self._now()
            self._log(self.report)
            self.told(self.report)
        except Exception as error:  # who waits is told, and who asks later
            self.failure = error
            LOG.warning("an audit failed: %s", error)
        finally:
            self._since = None

    def _log(self, report: AuditReport) -> None:
        if report.ok:
            LOG.info("an audit found nothing: %d events, digest %s", report.events, report.digest)
        else:
            LOG.error("an audit has findings: %s", report.found)

    def last(self) -> LastAudit:
        """How it stands."""
        failure = None if self.failure is None else " ".join(str(self.failure).split())
        return LastAudit(instant_of(self._since), instant_of(self.at), failure, self.report)

    async def close(self) -> None:
        """End the one that is under way."""
        if self._apart is not None:
            self._apart.close()
        if self._task is not None:
            await asyncio.wait([self._task])
