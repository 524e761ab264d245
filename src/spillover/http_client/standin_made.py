"""From what a client is told of outages to what stands in; the journal's code is only loaded by who has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spillover.http_client.address import ServiceAddress
from spillover.http_client.admit import Admit
from spillover.http_client.holding import Skew
from spillover.http_client.pool import Pool
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.http_client.standin import Standin


def standin_of(
    admit: Admit | None, address: ServiceAddress, headers: dict[str, str], skew: Skew, deadline: float
) -> Standin | None:
    """What stands in; None where a client is closed in an outage. Raises InvalidInput, StoreError."""
    if admit is None:
        return None
    from spillover.http_client.standin import Standin

    return Standin(admit, Pool(address, headers), skew, address.text, deadline)


def journal_of(standin: Standin | None) -> Standin:
    """It, where there is one. Raises InvalidInput."""
    if standin is None:
        expected = 'connect(..., when_unreachable=spillover.Admit({...}, journal="app.journal"))'
        raise InvalidInput("when_unreachable", "none", expected)
    return standin
