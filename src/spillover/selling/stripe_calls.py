"""What Stripe is asked for, by its official library: a link to a checkout, a charge for a top-up, invoice items.

What changes something at Stripe has an idempotency key, so a lost answer is asked for again without doing it twice.
Stripe forgets keys after a day; so what is in doubt is looked for by its metadata first, in lists, which (unlike
Stripe's search) tell at once what was made. Three ends: done; `Refused`, certainly not done; `Doubtful`, not known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from spillover.core.intake import check_name
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.model.policy import Pack
from spillover.ports.sales import TopUp
from spillover.selling import money
from spillover.selling.charging import Charged
from spillover.selling.records import PROVIDER, Ask
from spillover.selling.stripe_errors import Doubtful, Refused, told
from spillover.selling.stripe_events import ACCOUNT, ORDER, PACK, PRICE

if TYPE_CHECKING:
    from stripe import StripeClient, StripeObject

T = TypeVar("T")
LOG = logging.getLogger("spillover.stripe")
EXPORT = "spillover_export"
"""The name in an invoice item's metadata of which piece of overage it is."""
TIMEOUT_S = 20.0
"""How long one answer is waited for, in seconds."""
RETRIES = 2
"""How often the library tries again, under the same key."""
ITEMS_MAX = 10_000
"""Objects that are looked through for one in doubt, at most."""


class Item(Struct, frozen=True):
    """An invoice item to be made: so many minor units for a customer, once, known by `name`."""

    customer: str
    amount: int
    currency: str
    description: str
    name: str

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"spillover:{self.name}"


class _Made(Struct, frozen=True):
    id: str
    metadata: dict[str, str] = {}


class _Trouble(Struct, frozen=True):
    code: str | None = None
    decline_code: str | None = None


class _Payment(_Made, frozen=True):
    status: str = ""
    last_payment_error: _Trouble | None = None


class _Settings(Struct, frozen=True):
    default_payment_method: str | _Made | None = None


class _Customer(Struct, frozen=True):
    invoice_settings: _Settings = _Settings()


