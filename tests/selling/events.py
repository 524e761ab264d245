"""Events as Stripe sends them, cut to what counts, in the forms that its API reference gives."""

from __future__ import annotations

from itertools import count
from typing import Any

_number = count(1)
CREATED = 1_772_442_000
"""2026-03-02T09:00:00Z, in seconds."""


def event(
    type_: str, object_: dict[str, Any], *, created: int = CREATED, live: bool = False, before: Any = None
) -> dict[str, Any]:
    data: dict[str, Any] = {"object": object_}
    if before is not None:
        data["previous_attributes"] = before
    return {
        "id": f"evt_{next(_number)}", "object": "event", "api_version": "2026-10-28.endive", "type": type_,
        "created": created, "livemode": live, "pending_webhooks": 1, "data": data,
    }  # fmt: skip


def checkout(
    session: str = "cs_1", account: str = "acme", *, pack: str = "small", credits: str = "", amount: int = 900,
    subtotal: int | None = None, currency: str = "eur", tax: int = 0, payment: str = "pi_1", customer: str = "cus_1",
    status: str = "paid", type_: str = "checkout.session.completed", mode: str = "payment", price: str = "",
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    told = {
        "spillover_account": account, "spillover_pack": pack, "spillover_credits": credits, "spillover_price": price,
    }  # fmt: skip
    return event(
        type_,
        {
            "id": session, "object": "checkout.session", "mode": mode, "payment_status": status,
            "payment_intent": payment or None, "amount_total": amount,
            "amount_subtotal": amount if subtotal is None else subtotal, "currency": currency,
            "customer": customer or None, "metadata": {name: value for name, value in told.items() if value},
            "total_details": {"amount_tax": tax, "amount_discount": 0},
        },
        **more,
    )  # fmt: skip


def refund(
    refunded: int, before: int | None, amount: int = 900, *, payment: str = "pi_1", charge: str = "ch_1",
    names: dict[str, str] | None = None, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """`names`: the metadata of the payment, which its charge has, too."""
    told = {
        "id": charge, "object": "charge", "amount": amount, "amount_refunded": refunded, "payment_intent": payment,
        "refunded": refunded == amount, "currency": "eur",
        "metadata": {"spillover_account": "acme"} if names is None else names,
    }  # fmt: skip
    previous = None if before is None else {"amount_refunded": before, "refunded": False}
    return event("charge.refunded", told, before=previous, **more)


def dispute(
    type_: str = "created", status: str = "needs_response", *, amount: int = 900, payment: str = "pi_1",
    dispute: str = "du_1", opened: int = CREATED, currency: str = "eur", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    told = {
        "id": dispute, "object": "dispute", "amount": amount, "currency": currency, "status": status,
        "charge": "ch_1", "payment_intent": payment, "created": opened,
    }  # fmt: skip
    return event(f"charge.dispute.{type_}", told, **more)


def payment(
    key: str, type_: str = "succeeded", *, payment: str = "pi_9", amount: int = 900, **more: Any
) -> dict[str, Any]:  # fmt: skip
    told = {
        "id": payment, "object": "payment_intent", "amount": amount, "currency": "eur",
        "metadata": {"spillover_order": key} if key else {},
    }  # fmt: skip
    return event(f"payment_intent.{type_}", told, **more)
