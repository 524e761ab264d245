"""Holds: opened, told, extended, committed, released."""

from __future__ import annotations

from spillover.documents.decision import Decision
from spillover.documents.endings import Ending as EndingDocument
from spillover.documents.holds import Holds, OpenedHold
from spillover.engine.answers import Ending
from spillover.http_api.checkout import with_checkout
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.headers import profiles_of
from spillover.http_api.taking import CommitHold, ExtendHold, OfAccount, OfHold, OpenHold, ReleaseHold
from spillover.http_api.verbs_requests import decided
from spillover.http_api.words import words


async def open_hold(call: Call) -> Answer:
    """`access.open_hold`."""
    profiles = profiles_of(call.heads)
    decision = await call.service.access.open_hold(**words(call, instants=("at",)))
    return decided(call, decision, profiles)


async def listed(call: Call) -> Answer:
    """`access.holds.list`."""
    account = call.taken.account
    found = await call.service.access.holds.list(account)
    return Answer(Holds.of(call.service.access.policy, found, account=account))


async def opened(call: Call) -> Answer:
    """`access.opened`."""
    found = await call.service.access.opened(call.taken.account, call.taken.key)
    return Answer(OpenedHold.of(call.service.access.policy, found))


async def extend(call: Call) -> Answer:
    """`access.holds.extend`."""
    decision = await call.service.access.holds.extend(**words(call, instants=("at",)))
    document = Decision.of(call.service.access.policy, with_checkout(call.service, decision))
    return Answer(document, replayed=decision.replayed)


async def commit(call: Call) -> Answer:
    """`access.holds.commit`."""
    return _ended(call, await call.service.access.holds.commit(**words(call, instants=("at",))))


async def release(call: Call) -> Answer:
    """`access.holds.release`."""
    return _ended(call, await call.service.access.holds.release(**words(call, instants=("at",))))


def _ended(call: Call, ending: Ending) -> Answer:
    return Answer(EndingDocument.of(call.service.access.policy, ending), replayed=ending.replayed)


SEVEN = {"account": "acme", "key": "job-1"}
ERRORS = ("unknown-name", "hold-ended", "contended")

ROWS = (
    Endpoint(
        "holds/open", "POST", "decide", "feature", "Hold what an estimate needs until the true usage is known.",
        OpenHold, Decision, open_hold, ("unknown-name", "key-reused", "hold-ended", "bound-exceeded"),
        {"account": "acme", "feature": "video.seconds", "estimate": 3, "key": "job-1", "lasts": 60000}, keyed="key",
    ),
    Endpoint(
        "holds/list", "GET", "read", "account", "The open holds of an account, the earliest due first.", OfAccount,
        Holds, listed, ("unknown-name",), {"account": "acme"}, customer=True,
    ),
    Endpoint(
        "opened", "GET", "read", "hold", "What an open hold is on, and what happens when it is short.", OfHold,
        OpenedHold, opened, ("unknown-name", "hold-ended"), SEVEN,
    ),
    Endpoint(
        "holds/extend", "POST", "decide", "hold", "Hold more (`estimate`, in all) or longer (`lasts`).", ExtendHold,
        Decision, extend, (*ERRORS, "key-reused"), {**SEVEN, "estimate": 5, "extension_key": "more-1"},
        keyed="extension_key",
    ),
    Endpoint(
        "holds/commit", "POST", "decide", "hold", "End a hold with what was truly used, in all.", CommitHold,
        EndingDocument, commit, ERRORS, {**SEVEN, "usage": 4},
    ),
    Endpoint(
        "holds/release", "POST", "decide", "hold", "End a hold of which nothing was used.", ReleaseHold,
        EndingDocument, release, ERRORS, {"account": "acme", "key": "job-2"},
    ),
)  # fmt: skip
