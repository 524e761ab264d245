"""Webhooks in a service: its desk of endpoints and alerts, and the worker that watches and sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from spillover.bootstrap.addresses import Address
from spillover.bootstrap.noticing import LOG, Noticing, Worker, desk_over, tell_findings
from spillover.bootstrap.topping import topup_desk
from spillover.documents.audits import AuditReport
from spillover.http_api.service import Service
from spillover.notices.sending import Rules


def offer_topups(service: Service) -> None:
    """From now on the service answers for automatic top-ups."""
    service.topups = lambda office: topup_desk(office, service.desk.ledger, lambda: service.access.policy, service.now)


def offer_notices(service: Service, *, allow_private: bool) -> None:
    """From now on the service answers for webhooks and alerts."""
    service.notices = lambda office: desk_over(
        office, service.desk.ledger, lambda: service.access.policy, service.now, allow_private=allow_private
    )
    service.audits.told = lambda report: _tell(service, report)


def _tell(service: Service, report: AuditReport) -> None:
    """What an audit found goes to those who want it; who asked for the audit does not wait for that."""
    if report.ok:
        return
    task = asyncio.get_running_loop().create_task(
        service.clerk.run(lambda office: tell_findings(office, report, service.now()))
    )
    _telling.add(task)
    task.add_done_callback(_told)


_telling: set[asyncio.Task[Any]] = set()
"""So that nobody forgets them before they have ended."""


def _told(task: asyncio.Task[Any]) -> None:
    _telling.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.warning("what an audit found could not be written as messages: %s", error)


@asynccontextmanager
async def noticing(service: Service, address: Address, *, allow_private: bool) -> AsyncIterator[None]:
    """Watch and send while this is entered. Books in memory are watched by nobody."""
    if address.kind == "memory":
        yield
        return
    work = Noticing(Worker(address, Rules(allow_private=allow_private), counted=service.meters.tries))
    work.start()
    try:
        yield
    finally:
        await asyncio.get_running_loop().run_in_executor(None, work.stop)
