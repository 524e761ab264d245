"""What is read from the books as JSON documents, in the words of documents.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from spillover.audit import AuditReport
from spillover.cli.documents import Document, amount_in, credits_of, instant_of, lot_of
from spillover.engine.reading import Balance, Standing
from spillover.model.policy import Policy
from spillover.model.reports import AccountPage, PastBalance, UsagePage, UsageRow


def balance_of(policy: Policy, balance: Balance) -> Document:
    """What an account has: available, held, settled, and its lots in burn order."""
    return {
        "account": balance.account,
        "at": instant_of(balance.at),
        "plan": balance.plan,
        "state": balance.state,
        "measures": measures_of(policy, balance.measures),
    }


def measures_of(policy: Policy, standings: Iterable[Standing]) -> list[Document]:
    """What there is of each measure, with its lots in burn order."""
    measures = []
    for at in standings:
        lots = [
            {
                **lot_of(lot.lot),
                "available": amount_in(policy, at.measure, lot.available),
                "held": amount_in(policy, at.measure, lot.held),
                "settled": amount_in(policy, at.measure, lot.settled),
                "granted": amount_in(policy, at.measure, lot.granted),
                "paid": lot.paid or None,
                "currency": lot.currency or None,
                "reference": lot.reference or None,
            }
            for lot in at.lots
        ]
        sums = {name: getattr(at, name) for name in ("available", "held", "settled", "owed", "receivable")}
        amounts = {name: amount_in(policy, at.measure, value) for name, value in sums.items()}
        measures.append({"measure": at.measure, **amounts, "lots": lots})
    return measures


def past_of(policy: Policy, name: str, at: int, found: tuple[PastBalance, ...]) -> Document:
    """What the books say an account had at the end of a past instant."""
    measures = [
        {
            "measure": past.measure,
            "settled": amount_in(policy, past.measure, past.balance),
            "owed": amount_in(policy, past.measure, past.owed),
            "receivable": amount_in(policy, past.measure, past.receivable),
        }
        for past in found
    ]
    return {"account": name, "at": instant_of(at), "measures": measures}


def usage_of(policy: Policy, name: str, by: tuple[str, ...], page: UsagePage) -> Document:
    """What was used, in groups, and which layers paid."""
    rows = usage_rows_of(policy, by, page.rows)
    return {"account": name, "by": list(by), "rows": rows, "more": page.after is not None}


def usage_rows_of(policy: Policy, by: tuple[str, ...], found: Iterable[UsageRow]) -> list[Document]:
    """Groups of usage, each with the layers that paid."""
    rows = []
    for row in found:
        group = dict(zip(by, row.group, strict=True))
        # Units of several features together are only a number.
        feature = group.get("feature", "")
        layers = [
            {"layer": layer.layer, **amount_in(policy, feature, layer.units), "amount": credits_of(layer.amount)}
            for layer in row.layers
        ]
        used = amount_in(policy, feature, row.units)
        charged = credits_of(row.charged)
        rows.append({"group": group, "requests": row.requests, "used": used, "charged": charged, "layers": layers})
    return rows


def listing_of(page: AccountPage) -> Document:
    """All accounts; `account` is none for one that was erased."""
    rows = [
        {
            "account": row.name,
            "plan": row.plan,
            "state": row.state,
            "settled": credits_of(row.settled),
            "owed": credits_of(row.owed),
            "receivable": credits_of(row.receivable),
            "settled_sequence": row.settled_sequence,
            "id": row.account,
        }
        for row in page.rows
    ]
    return {"accounts": rows, "more": page.after is not None}


def audit_of(report: AuditReport) -> Document:
    """An audit's report; what books hold is credits, or units of a feature."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    document["books"] = [
        {
            "measure": book.measure,
            "book": book.book,
            **(credits_of(book.amount) if book.measure == "credits" else {"units": book.amount}),
        }
        for book in report.books
    ]
    return document
