"""That a replica has what was written: asked on the connection that wrote it, behind the writes."""

from __future__ import annotations

from redis.exceptions import ResponseError

from spillover.model.errors import StoreUnavailable
from spillover.stores.valkey.faults import kind_of, shown, told
from spillover.stores.valkey.link import Broken, Command, Deadline, Link, Reply

CONFIRM_MARGIN = 0.15
"""Seconds that WAIT leaves of the time limit for its answer: a server looks at such times ten times a second."""


def trailer(link: Link, deadline: Deadline) -> tuple[Command, ...]:
    """What goes behind writes on the same connection."""
    return (_wait(deadline), ("ROLE",)) if link.replicas else (("ROLE",),)


def confirm(link: Link, waited: Reply, role: Reply, deadline: Deadline) -> None:
    """Raises StoreUnavailable unless a replica has what this connection wrote, where there are replicas."""
    if isinstance(role, ResponseError):
        if kind_of(role) == "other":
            raise told(link.name, role)
        raise Broken(f"{link.name}: {shown(role)}", sent=True)  # it began to refuse between two of our commands
    link.replicas = len(role[2]) if role and role[0] == b"master" else 0
    if not link.replicas:
        return  # none is attached, or not any more
    if waited is None:  # one was attached since
        waited = link.ask(_wait(deadline), deadline)
    if isinstance(waited, ResponseError):
        raise told(link.name, waited)
    if waited < 1:
        raise StoreUnavailable(
            f"{link.name}: found {link.replicas} replicas of which none confirmed in time, expected 1; the key"
            " decides: send the same again"
        )


def _wait(deadline: Deadline) -> Command:
    """The command that waits for one replica."""
    left = deadline.left()
    return ("WAIT", 1, max(1, int((left - min(CONFIRM_MARGIN, left / 2)) * 1000)))