class Stripe:
    """A Stripe account, known by its secret key. From any number of threads.

    Raises InvalidInput where the library is not installed, or for no key.
    """

    def __init__(
        self, key: str | None, *, url: str | None = None, timeout: float = TIMEOUT_S, retries: int = RETRIES
    ) -> None:  # fmt: skip
        if find_spec("stripe") is None:
            expected = "the extra stripe: pip install 'spillover[stripe]', or '.[stripe]' in a checkout"
            raise InvalidInput("stripe", "no stripe installed", expected)
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidInput("SPILLOVER_STRIPE_KEY", "no secret key", "a secret or restricted key, sk_... or rk_...")
        import stripe

        self._http = stripe.RequestsClient(timeout=timeout)
        self._client: StripeClient = stripe.StripeClient(
            key, http_client=self._http, max_network_retries=retries,
            base_addresses=None if url is None else {"api": url.rstrip("/")},
        )  # fmt: skip

    def close(self) -> None:
        """Give back the connections of this thread."""
        self._http.close()  # type: ignore[no-untyped-call]  # the library's own

    def checkout_link(
        self, account: str, pack: Pack, *, success_url: str, cancel_url: str | None = None,
        customer: str | None = None, saves_card: bool = False,
    ) -> str:  # fmt: skip
        """A link to a page on which the account buys the pack; once it is paid, Stripe tells the webhook.

        `customer`: the account as Stripe knows it, else Stripe makes a customer, whom the webhook binds to it.
        `saves_card`: keep the card for charges without the customer (top-ups). Raises Refused, Doubtful.
        """
        amount, currency = money.minor(f"pack {pack.name}", pack.paid)
        named = {ACCOUNT: check_name("account", account), PACK: pack.name, PRICE: pack.paid}
        intent: dict[str, Any] = {"metadata": {ACCOUNT: account}}
        if saves_card:
            intent["setup_future_usage"] = "off_session"
        product = {"name": pack.name}
        asked: dict[str, Any] = {
            "mode": "payment",
            "line_items": [
                {"quantity": 1, "price_data": {
                    "currency": currency.lower(), "unit_amount": amount, "product_data": product,
                }}
            ],
            "metadata": named,
            "payment_intent_data": intent,
            "success_url": success_url,
            **({"cancel_url": cancel_url} if cancel_url else {}),
            **({"customer": customer} if customer else {"customer_creation": "always"}),
        }  # fmt: skip
        what = f"a checkout of pack {pack.name}"
        with told(what):
            made = self._client.v1.checkout.sessions.create(asked)  # type: ignore[arg-type]  # a dict of its fields
        if not made.url:
            raise Refused(what, "its session has no address")
        return made.url

    def charge(self, order: TopUp, customer: str) -> Charged:
        """Charge the customer's card for a top-up, without the customer. An order is one payment intent, which can be
        paid once, however often it is asked for: it is looked for first, as its answer may have been lost, and its key
        forgotten. One that was refused before is tried again on the card that the customer has now. Raises Doubtful.
        """
        amount, currency = money.minor(f"pack {order.pack.name}", order.pack.paid)
        what = f"top-up {order.key}"
        with told(what):
            found = self._payment(order, customer)
            if found is not None and (found.status != "requires_payment_method" or not order.tries):
                return _charged(found)
            card = self._card(customer)
        if card is None:
            return Charged("failed", why="Stripe: the customer has no card that was kept")
        pays: dict[str, Any] = {"payment_method": card, "off_session": True}
        intents = self._client.v1.payment_intents
        try:
            with told(what):
                if found is not None:
                    again = f"{order.key}:{order.tries}"
                    made = intents.confirm(found.id, pays, {"idempotency_key": again})  # type: ignore[arg-type]
                    return _charged(_read(made, _Payment))
                asked: dict[str, Any] = {
                    "amount": amount, "currency": currency.lower(), "customer": customer, "confirm": True, **pays,
                    "description": f"Pack {order.pack.name}, automatic top-up",
                    "metadata": {ORDER: order.key, PACK: order.pack.name},
                }  # fmt: skip
                made = intents.create(asked, {"idempotency_key": order.key})  # type: ignore[arg-type]
        except Refused as refused:
            if not refused.declined:
                raise
            return Charged("failed", why=f"Stripe: {refused.why}")
        return _charged(_read(made, _Payment))

    def metadata(self, payment: str) -> dict[str, str]:
        """What stands with a payment intent, or a charge without one. Raises Refused, Doubtful."""
        v1 = self._client.v1
        with told(f"payment {payment}"):
            if payment.startswith(("ch_", "py_")):
                return _read(v1.charges.retrieve(payment), _Made).metadata
            return _read(v1.payment_intents.retrieve(payment), _Made).metadata

    def add_item(self, item: Item) -> str:
        """Make an invoice item, once for its name; its id. It goes on the customer's next invoice.

        Raises Refused, Doubtful.
        """
        asked: dict[str, Any] = {
            "customer": item.customer, "amount": item.amount, "currency": item.currency.lower(),
            "description": item.description, "metadata": {EXPORT: item.name},
        }  # fmt: skip
        with told(f"invoice item {item.name}"):
            made = self._client.v1.invoice_items.create(
                asked,  # type: ignore[arg-type]  # a dict of its fields
                {"idempotency_key": item.key},
            )
        return made.id

    def find_item(self, customer: str, name: str, since: int) -> str | None:
        """The invoice item of that name, made since an instant (ms); None where there is none. Raises Doubtful."""
        what = f"invoice item {name}"
        with told(what):
            found = self._client.v1.invoice_items.list(
                {"customer": customer, "limit": 100, "created": {"gte": since // 1000}}
            )
            for place, item in enumerate(found.auto_paging_iter()):
                if _read(item, _Made).metadata.get(EXPORT) == name:
                    return item.id
                if place >= ITEMS_MAX:
                    raise Doubtful(what, f"it is not among the customer's newest {ITEMS_MAX:,}")
        return None

    def _card(self, customer: str) -> str | None:
        """What the customer pays with: what was chosen for invoices, else the newest that was kept."""
        chosen = _read(self._client.v1.customers.retrieve(customer), _Customer).invoice_settings.default_payment_method
        if chosen:
            return chosen if isinstance(chosen, str) else chosen.id
        kept = self._client.v1.customers.payment_methods.list(customer, {"limit": 1})
        return kept.data[0].id if kept.data else None

    def _payment(self, order: TopUp, customer: str) -> _Payment | None:
        """The payment of an order, if there is one."""
        found = self._client.v1.payment_intents.list(
            {"customer": customer, "limit": 100, "created": {"gte": order.at // 1000 - 86_400}}
        )
        for place, payment in enumerate(found.auto_paging_iter()):
            if (made := _read(payment, _Payment)).metadata.get(ORDER) == order.key:
                return made
            if place >= ITEMS_MAX:
                raise Doubtful(f"top-up {order.key}", f"it is not among the customer's newest {ITEMS_MAX:,} payments")
        return None


def checkout(
    stripe: Stripe, packs: Callable[[], dict[str, Pack]], *, success_url: str, cancel_url: str | None = None,
    customer: Callable[[str], str | None] = lambda account: None, saves_card: bool = False,
) -> Callable[[str, str], str]:  # fmt: skip
    """`checkout(account, pack) -> url`, by the pack's name, as middleware and service take it.

    `packs`: those sold now, such as `lambda: access.policy.packs`. `customer`: what Stripe calls an account, if known.
    """

    def link(account: str, pack: str) -> str:
        found = packs().get(pack)
        if found is None:
            raise UnknownName("pack", shown(pack), "one of the policy's packs")
        return stripe.checkout_link(
            account, found, success_url=success_url, cancel_url=cancel_url, customer=customer(account),
            saves_card=saves_card,
        )  # fmt: skip

    return link


def charge(stripe: Stripe, ask: Ask) -> Callable[[TopUp, str], Charged]:
    """`charge(order, account)`, by which automatic top-ups are paid: the card that the account's customer kept.

    What is not known, and what a wrong key of our own keeps from being asked, waits: it is no refusal.
    """

    def charged(order: TopUp, account: str) -> Charged:
        customer = ask(lambda records: records.customer(order.account, PROVIDER))
        if customer is None:
            return Charged("failed", why=f"nobody knows {account} as a customer of Stripe")
        try:
            outcome = stripe.charge(order, customer)
        except (Doubtful, Refused) as error:
            LOG.warning("%s", error)
            waits = isinstance(error, Doubtful) or error.whole
            return Charged("waiting" if waits else "failed", why=str(error))
        if outcome.state == "paid":  # a dispute may come before the webhook's word of the payment
            ask(lambda records: records.keep_payment(PROVIDER, outcome.reference, order.account))
        return outcome

    return charged


def _charged(payment: _Payment) -> Charged:
    match payment.status:
        case "succeeded":
            return Charged("paid", payment.id)
        case "processing" | "requires_capture":
            return Charged("waiting", payment.id)
        case other:
            trouble = payment.last_payment_error or _Trouble()
            return Charged("failed", payment.id, f"Stripe: {trouble.decline_code or trouble.code or other}")


def _read(found: StripeObject, wanted: type[T]) -> T:
    """What the library gave, as far as it is needed. Raises Doubtful for another form than Stripe documents."""
    try:
        return msgspec.convert(found.to_dict(), wanted)
    except msgspec.ValidationError as error:
        raise Doubtful("Stripe's answer", str(error)) from None
