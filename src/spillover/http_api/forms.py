"""The forms of what verbs take, with their descriptions: forms are checked here, meanings by the engine.

Instants are whole milliseconds since 1970, or text in ISO 8601 (in UTC where no zone is given).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from spillover.core.instants import to_instant
from spillover.model.errors import InvalidInput, shown

Account = Annotated[str, Meta(description="Who pays.")]
Feature = Annotated[str, Meta(description="What is used: a feature of the policy.")]
Usage = Annotated[
    dict[str, int] | int | None,
    Meta(description="Raw counts by name, or one number where the feature counts one thing; left out: one request."),
]
Subject = Annotated[str | None, Meta(description="Who uses, inside the account: a person, a key, an agent.")]
Attributes = Annotated[dict[str, str] | None, Meta(description="Labels that prices and limits read.")]
Mode = Annotated[
    Literal["exact", "partial", "record"],
    Meta(description="All or nothing; as much as there is; or it happened already."),
]
HoldMode = Annotated[Literal["exact", "partial"], Meta(description="All or nothing, or as much as there is.")]
Instant = int | str
At = Annotated[Instant | None, Meta(description="The request's own time: milliseconds since 1970, or ISO 8601.")]
When = Annotated[Instant | None, Meta(description="From this instant on; left out: at once.")]
Since = Annotated[Instant, Meta(description="From this instant on: milliseconds since 1970, or ISO 8601.")]
Until = Annotated[Instant | None, Meta(description="Until before this instant: milliseconds since 1970, or ISO 8601.")]
Key = Annotated[
    str | None,
    Meta(description="The same key with the same request has the same answer. Or in the header Idempotency-Key."),
]
HoldKey = Annotated[str, Meta(description="The key under which the hold was opened.")]
Lasts = Annotated[int | None, Meta(description="Milliseconds, from a second to a day; left out: as the policy says.")]
Reason = Annotated[str, Meta(description="Why, for the books.")]
Actor = Annotated[str, Meta(description="Who did this, for the books; the name of the API key, if left out.")]
Credits = Annotated[str | int, Meta(description='Credits, exact: "12.50", or a whole number; never a float.')]
LotId = Annotated[int, Meta(description="The number of the lot.")]
Scope = Annotated[str | None, Meta(description="The one subject or attribute value, of a limit that counts per one.")]
LotScope = Annotated[
    dict[str, str | list[str]] | None, Meta(description='What it may be spent on, such as {"team": ["blue", "red"]}.')
]
Priority = Annotated[int, Meta(description="Lower numbers burn first.")]
Limit = Annotated[int, Meta(description="Rows of a page, at most.")]


class Takes(Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken; a field that is not named here is refused."""


def instant(field: str, value: Instant) -> int:
    """Milliseconds since 1970. Raises InvalidInput for text that is no time."""
    if isinstance(value, int):
        return value
    if value.isascii() and value.isdigit() and len(value) <= 16:
        return int(value)
    try:
        moment = datetime.fromisoformat(value)
        return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        expected = "milliseconds since 1970, or a time such as 2026-01-31T12:00:00Z"
        raise InvalidInput(field, shown(value), expected) from None


def instant_or_none(field: str, value: Instant | None) -> int | None:
    """The same, where one may be left out."""
    return None if value is None else instant(field, value)
