"""What is asked and changes nothing, settlement, and policies, as calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spillover.access.checks import check_after, check_flag, check_grouping, check_labels, check_page
from spillover.access.questions import past_keys
from spillover.core.intake import check_name
from spillover.documents.balances import Balance as BalanceDocument
from spillover.documents.balances import PastBalance as PastDocument
from spillover.documents.overview import Overview as OverviewDocument
from spillover.documents.progress import Progress as ProgressDocument
from spillover.documents.publications import Policy as PolicyDocument
from spillover.documents.publications import Publications
from spillover.documents.publications import Published as PublishedDocument
from spillover.documents.publications import Withdrawn as WithdrawnDocument
from spillover.documents.statement import StatementPage as StatementDocument
from spillover.documents.usage import DenialCounts
from spillover.documents.usage import UsagePage as UsageDocument
from spillover.engine.accounts import check_instant, check_text
from spillover.engine.overview import Overview
from spillover.engine.reading import Balance
from spillover.engine.settlement import Progress
from spillover.http_client.calls import Call, asked, reader, told
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.model.policy import Policy
from spillover.model.reports import (
    DenialCount,
    PastBalance,
    Publication,
    Published,
    StatementPage,
    UsagePage,
    Withdrawn,
)

if TYPE_CHECKING:
    from spillover.proof import Receipt

BALANCE, PAST, OVERVIEW = reader(BalanceDocument), reader(PastDocument), reader(OverviewDocument)
USAGE, DENIALS, STATEMENT = reader(UsageDocument), reader(DenialCounts), reader(StatementDocument)
PROGRESS, POLICY, PUBLICATIONS = reader(ProgressDocument), reader(PolicyDocument), reader(Publications)
PUBLISHED, WITHDRAWN = reader(PublishedDocument), reader(WithdrawnDocument)


def overview(
    account: str, *, subject: str | None = None, attributes: Mapping[str, str] | None = None,
    at: int | None = None,
) -> Call[Overview]:  # fmt: skip
    """See `Access.overview`."""
    words: dict[str, object] = {"at": None if at is None else check_instant("at", at)}
    words |= {"account": check_name("account", account), "attributes": check_labels(attributes)}
    words["subject"] = None if subject is None else check_name("subject", subject)
    return asked("overview", words, OVERVIEW)


def balance(account: str) -> Call[Balance]:
    """See `Access.balance`."""
    return asked("balance", {"account": check_name("account", account)}, BALANCE)


def balance_at(account: str, at: int) -> Call[tuple[PastBalance, ...]]:
    """See `Access.balance_at`."""
    words = {"at": check_instant("at", at), "account": check_name("account", account)}
    return asked("balance-at", words, PAST)


def usage(
    account: str, *, by: Sequence[str] = ("feature",), since: int = 0, until: int = NEVER, limit: int = 1000,
    after: tuple[str, ...] | None = None,
) -> Call[UsagePage]:  # fmt: skip
    """See `Access.usage`. At least one name to group by: a query cannot tell none."""
    names, group = check_grouping(by, after)
    if not names:
        raise InvalidInput("by", "nothing", "at least one name over HTTP")
    page = _page(account, since, until, limit)
    return asked("usage", page | {"by": names, "after": group}, USAGE)


def denials(account: str, *, since: int = 0, until: int = NEVER, limit: int = 1000) -> Call[tuple[DenialCount, ...]]:
    """See `Access.denials`."""
    return asked("denials", _page(account, since, until, limit), DENIALS)


def statement(
    account: str, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
) -> Call[StatementPage]:
    """See `Access.statement`."""
    page, place = _page(account, since, until, limit), check_after(after)
    return asked("statement", page | {"after": place}, STATEMENT)


def receipt(account: str, key: str, *, end: bool = False, step: int | None = None) -> Call[Receipt]:
    """See `Access.receipt`. A service makes those that come after at most 100,000 events of the account."""
    from spillover.proof import read_receipt

    words = {"account": check_name("account", account), "key": key, "step": step, "end": "true" if end else None}
    past_keys(key, end=end, step=step)
    return asked("receipt", words, read_receipt, key=key)


def settle(*, tend: bool = True) -> Call[Progress]:
    """See `Access.settle`. What fell due is seen to by the service itself, too."""
    return told("settle", {"tend": check_flag("tend", tend)}, PROGRESS, again=False)


def publish(
    policy: Policy, *, when: int | None = None, force: bool = False, reason: str = "", actor: str = ""
) -> Call[Published]:
    """See `PolicyVerbs.publish`."""
    instant = None if when is None else check_instant("when", when)
    if not isinstance(policy, Policy):
        raise InvalidInput("policy", shown(policy), "what spillover.policy.read_policy gives")
    words = {"reason": check_text("reason", reason), "actor": check_text("actor", actor)}
    words |= {"policy": policy.document}
    return told(
        "policies/publish", {**words, "when": instant, "force": check_flag("force", force)}, PUBLISHED, again=False
    )


def withdraw(number: int, *, reason: str = "", actor: str = "") -> Call[Withdrawn]:
    """See `PolicyVerbs.withdraw`."""
    words = {"reason": check_text("reason", reason), "actor": check_text("actor", actor)}
    if type(number) is not int or not 0 < number < 2**63:
        raise UnknownName("number", shown(number), "the number of a publication that is still to come")
    return told("policies/withdraw", {**words, "number": number}, WITHDRAWN, again=False)


def publications() -> Call[tuple[Publication, ...]]:
    """See `PolicyVerbs.list`."""
    return asked("policies/list", {}, PUBLICATIONS)


def published(policy_hash: str) -> Call[Policy]:
    """See `PolicyVerbs.get`."""
    given: object = policy_hash
    if not isinstance(given, str):
        raise UnknownName("policy", shown(given), "the hash of a policy that was published")
    return asked("policies/get", {"hash": given}, POLICY)


def _page(account: object, since: object, until: object, limit: object) -> dict[str, object]:
    page = check_page(since, until, limit)
    if page["until"] == NEVER:
        page["until"] = None
    return {"account": check_name("account", account), **page}
