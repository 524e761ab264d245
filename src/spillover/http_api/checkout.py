"""Where the pack that a denial names can be bought, beside it."""

from __future__ import annotations

from spillover.engine.answers import Decision
from spillover.http_api.service import LOG, Service


def with_checkout(service: Service, decision: Decision) -> Decision:
    """The same decision; a denial with the link to its pack, where the service was told how to make one.

    What the callback raises is logged, and the link left out: it is no reason to answer anything else.
    """
    denial = decision.denial
    if denial is None or service.checkout is None or denial.pack is None:
        return decision
    try:
        denial.checkout = service.checkout(decision.account, denial.pack.name)
    except Exception as error:  # whatever it is: the denial is told
        LOG.warning("no link to pack %s: %s: %s", denial.pack.name, type(error).__name__, error)
    return decision
