"""Where the pack that a denial names can be bought, beside it."""

from __future__ import annotations

from collections.abc import Coroutine

from spillover.engine.answers import Decision
from spillover.http_api.service import LOG, Service


def with_checkout(service: Service, decision: Decision) -> Decision:
    """The same decision; a denial with the link to its pack, where the service was told how to make one.

    What the callback raises is logged, and the link left out, as is what is no text: it is no reason to answer
    anything else. It is asked in the event loop: it must answer at once.
    """
    denial = decision.denial
    if denial is None or service.checkout is None or denial.pack is None:
        return decision
    try:
        found: object = service.checkout(decision.account, denial.pack.name)
        if isinstance(found, str):
            denial.checkout = found
        elif found is not None:
            if isinstance(found, Coroutine):
                found.close()
            LOG.warning("no link to pack %s: found %s, expected text", denial.pack.name, type(found).__name__)
    except Exception as error:  # whatever it is: the denial is told
        LOG.warning("no link to pack %s: %s: %s", denial.pack.name, type(error).__name__, error)
    return decision
