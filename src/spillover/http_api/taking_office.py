"""What policies, keys and tokens take."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from spillover.http_api.forms import Account, Actor, Instant, Reason, Takes, When
from spillover.model.account import NEVER


class PolicyText(Takes, frozen=True):
    """A policy, as a document in YAML or JSON: in this field, or as the body itself (application/yaml)."""

    policy: Annotated[str, Meta(description="The document, at most a million bytes.")]


class PublishPolicy(Takes, frozen=True):
    """A policy to be in force. As a body of application/yaml, what is beside `policy` stands in the query."""

    policy: Annotated[str, Meta(description="The document in YAML or JSON, at most a million bytes.")]
    when: When = None
    force: Annotated[bool, Meta(description="Also where it leaves behind plans or features in use.")] = False
    reason: Reason = ""
    actor: Actor = ""


class BacktestPolicy(Takes, frozen=True):
    """A policy to be tried on the recorded usage. As a body of application/yaml, the rest stands in the query."""

    policy: Annotated[str, Meta(description="The document in YAML or JSON, at most a million bytes.")]
    against: Annotated[
        str | None, Meta(description="The hash of a published policy to compare with; left out: the one in force.")
    ] = None
    limit: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Only so many requests, from the first that was recorded.")
    ] = 100_000
    reason: Reason = ""


class WithdrawPolicy(Takes, frozen=True):
    """A publication whose instant has not come, by its number."""

    number: int
    reason: Reason = ""
    actor: Actor = ""


class PolicyHash(Takes, frozen=True):
    """A policy that was published."""

    hash: Annotated[str, Meta(description="SHA-256 of its canonical document, in hexadecimal.")]


class MakeKey(Takes, frozen=True):
    """A key for a program."""

    name: Annotated[str, Meta(description="What people know it by; it stands in the log of acts.")]
    scopes: Annotated[
        tuple[Literal["decide", "read", "admin"], ...], Meta(description="admin holds decide, which holds read.")
    ]
    accounts: Annotated[tuple[str, ...], Meta(description="The only accounts it is good for; none named: all.")] = ()
    features: Annotated[tuple[str, ...], Meta(description="The only features it is good for; none named: all.")] = ()
    expires: Annotated[Instant | None, Meta(description="Until before this instant; left out: for good.")] = None
    reason: Reason = ""


class RotateKey(Takes, frozen=True):
    """A key that gets a new secret."""

    id: str
    keeps: Annotated[
        int, Meta(ge=0, le=NEVER, description="Milliseconds for which the old secret goes on: a day, if not said.")
    ] = 86_400_000
    expires: Annotated[
        Instant | None, Meta(description="When the new secret ends; left out: when the old one would have.")
    ] = None
    reason: Reason = ""


class RevokeKey(Takes, frozen=True):
    """A key that is to open nothing from now on."""

    id: str
    reason: Reason = ""


class MakeToken(Takes, frozen=True):
    """A token for a customer's own program or page: it reads one account."""

    account: Account
    lasts: Annotated[int, Meta(description="Milliseconds, from a second to a day; left out: an hour.")] = 3_600_000
    reason: Reason = ""
