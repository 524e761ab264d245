"""The clocks of the servers beside this machine's: an engine that is far ahead of its store, or behind, is refused."""

from __future__ import annotations

import time

from spillover.stores.valkey.hot import ValkeyHotStore
from spillover.stores.valkey.link import Broken, Later, unavailable


def clocks_of(store: ValkeyHotStore) -> dict[str, int]:
    """Primary -> how far (ms) its clock is ahead of this machine's, give or take the time that asking took.

    Raises StoreUnavailable.
    """
    servers, exchange = store._servers, store._exchange
    deadline, found = exchange.deadline(), dict[str, int]()
    try:
        for node in servers.primaries(deadline):
            link = servers.link(node, deadline)
            before = time.time_ns() // 1_000_000
            seconds, micros = link.ask(("TIME",), deadline)
            now = (before + time.time_ns() // 1_000_000) // 2
            found[link.name] = int(seconds) * 1000 + int(micros) // 1000 - now
    except (Broken, Later) as error:
        raise unavailable(str(servers.address), str(error), exchange.timeout_ms) from None
    return found
