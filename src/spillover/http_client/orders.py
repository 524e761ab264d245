"""What administrators change, as calls: accounts, lots, limits, windows, refunds, policies.

An order has a key and is safe to be sent again. A change without one (an account's terms, a policy) is sent once.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from spillover.access.checks import check_after, check_limit
from spillover.core.intake import check_key, check_name
from spillover.documents.accounts import AccountPage as PageDocument
from spillover.documents.accounts import Profile as ProfileDocument
from spillover.documents.lots import Lot as LotDocument
from spillover.documents.lots import Lots
from spillover.documents.orders import Ordered as OrderedDocument
from spillover.documents.orders import Refunded as RefundedDocument
from spillover.documents.orders import Reversed as ReversedDocument
from spillover.engine.accounts import check_instant, check_text, credit_grant
from spillover.engine.orders import Ordered, Reversed
from spillover.http_client.calls import Call, asked, nothing, reader, told
from spillover.http_client.forms import money, named_feature, scope_of
from spillover.model.account import AccountState, Lot, Profile
from spillover.model.reports import AccountPage, LotBalance
from spillover.ports import Refunded

PROFILE, PAGE, LOT, LOTS = reader(ProfileDocument), reader(PageDocument), reader(LotDocument), reader(Lots)
ORDERED, REVERSED, REFUNDED = reader(OrderedDocument), reader(ReversedDocument), reader(RefundedDocument)


def put(
    account: str, plan: str | None = None, *, zone: str | None = None, billing_day: int | None = None,
    consent: bool | None = None, state: AccountState | None = None, reason: str = "", actor: str = "",
    at: int | None = None,
) -> Call[Profile]:  # fmt: skip
    """See `AccountVerbs.put`."""
    words = _why(account, reason, actor) | {"plan": plan, "zone": zone, "consent": consent, "state": state}
    words |= {"billing_day": _instant("billing_day", billing_day), "at": _instant("at", at)}
    return told("accounts/put", words, PROFILE, again=False)


def plan(account: str, plan: str, *, when: int | None = None, reason: str = "", actor: str = "") -> Call[Profile]:
    """See `AccountVerbs.plan`."""
    words = _why(account, reason, actor) | {"plan": plan, "when": _instant("when", when)}
    return told("accounts/plan", words, PROFILE, again=False)


def suspend(account: str, *, reason: str = "", actor: str = "") -> Call[Profile]:
    """See `AccountVerbs.suspend`."""
    return told("accounts/suspend", _why(account, reason, actor), PROFILE, again=False)


def accounts_list(*, limit: int = 1000, after: int = 0) -> Call[AccountPage]:
    """See `AccountVerbs.list`."""
    return asked("accounts/list", {"limit": check_limit(limit), "after": check_after(after)}, PAGE)


def erase(account: str) -> Call[None]:
    """See `AccountVerbs.erase`."""
    return told("accounts/erase", {"account": check_name("account", account)}, nothing, again=False)


def add_credits(
    account: str, credits: str | int | Decimal, *, key: str, paid: str | None = None, tax: str = "",
    ref: str = "", reason: str = "", actor: str = "", priority: int = 100, effective: int = 0,
    expires: int | None = None, scope: Mapping[str, object] | None = None, at: int | None = None,
) -> Call[Lot]:  # fmt: skip
    """See `CreditVerbs.add`."""
    credit_grant(
        credits, key=key, paid=paid, tax=tax, ref=ref, reason=reason, actor=actor, priority=priority,
        effective=effective, expires=expires, scope=scope,
    )  # fmt: skip
    words = _keyed(account, key, reason, actor)
    words |= {"credits": money(credits), "paid": paid, "tax": tax, "ref": ref, "priority": priority}
    words |= {"effective": effective, "expires": expires, "scope": scope_of(scope), "at": _instant("at", at)}
    return told("credits/add", words, LOT, again=True, key=key)


def add_units(
    account: str, feature: str, units: int, *, key: str, reason: str = "", actor: str = "",
    priority: int = 100, effective: int = 0, expires: int | None = None,
    scope: Mapping[str, object] | None = None, at: int | None = None,
) -> Call[Lot]:  # fmt: skip
    """See `UnitVerbs.add`."""
    words = _keyed(account, key, reason, actor) | {"feature": named_feature(feature), "units": units}
    words |= {"priority": priority, "effective": effective, "expires": expires, "scope": scope_of(scope)}
    words["at"] = _instant("at", at)
    return told("units/add", words, LOT, again=True, key=key)


def lots_list(account: str) -> Call[tuple[LotBalance, ...]]:
    """See `LotVerbs.list`."""
    return asked("lots/list", {"account": check_name("account", account)}, LOTS)


def revoke(account: str, lot: int, *, key: str, reason: str = "", actor: str = "") -> Call[Ordered]:
    """See `LotVerbs.revoke`."""
    return told("lots/revoke", _keyed(account, key, reason, actor) | {"lot": lot}, ORDERED, again=True, key=key)


def adjust(account: str, lot: int, by: int, *, key: str, reason: str, actor: str = "") -> Call[Ordered]:
    """See `LotVerbs.adjust`."""
    words = _keyed(account, key, reason, actor) | {"lot": lot, "by": by}
    return told("lots/adjust", words, ORDERED, again=True, key=key)


def reverse(account: str, reference: str, *, key: str, reason: str = "chargeback", actor: str = "") -> Call[Reversed]:
    """See `LotVerbs.reverse`."""
    words = _keyed(account, key, reason, actor) | {"reference": reference}
    return told("lots/reverse", words, REVERSED, again=True, key=key)


def set_limit(
    account: str, feature: str, limit: str, max: str | int | Decimal, *, key: str, scope: str | None = None,
    until: int | None = None, reason: str = "", actor: str = "",
) -> Call[Ordered]:  # fmt: skip
    """See `LimitVerbs.set`."""
    words = _keyed(account, key, reason, actor) | {"feature": named_feature(feature), "limit": limit}
    words |= {"max": money(max), "scope": scope, "until": _instant("until", until)}
    return told("limits/set", words, ORDERED, again=True, key=key)


def reset(
    account: str, feature: str, window: str | None = None, *, key: str, scope: str | None = None,
    reason: str = "", actor: str = "",
) -> Call[Ordered]:  # fmt: skip
    """See `WindowVerbs.reset`."""
    words = _keyed(account, key, reason, actor) | {"feature": named_feature(feature)}
    return told("windows/reset", words | {"window": window, "scope": scope}, ORDERED, again=True, key=key)


def refund(
    account: str, event_key: str, *, units: int | None = None, key: str, reason: str = "", actor: str = ""
) -> Call[Refunded]:
    """See `Access.refund`."""
    words = _keyed(account, key, reason, actor) | {"event_key": event_key, "units": units}
    return told("refund", words, REFUNDED, again=True, key=key)


def _why(account: object, reason: object, actor: object) -> dict[str, object]:
    for name, said in (("reason", reason), ("actor", actor)):
        if not isinstance(said, str):  # of text the service says what is wrong, after what comes first
            check_text(name, said)
    return {"account": check_name("account", account), "reason": reason, "actor": actor}


def _keyed(account: object, key: object, reason: object, actor: object) -> dict[str, object]:
    return {"key": check_key(key), **_why(account, reason, actor)}


def _instant(field: str, value: object) -> int | None:
    return None if value is None else check_instant(field, value)
