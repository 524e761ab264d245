"""An OpenAI client whose model calls are held for before they are sent and charged for what they truly used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from spillover.integrations.openai_doors import ClientDoor
from spillover.integrations.openai_terms import Estimate, Terms
from spillover.integrations.openai_tokens import Count, Usage, four_characters, split_cached
from spillover.model.errors import InvalidInput, shown

if TYPE_CHECKING:
    from spillover.access.asynchronous import AsyncAccess
    from spillover.access.plain import Access

Client = TypeVar("Client")


def wrap(
    client: Client, access: Access | AsyncAccess, *, feature: str, account: str | None = None,
    subject: str | None = None, attributes: Mapping[str, str] | None = None, estimate: Estimate = None,
    usage: Usage = split_cached, count_tokens: Count = four_characters, unmetered: Collection[str] = (),
) -> Client:  # fmt: skip
    """The same client, metered: `chat.completions.create` and `.parse`, `responses.create` and `.parse`, streams too.

    Each call opens a hold on `feature` first and commits what the model reports after; client-side retries are part of
    the one call. A denial raises `spillover.Denied` and nothing is sent. Doors that cannot be metered raise
    InvalidInput, but resources named in `unmetered`, such as "embeddings", which pass free of charge.

    `account`, `subject`, `attributes` are those of every call; one call's own come as a keyword of it:
    `create(..., spillover={"account": ..., "key": ..., "subject": ..., "attributes": {...}, "estimate": {...}})`. The
    attribute `model` is added. `estimate`: what to hold, counts or a function of the call's options; left out, the
    call's own bound on tokens and its prompt by `count_tokens`; without a bound, the policy's `hold: default`.

    `usage` turns `Tokens` into the feature's counts; it may be called with zeros. `count_tokens` counts text where the
    model reported nothing, as in a stream that broke. AsyncOpenAI goes with AsyncAccess, OpenAI with Access; the client
    that is given stays as it is, unmetered. Raises InvalidInput.
    """
    import openai

    found: object = client
    if issubclass(type(found), ClientDoor):  # each call would be charged twice
        raise InvalidInput("client", "one that is wrapped already", "the client itself")
    if not isinstance(found, openai.OpenAI | openai.AsyncOpenAI):
        raise InvalidInput("client", shown(type(client)), "openai.OpenAI or openai.AsyncOpenAI")
    awaits = isinstance(found, openai.AsyncOpenAI)
    if hasattr(access, "__aenter__") != awaits:
        wanted = "spillover.connect_async(...)" if awaits else "spillover.connect(...)"
        raise InvalidInput("access", shown(type(access)), f"for {type(client).__name__} one of {wanted}")
    if isinstance(unmetered, str):
        raise InvalidInput("unmetered", shown(unmetered), "a list of names of resources")
    terms = Terms(access, feature, account, subject, dict(attributes or {}), estimate, usage, count_tokens, awaits)
    return cast(Client, ClientDoor(client, terms, frozenset(unmetered)))
