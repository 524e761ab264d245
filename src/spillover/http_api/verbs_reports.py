"""What is asked and changes nothing: balances, the overview, usage, denials, statements, the audit."""

from __future__ import annotations

from hashlib import blake2b

from msgspec.structs import replace

from spillover.audit.run import cores
from spillover.documents.balances import Balance, PastBalance
from spillover.documents.overview import Overview
from spillover.documents.statement import StatementPage
from spillover.documents.usage import DenialCounts, UsagePage
from spillover.http_api.audits import LastAudit
from spillover.http_api.endpoint import Answer, Call, Endpoint, encode
from spillover.http_api.forms import instant
from spillover.http_api.taking import Nothing, OfAccount
from spillover.http_api.taking_reports import BalanceAt, DenialsOf, OverviewOf, RunAudit, StatementOf, UsageOf
from spillover.http_api.words import given, words


async def balance(call: Call) -> Answer:
    """`access.balance`."""
    return Answer(Balance.of(call.service.access.policy, await call.service.access.balance(call.taken.account)))


async def balance_at(call: Call) -> Answer:
    """`access.balance_at`."""
    at = instant("at", call.taken.at)
    told = await call.service.access.balance_at(call.taken.account, at)
    return Answer(PastBalance.of(call.service.access.policy, told, account=call.taken.account, at=at))


async def overview(call: Call) -> Answer:
    """`access.overview`, with an ETag of all but the instant at which it was told."""
    told = await call.service.access.overview(**words(call, instants=("at",)))
    document = Overview.of(call.service.access.policy, told)
    tag = f'"{blake2b(encode(replace(document, at="")), digest_size=12).hexdigest()}"'
    headers = (("etag", tag), ("cache-control", "private, no-cache"))
    if _is_known(call.heads.get("if-none-match"), tag):
        return Answer(b"", 304, headers)
    return Answer(document, headers=headers)


def _is_known(given_tags: str | None, tag: str) -> bool:
    known = [one.strip().removeprefix("W/") for one in (given_tags or "").split(",")]
    return tag in known or "*" in known


async def usage(call: Call) -> Answer:
    """`access.usage`."""
    found = given(words(call, instants=("since", "until")))
    told = await call.service.access.usage(**found)
    return Answer(UsagePage.of(call.service.access.policy, told, account=call.taken.account, by=call.taken.by))


async def denials(call: Call) -> Answer:
    """`access.denials`."""
    told = await call.service.access.denials(**given(words(call, instants=("since", "until"))))
    policy, more = call.service.access.policy, len(told) >= call.taken.limit
    return Answer(DenialCounts.of(policy, told, account=call.taken.account, more=more))


async def statement(call: Call) -> Answer:
    """`access.statement`."""
    told = await call.service.access.statement(**given(words(call, instants=("since", "until"))))
    return Answer(StatementPage.of(call.service.access.policy, told, account=call.taken.account))


async def audit(call: Call) -> Answer:
    """`spillover.audit`, beside the service."""
    audits, taken = call.service.audits, call.taken
    await audits.run(min(taken.processes, cores()), taken.wait)
    return Answer(audits.last())


async def last_audit(call: Call) -> Answer:
    """What the last audit found."""
    return Answer(call.service.audits.last())


ACME = {"account": "acme"}

ROWS = (
    Endpoint(
        "balance", "GET", "read", "account", "What the account has now: available, held, settled, and its lots.",
        OfAccount, Balance, balance, ("unknown-name",), ACME, customer=True,
    ),
    Endpoint(
        "balance-at", "GET", "read", "account", "What the books say it had at the end of a past instant.", BalanceAt,
        PastBalance, balance_at, ("unknown-name",), {**ACME, "at": "2026-01-31T12:00:00Z"}, customer=True,
    ),
    Endpoint(
        "overview", "GET", "read", "account", "All that a customer's page tells, in one reading.", OverviewOf,
        Overview, overview, ("unknown-name",), {**ACME, "subject": "ada"}, customer=True,
    ),
    Endpoint(
        "usage", "GET", "read", "account", "What was used and who paid, as booked so far, in groups.", UsageOf,
        UsagePage, usage, ("unknown-name",), {**ACME, "by": ["feature", "day"]}, customer=True,
    ),
    Endpoint(
        "denials", "GET", "read", "account", "How often the account was denied what, by minute and reason.", DenialsOf,
        DenialCounts, denials, ("unknown-name",), ACME, customer=True,
    ),
    Endpoint(
        "statement", "GET", "read", "account", "Each change of a balance, as booked so far.", StatementOf,
        StatementPage, statement, ("unknown-name",), {**ACME, "limit": 100}, customer=True,
    ),
    Endpoint(
        "audit", "POST", "admin", "all", "Compute all books again from what was done, and compare; nothing changes.",
        RunAudit, LastAudit, audit, ("busy", "bound-exceeded"), {"wait": 60, "reason": "month end"},
    ),
    Endpoint("audit", "GET", "admin", "all", "What the last audit by this service found, and when.", Nothing,
             LastAudit, last_audit, id="last_audit"),
)  # fmt: skip
