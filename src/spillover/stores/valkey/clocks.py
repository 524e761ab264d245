"""The clocks of the servers beside this machine's: an engine that is far ahead of its store, or behind, is refused."""

from __future__ import annotations

import time

from spillover.stores.valkey.link import Deadline
from spillover.stores.valkey.servers import Servers


def clocks_of(servers: Servers, deadline: Deadline) -> dict[str, int]:
    """Primary -> how far (ms) its clock is ahead of this machine's, give or take the time that asking took.

    Raises Broken, Later.
    """
    found: dict[str, int] = {}
    for node in servers.primaries(deadline):
        link = servers.link(node, deadline)
        before = time.time_ns() // 1_000_000
        seconds, micros = link.ask(("TIME",), deadline)
        now = (before + time.time_ns() // 1_000_000) // 2
        found[link.name] = int(seconds) * 1000 + int(micros) // 1000 - now
    return found
