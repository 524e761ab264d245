"""A CloudEvent as OpenAPI tells it; the handler reads it itself, as its context may stand in headers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class CloudEvent(Struct, frozen=True):
    """One event, structured. A batch is a list of these; in binary mode all but `data` stands in headers `ce-...`."""

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(description="With the source, the key under which it is recorded once.")]
    source: Annotated[str, Meta(description="Where it comes from: a URI reference.")]
    type: Annotated[str, Meta(description="The feature that was used.")]
    subject: Annotated[str, Meta(description="The account: who pays.")]
    data: Annotated[
        dict[str, int] | int | None, Meta(description="The usage: a number, or counts by name; left out: one request.")
    ] = None
    time: Annotated[str | None, Meta(description="Its own time, where the policy takes usage that comes late.")] = None
    user: Annotated[str | None, Meta(description="Who uses, inside the account.")] = None
