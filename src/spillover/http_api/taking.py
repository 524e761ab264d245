"""What requests and holds take: the words of Python's verbs, as JSON. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from spillover.http_api.forms import (
    Account,
    At,
    Attributes,
    Feature,
    HoldKey,
    HoldMode,
    Key,
    Lasts,
    Mode,
    Subject,
    Takes,
    Usage,
)


class Nothing(Takes, frozen=True):
    """Nothing at all."""


class Ask(Takes, frozen=True):
    """A request that is only asked about; nothing is changed."""

    account: Account
    feature: Feature
    usage: Usage = None
    subject: Subject = None
    attributes: Attributes = None
    at: At = None


class Record(Ask, frozen=True):
    """What happened already."""

    key: Key = None


class Consume(Record, frozen=True):
    """A request: may it pass, and who pays?"""

    mode: Mode = "exact"


class Many(Takes, frozen=True):
    """Many requests, decided in order; each is answered for itself."""

    requests: Annotated[list[Consume], Meta(description="At most 1,000.")]


class OpenHold(Takes, frozen=True):
    """An estimate to be held until the true usage is known."""

    account: Account
    feature: Feature
    estimate: Usage = None
    key: Key = None
    subject: Subject = None
    attributes: Attributes = None
    lasts: Lasts = None
    mode: HoldMode = "exact"
    at: At = None


class OfAccount(Takes, frozen=True):
    """An account."""

    account: Account


class OfHold(OfAccount, frozen=True):
    """A hold."""

    key: HoldKey


class ExtendHold(OfHold, frozen=True):
    """More to be held (`estimate`, in all), or longer (`lasts`, from now on)."""

    estimate: Usage = None
    lasts: Lasts = None
    extension_key: Annotated[
        str | None, Meta(description="The same extension once; or in the header Idempotency-Key.")
    ] = None
    at: At = None


class CommitHold(OfHold, frozen=True):
    """What was truly used, in all."""

    usage: Usage = None
    estimated: Annotated[bool, Meta(description="Whether the usage is only an estimate.")] = False
    at: At = None


class ReleaseHold(OfHold, frozen=True):
    """A hold of which nothing was used."""

    at: At = None
