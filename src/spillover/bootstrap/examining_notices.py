"""The doctor's look at webhooks: who is paused, and whether somebody sends what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from spillover.bootstrap.addresses import Address
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.health import Sign
from spillover.notices.endpoints import state_of

if TYPE_CHECKING:
    from spillover.ports.notices import Notices

DUE_WATCH_MS, DUE_ACT_MS = 2 * 60_000, 60 * 60_000
"""For how long a message may be due: a worker takes it within a second, and has it for a minute at most."""
RESUME, RUN, LOG = "spillover webhooks resume", "spillover webhooks run --follow", "spillover webhooks log --endpoint"
SHOWN = 3
"""Endpoints that are named."""


def notices_signs(address: Address, now: int, timeout_ms: int) -> list[Sign]:
    """How webhooks stand, where there are any. An office that is not there, or older, is not opened: that makes one."""
    if not has_office(address, timeout_ms):
        return []
    office = open_office(address, timeout_ms)
    try:
        notices = cast("Notices", office)
        endpoints = [one for one in drive(notices.endpoints()) if not one.ended]
        waiting = drive(notices.waiting())
    finally:
        drive(office.close())
    if not endpoints:
        return []
    signs = [_due(len(endpoints), waiting.sendings, now - waiting.oldest if waiting.oldest else 0)]
    for state, said, command in (("paused", "paused, what it wants waits", RESUME), ("failing", "failing", LOG)):
        found = [one for one in endpoints if state_of(one) == state]
        for one in found[:SHOWN]:
            more = f"; {len(found) - SHOWN} more are" if len(found) > SHOWN and one is found[SHOWN - 1] else ""
            signs.append(Sign(f"webhooks to {one.id}", f"{said}{more}", "watch", f"{command} {one.id}"))
    return signs


def _due(endpoints: int, waiting: int, late_ms: int) -> Sign:
    what, found = "webhooks", f"{endpoints} endpoint{'s' if endpoints > 1 else ''}, {waiting:,} waiting"
    if late_ms < DUE_WATCH_MS:
        return Sign(what, found)
    found += f", the oldest due for {late_ms // 60_000:,} minutes: nobody sends"
    return Sign(what, found, "act" if late_ms >= DUE_ACT_MS else "watch", RUN)


def has_office(address: Address, timeout_ms: int) -> bool:
    """Whether there is an office of this program's own version."""
    if address.path is not None:
        from spillover.office.sqlite.office import OFFICE as FILE_OFFICE
        from spillover.sqlite.versions import versions_of

        return versions_of(address.path).get("office") == FILE_OFFICE.version
    from spillover.office.postgres.office import OFFICE
    from spillover.postgres.health import health_of

    return health_of(address.books, timeout_ms).versions.get("office") == OFFICE.version
