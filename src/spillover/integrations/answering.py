"""What an end user is told (law 11): a denial as 429 or 402, an engine that cannot decide as 503; as problem+json."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from spillover.conventions.headers import Pair
from spillover.documents.amounts import instant_of
from spillover.documents.packs import Pack
from spillover.engine.answers import Decision
from spillover.model.errors import (
    Contended,
    HoldEnded,
    InvalidInput,
    KeyReused,
    Overloaded,
    SpilloverError,
    StoreError,
    UnknownName,
)

MEDIA = "application/problem+json"
LOG = logging.getLogger("spillover.asgi")
QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"
OWN = "urn:spillover:problem:"
STORE_SECONDS, MOMENT_SECONDS = 2, 1
CHECKOUT_SECONDS = 2.0
"""How long an asynchronous callback is waited for that makes the link to a checkout."""


class Refusal(Struct, frozen=True):
    """An answer in place of the application's: a problem and its headers."""

    status: int
    problem: dict[str, object]
    headers: tuple[Pair, ...]

    @property
    def body(self) -> bytes:
        """The problem as JSON."""
        return msgspec.json.encode(self.problem)


Checkout = Callable[[str, str], str | Awaitable[str | None] | None]
"""(account, pack) -> the address where the pack is bought, or None; awaited if it is asynchronous."""


async def checkout_of(decision: Decision, checkout: Checkout | None) -> str:
    """Where the pack that a denial names is bought; "" where that is not known.

    What the callback raises is logged, and the link left out: an end user is told of the denial all the same. So it
    is where an asynchronous one takes longer than `CHECKOUT_SECONDS`.
    """
    denial = decision.denial
    if denial is None or checkout is None or denial.pack is None:
        return denial.checkout if denial else ""
    try:
        made = checkout(decision.account, denial.pack.name)
        found = await asyncio.wait_for(made, CHECKOUT_SECONDS) if inspect.isawaitable(made) else made
    except Exception as error:  # whatever it is
        LOG.warning("no link to pack %s: %s: %s", denial.pack.name, type(error).__name__, error)
        return ""
    return found if isinstance(found, str) else ""


def denied(decision: Decision, limits: Sequence[Pair] = (), checkout: str = "") -> Refusal:
    """A denial: what blocks, and both ways out. 429 with Retry-After if waiting helps, else 402.

    `checkout`: where the pack that it names is bought.
    """
    denial = decision.denial
    assert denial is not None
    problem: dict[str, object] = {
        "type": QUOTA,
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": denial.status,
        "detail": denial.sentence,
        "violated-policies": list(dict.fromkeys(one.name for one in denial.blockers)),
        "sentence": denial.sentence,
        "blocked_by": denial.blocked_by,
        "opens_at": instant_of(denial.opens_at),
        "unlock": denial.unlock,
        "feature": decision.feature,
    }
    if denial.pack is not None:
        money = decision.counted.count == "cost" or denial.pack.measure == "credits"
        problem["pack"] = msgspec.to_builtins(Pack.of(money, denial.pack))
    if checkout:
        problem["checkout"] = checkout
    headers = [*_heads(), *limits]
    if denial.opens_at is not None:
        headers.append(("retry-after", str(max(-(-(denial.opens_at - decision.at) // 1000), 1))))
    return Refusal(denial.status, problem, tuple(headers))


def failed(error: SpilloverError) -> Refusal | None:
    """What the end user is told of an error; None for one that is the application's own, such as an unknown feature.

    Nothing is told of the database.
    """
    match error:
        case Contended() | Overloaded():
            return _refusal("overloaded", 503, "Too much at once; try again in a moment", MOMENT_SECONDS)
        case StoreError():
            return _refusal("store", 503, "What is allowed cannot be told now; try again in a moment", STORE_SECONDS)
        case KeyReused():
            return _refusal("key-reused", 409, "This idempotency key came with another request before; send a new one")
        case HoldEnded():
            return _refusal("hold-ended", 410, "The request of this idempotency key has ended; send a new one")
        case UnknownName(field="account"):
            return no_account()
        case InvalidInput(field="key"):
            return _refusal("malformed", 400, " ".join(str(error).split()))
        case _:
            return None


def no_account() -> Refusal:
    """Nobody is known who could pay."""
    return _refusal("forbidden", 403, "Nobody is known on whose account this request could be")


def _refusal(name: str, status: int, detail: str, after: int = 0) -> Refusal:
    title = {400: "The request cannot be read", 403: "No account", 409: "The key was used before", 410: "It has ended"}
    problem: dict[str, object] = {
        "type": OWN + name, "title": title.get(status, "Not served now"), "status": status, "detail": detail,
    }  # fmt: skip
    return Refusal(status, problem, (*_heads(), *([("retry-after", str(after))] if after else [])))


def _heads() -> tuple[Pair, ...]:
    return ("content-type", MEDIA), ("cache-control", "no-store")
