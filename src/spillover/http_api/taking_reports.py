"""What reports take; in a query, if not said otherwise."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from spillover.http_api.forms import Account, At, Attributes, Instant, Limit, Reason, Since, Subject, Takes, Until


class BalanceAt(Takes, frozen=True):
    """An account at the end of a past instant."""

    account: Account
    at: Annotated[Instant, Meta(description="Milliseconds since 1970, or ISO 8601.")]


class OverviewOf(Takes, frozen=True):
    """An account, and whose own limits are told besides."""

    account: Account
    subject: Subject = None
    attributes: Attributes = None
    at: At = None


class UsageOf(Takes, frozen=True):
    """Usage in groups."""

    account: Account
    by: Annotated[tuple[str, ...], Meta(description='"feature", "subject", "day" or attributes; repeatable.')] = (
        "feature",
    )
    since: Since = 0
    until: Until = None
    limit: Limit = 1000
    after: Annotated[tuple[str, ...] | None, Meta(description="The group that the page before ended with.")] = None


class DenialsOf(Takes, frozen=True):
    """Denials within a time."""

    account: Account
    since: Since = 0
    until: Until = None
    limit: Limit = 1000


class StatementOf(Takes, frozen=True):
    """A page of a statement."""

    account: Account
    since: Since = 0
    until: Until = None
    limit: Limit = 1000
    after: Annotated[int, Meta(description="What the page before gave to go on with.")] = 0


class LogOf(Takes, frozen=True):
    """A page of what administrators did."""

    account: Annotated[str | None, Meta(description="Only what concerned this account.")] = None
    since: Since = 0
    until: Until = None
    limit: Limit = 1000
    after: Annotated[int, Meta(description="The number that the page before ended with.")] = 0


class Settle(Takes, frozen=True):
    """What was decided is to be booked now."""

    tend: Annotated[bool, Meta(description="After what has fallen due.")] = True
    reason: Reason = ""


class RunAudit(Takes, frozen=True):
    """All books are to be computed again, and compared."""

    wait: Annotated[
        int, Meta(ge=0, le=600, description="Seconds to wait for its end; after that it goes on, and GET tells of it.")
    ] = 30
    processes: Annotated[int, Meta(ge=1, le=64, description="How many do it, at most one for each core.")] = 1
    reason: Reason = ""


class PastDecision(Takes, frozen=True):
    """A decision that is on the books."""

    account: Account
    key: Annotated[str, Meta(description="The key of the request, or of the hold.")]
    end: Annotated[bool, Meta(description="Of a hold: how it ended.")] = False
    step: Annotated[int | None, Meta(description="Of a hold: its extension number so many, from 1.")] = None
