"""An overview as a JSON document, in the words of documents.py."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.cli.documents import Document, amount_in, credits_of, instant_of
from spillover.cli.report_documents import measures_of, usage_rows_of
from spillover.engine.limits import LimitStanding
from spillover.engine.overview import HoldStanding, Overview
from spillover.model.policy import Policy


def overview_of(policy: Policy, told: Overview) -> Document:
    """All that a customer's page tells of an account."""
    return {
        "account": told.account,
        "at": instant_of(told.at),
        "plan": told.plan,
        "next_plan": told.next_plan or None,
        "next_at": instant_of(told.next_at),
        "state": told.state,
        "consent": told.consent,
        "zone": told.zone,
        "billing_day": instant_of(told.billing_day),
        "policy": told.policy,
        "measures": measures_of(policy, told.measures),
        "features": [
            {
                "feature": one.feature,
                "unit": one.unit,
                "layers": list(one.layers),
                "limits": _limits(policy, one.feature, one.limits),
            }
            for one in told.features
        ],
        "holds": [_hold(policy, hold) for hold in told.holds],
        "next": [
            {
                "at": instant_of(one.at),
                "kind": one.kind,
                "name": one.name,
                "amount": {"measure": one.measure, **amount_in(policy, one.measure, one.amount)}
                if one.measure
                else None,
            }
            for one in told.next
        ],
        "today": {
            "since": instant_of(told.today.since),
            "until": instant_of(told.today.until),
            "charged": credits_of(told.today.charged),
            "features": usage_rows_of(policy, ("feature",), told.today.features),
            "attributes": {name: usage_rows_of(policy, (name,), rows) for name, rows in told.today.attributes},
        },
    }


def _limits(policy: Policy, feature: str, limits: Iterable[LimitStanding]) -> list[Document]:
    def count(limit: LimitStanding, value: int) -> Document | int:
        if limit.of == "credits":
            return credits_of(value)
        return amount_in(policy, feature, value) if limit.of == "units" else value

    return [
        {
            "kind": limit.kind,
            "name": limit.name,
            "of": limit.counts or limit.of,
            "per": limit.per or None,
            "scope": limit.scope or None,
            "only": {name: list(values) for name, values in limit.only},
            **{name: count(limit, getattr(limit, name)) for name in ("max", "used", "room")},
            "resets_at": instant_of(limit.resets_at),
        }
        for limit in limits
    ]


def _hold(policy: Policy, hold: HoldStanding) -> Document:
    return {
        "key": hold.key,
        "feature": hold.feature,
        "subject": hold.subject or None,
        "opened": instant_of(hold.opened),
        "due": instant_of(hold.due),
        "estimate": hold.usage,
        "held": amount_in(policy, hold.feature, hold.units),
        "amount": credits_of(hold.amount),
    }
