"""What a verified event of Stripe's asks for: a pure function from its JSON to one frozen struct. Nothing is done here.

Keys come from the objects, not from the events: Stripe may send two events for one thing, in any order. A checkout is
`stripe:SESSION`, a dispute `stripe:DISPUTE`, its end `stripe:DISPUTE:won`; of refunds each has the interval of money
that it gave back, so that each is taken once, whichever comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from spillover.selling import money

ACCOUNT, PACK, CREDITS, PRICE, ORDER = (
    "spillover_account", "spillover_pack", "spillover_credits", "spillover_price", "spillover_order",
)  # fmt: skip
"""Names in the metadata of what is paid: the account, what is bought, for what price, and the key of a top-up."""
_is_id = re.compile(r"[A-Za-z0-9_]{1,200}").fullmatch
_is_currency = re.compile(r"[a-zA-Z]{3}").fullmatch


class Grant(Struct, frozen=True):
    """A checkout was paid: a pack, or credits, for an account.

    `paid` and `tax` are text, "9.00 EUR"; `ordered` is what was asked for before discounts and taxes, `price` what the
    seller's own link said ("": the policy's). `reference` is the payment intent.
    """

    key: str
    account: str
    pack: str
    credits: str
    paid: str
    ordered: str
    price: str
    tax: str
    reference: str
    customer: str = ""


class TopUp(Struct, frozen=True):
    """The payment of an automatic top-up, known by the `key` of its order, went through."""

    key: str
    paid: str
    reference: str


class Reverse(Struct, frozen=True):
    """Money of a payment went back: all of it (`after` is 0), or of `whole` minor units those from `before` to `after`.

    With `whole` 0 it is that part of what the books have as paid, in `currency`; all, where that is no more.
    `names` is what the payment's own metadata says (`names_of`); None where the event does not tell, as of a dispute.
    """

    key: str
    reference: str
    why: str
    before: int = 0
    after: int = 0
    whole: int = 0
    currency: str = ""
    names: str | None = None


class GiveBack(Struct, frozen=True):
    """A dispute was won: what was taken under the key `taken`, for `why`, goes back. `since`, `until`: from when until
    when it was away (ms)."""

    key: str
    taken: str
    reference: str
    why: str
    since: int
    until: int


class Bind(Struct, frozen=True):
    """That customer is this account."""

    account: str
    customer: str


class Nothing(Struct, frozen=True):
    """There is nothing to do. `matters`: an operator should know why."""

    reason: str
    matters: bool = False


Wanted = Grant | TopUp | Reverse | GiveBack | Bind | Nothing


class Event(Struct, frozen=True):
    """An event: its id and type, when it was made (ms), whether of live money, and what it asks for."""

    id: str
    type: str
    at: int
    live: bool
    wanted: Wanted


class _Object(Struct):
    id: str = ""


class _Data(Struct):
    object: Raw
    previous_attributes: dict[str, Raw] | None = None


class _Envelope(Struct):
    id: str
    type: str
    created: int
    data: _Data
    livemode: bool = False


class _Totals(Struct):
    amount_tax: int = 0


class _Session(Struct):
    id: str
    mode: str = ""
    payment_status: str = ""
    payment_intent: str | _Object | None = None
    amount_total: int | None = None
    amount_subtotal: int | None = None
    currency: str | None = None
    customer: str | _Object | None = None
    metadata: dict[str, str] | None = None
    total_details: _Totals | None = None


class _Charge(Struct):
    id: str
    amount: int
    amount_refunded: int
    payment_intent: str | _Object | None = None
    metadata: dict[str, str] | None = None


class _Dispute(Struct):
    id: str
    amount: int
    currency: str
    status: str
    created: int
    charge: str | _Object | None = None
    payment_intent: str | _Object | None = None


class _Payment(Struct):
    id: str
    amount: int
    currency: str
    metadata: dict[str, str] | None = None


class Unreadable(ValueError):
    """The body is no event that can be read."""


_envelope = msgspec.json.Decoder(_Envelope).decode


def read_event(body: bytes) -> Event:
    """What an event asks for. Raises Unreadable for what is no event; one of another form asks for nothing."""
    try:
        found = _envelope(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable(f"found no event of Stripe ({error})") from None
    return Event(found.id[:200], found.type[:200], found.created * 1000, found.livemode, _wanted(found))


def names_of(metadata: Mapping[str, str]) -> str:
    """Whose a payment is, by its own metadata: the key of a top-up, else the account; "" for one that is not ours."""
    return metadata.get(ORDER) or metadata.get(ACCOUNT) or ""


def _wanted(event: _Envelope) -> Wanted:
    try:
        match event.type:
            case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
                return _checkout(msgspec.json.decode(event.data.object, type=_Session))
            case "charge.refunded":
                before = (event.data.previous_attributes or {}).get("amount_refunded")
                known = None if before is None else msgspec.json.decode(before, type=int)
                return _refund(msgspec.json.decode(event.data.object, type=_Charge), known)
            case "charge.dispute.created" | "charge.dispute.funds_withdrawn":
                return _dispute(msgspec.json.decode(event.data.object, type=_Dispute))
            case "charge.dispute.closed" | "charge.dispute.funds_reinstated":
                return _closed(msgspec.json.decode(event.data.object, type=_Dispute), event.created)
            case "payment_intent.succeeded":
                return _payment(msgspec.json.decode(event.data.object, type=_Payment))
            case _:
                return Nothing("events of this type ask for nothing")
    except msgspec.MsgspecError as error:
        return Nothing(f"found another form than expected: {error}", matters=True)


def _checkout(session: _Session) -> Wanted:
    told = session.metadata or {}
    account, pack, credits = told.get(ACCOUNT, ""), told.get(PACK, ""), told.get(CREDITS, "")
    if not account:
        return Nothing(f"names no account of ours: found no {ACCOUNT} in its metadata")
    customer = _id(session.customer)
    if not pack and not credits:
        return Bind(account, customer) if customer else Nothing("found neither a pack, credits nor a customer")
    if session.payment_status != "paid":
        waits = session.payment_status == "unpaid"
        return Nothing(f"it is {session.payment_status or 'nothing'} yet, not paid", matters=not waits)
    currency, total = (session.currency or "").upper(), session.amount_total
    if (pack and credits) or total is None or total < 0 or not _is_currency(currency) or not _is_id(session.id):
        return Nothing("expected one pack or credits, an amount and a currency; nothing was granted", matters=True)
    ordered = total if session.amount_subtotal is None else session.amount_subtotal
    tax = session.total_details.amount_tax if session.total_details else 0
    return Grant(
        f"stripe:{session.id}", account, pack, credits, money.told(total, currency), money.told(ordered, currency),
        told.get(PRICE, ""), money.told(tax, currency) if tax else "", _id(session.payment_intent) or session.id,
        customer,
    )  # fmt: skip


def _refund(charge: _Charge, before: int | None) -> Wanted:
    reference, whole, now = _id(charge.payment_intent) or charge.id, charge.amount, charge.amount_refunded
    if not _is_id(charge.id) or not _is_id(reference) or whole <= 0 or now <= 0:
        return Nothing("found no amount that was refunded", matters=True)
    names = names_of(charge.metadata or {})
    if now >= whole:
        return Reverse(f"stripe:{charge.id}:refunded", reference, "refunded", names=names)
    if before is None or not 0 <= before < now:
        found = "found a refund in part that does not say what was refunded before"
        return Nothing(f"{found}; take its share back by hand (spillover lots revoke)", matters=True)
    key = f"stripe:{charge.id}:{before}-{now}"
    return Reverse(key, reference, "refunded in part", before, now, whole, names=names)


def _dispute(dispute: _Dispute) -> Wanted:
    reference = _id(dispute.payment_intent) or _id(dispute.charge)
    if not _is_id(dispute.id) or not _is_id(reference) or not _is_currency(dispute.currency):
        return Nothing("found a dispute without a payment", matters=True)
    if dispute.status.startswith("warning") or dispute.status == "prevented":
        return Nothing("an inquiry: no money was taken")
    key, why = f"stripe:{dispute.id}", f"disputed ({dispute.id})"
    return Reverse(key, reference, why, 0, max(dispute.amount, 0), 0, dispute.currency.upper())


def _closed(dispute: _Dispute, created: int) -> Wanted:
    if dispute.status != "won":
        return Nothing(f"the dispute is {dispute.status[:40]}: what was taken stays taken")
    wanted = _dispute(dispute)
    if isinstance(wanted, Nothing):
        return wanted
    assert isinstance(wanted, Reverse)
    since = dispute.created * 1000
    return GiveBack(
        f"{wanted.key}:won", wanted.key, wanted.reference, wanted.why, since, max(created * 1000, since)
    )  # fmt: skip


def _payment(payment: _Payment) -> Wanted:
    key = (payment.metadata or {}).get(ORDER, "")
    if not key:
        return Nothing("names no order of ours; what was bought in a checkout comes with its session")
    if not _is_id(payment.id) or not _is_currency(payment.currency) or payment.amount <= 0:
        return Nothing("found a payment without an amount", matters=True)
    return TopUp(key, money.told(payment.amount, payment.currency.upper()), payment.id)


def _id(found: str | _Object | None) -> str:
    """The id of what may have been told as a whole."""
    text = found.id if isinstance(found, _Object) else found or ""
    return text if _is_id(text) else ""
