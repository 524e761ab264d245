"""Past decisions, from the books: explained, and as receipts that prove themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from spillover.access.questions import past_keys
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.explained import Explained
from spillover.http_api.taking_reports import PastDecision
from spillover.model.errors import BoundExceeded
from spillover.proof import Receipt, write_receipt

PAST_MAX = 100_000
"""Events of an account that are read for one receipt; 30 us each."""


async def receipt(call: Call) -> Answer:
    """`access.receipt`, byte for byte as it is saved."""
    found, _ = await _past(call)
    return Answer(write_receipt(found))


async def explained(call: Call) -> Answer:
    """The same, explained, with the names that are known."""
    found, names = await _past(call)
    return Answer(Explained.of(found, call.taken.account, names))


async def _past(call: Call) -> tuple[Receipt, Mapping[str, str]]:
    """One at a time, beside the loop."""
    service, taken = call.service, call.taken

    def made() -> tuple[Receipt, Mapping[str, str]]:
        plain, desk = service.plain, service.desk
        account = plain.run(desk.account(taken.account))
        for key in past_keys(taken.key, end=taken.end, step=taken.step):
            booked = plain.look(desk.ledger.event_by_key(account, key))
            if booked is not None and booked.sequence > PAST_MAX:
                advice = "make it beside the books: `spillover explain --account NAME --key KEY`"
                raise BoundExceeded("events up to the decision", booked.sequence, PAST_MAX, advice)
        found = plain.receipt(taken.account, taken.key, end=taken.end, step=taken.step)
        return found, plain.look(desk.ledger.names(account))

    async with service.proving:
        return await asyncio.get_running_loop().run_in_executor(None, made)


ERRORS = ("unknown-name", "not-settled", "bound-exceeded")
CLIP = {"account": "acme", "key": "clip-1"}

ROWS = (
    Endpoint(
        "explained", "GET", "read", "account",
        "What was decided once, on what, and why: sentence, layers, limits with their room. Denials are not kept.",
        PastDecision, Explained, explained, ERRORS, CLIP, customer=True,
    ),
    Endpoint(
        "receipt", "GET", "read", "account",
        "The receipt of a past decision, as `spillover verify` checks it offline.", PastDecision, dict, receipt,
        ERRORS, CLIP,
    ),
)  # fmt: skip
