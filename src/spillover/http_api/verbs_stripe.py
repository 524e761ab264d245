"""What Stripe sends. It is called by Stripe alone, which signs it, so it stands in no document for callers."""

from __future__ import annotations

from msgspec import Struct

from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.problems import Refused


class Outcome(Struct, frozen=True):
    """What became of an event, for whoever looks at Stripe's list of deliveries."""

    outcome: str


async def webhook(call: Call) -> Answer:
    """An event of Stripe's, done once."""
    hook = call.service.stripe
    if hook is None:
        detail = "path: found no secret for Stripe's events, expected `spillover serve --stripe-webhook-secret`"
        raise Refused("no-such-path", detail)
    status, told = await hook(call.body, call.heads.get("stripe-signature"))
    if status == 400:
        raise Refused("malformed", told)
    return Answer(Outcome(told), status)


ROWS = (
    Endpoint(
        "stripe/webhook", "POST", "open", "nothing", "What Stripe tells: paid checkouts, refunds, disputes.", None,
        Outcome, webhook, ("no-such-path", "malformed"), raw=True,
    ),
)  # fmt: skip
