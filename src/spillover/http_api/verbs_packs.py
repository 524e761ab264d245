"""Packs: what is sold, and granting what was bought; automatic top-ups, and orders that cannot be charged."""

from __future__ import annotations

from spillover.documents.lots import Lot
from spillover.documents.packs import Packs
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.taking import Nothing
from spillover.http_api.taking_packs import GrantPack
from spillover.http_api.words import require_key, words


async def listed(call: Call) -> Answer:
    """`access.packs.list`."""
    return Answer(Packs.of(call.service.access.policy, await call.service.access.packs.list()))


async def grant(call: Call) -> Answer:
    """`access.packs.grant`."""
    require_key(call)
    lot = await call.service.access.packs.grant(**words(call, instants=("at",)))
    return Answer(Lot.of(call.service.access.policy, lot))


ROWS = (
    Endpoint(
        "packs/list", "GET", "read", "nothing", "What can be bought: the packs of the policy in force.", Nothing,
        Packs, listed, customer=True,
    ),
    Endpoint(
        "packs/grant", "POST", "admin", "account", "Give an account a pack that it has bought, once for a key.",
        GrantPack, Lot, grant, ("unknown-name", "key-reused", "bound-exceeded"),
        {"account": "acme", "pack": "small", "ref": "ch_2", "key": "pack-1"}, keyed="key",
    ),
)  # fmt: skip
