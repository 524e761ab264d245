"""What Stripe is asked for, by its official library over HTTP, from a server that answers as Stripe documents."""

import pytest

from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.policy import Pack
from spillover.ports.sales import TopUp
from spillover.selling import stripe_calls
from spillover.selling.stripe_calls import Charged, Item, Stripe
from spillover.selling.stripe_errors import Doubtful, Refused
from tests.selling.events import checkout, dispute
from tests.selling.shop import Shop
from tests.selling.stripe_server import KEY, StripeServer

SMALL = Pack("small", "credits", 100_000_000, "9.00", "EUR")
SUSHI = Pack("sushi", "credits", 50_000_000, "900", "JPY")
ORDER = TopUp(7, "2026-03", 1, SMALL, at=1_772_442_000_000)
ITEM = Item("cus_1", 125, "EUR", "Overage: 12.5 credits", "7:1")


@pytest.fixture(scope="module")
def running():
    with StripeServer() as found:
        yield found


@pytest.fixture
def server(running):
    running.faults, running.items, running.payments, running.sessions, running.asked = [], [], [], [], []
    running.customers = {"cus_1": "pays"}
    running.forget_keys()
    return running


@pytest.fixture
def stripe(server):
    found = Stripe(KEY, url=server.url, retries=0)
    yield found
    found.close()


def test_a_checkout_link_names_what_the_webhook_needs_and_charges_the_packs_price(server, stripe):
    links = stripe_calls.checkout(
        stripe, lambda: {"small": SMALL, "sushi": SUSHI}, success_url="https://shop.example/thanks",
        customer={"acme": "cus_1"}.get, saves_card=True,
    )  # fmt: skip
    assert links("acme", "small") == f"{server.url}/pay/cs_test_1"
    assert links("beta", "sushi") == f"{server.url}/pay/cs_test_2"
    first, second = (session["asked"] for session in server.sessions)
    assert first["line_items"]["0"]["price_data"]["unit_amount"] == "900"
    assert first["line_items"]["0"]["price_data"]["currency"] == "eur"
    assert first["metadata"] == {"spillover_account": "acme", "spillover_pack": "small", "spillover_price": "9.00 EUR"}
    assert (first["customer"], first["payment_intent_data"]["setup_future_usage"]) == ("cus_1", "off_session")
    assert (second["customer_creation"], "customer" in second) == ("always", False)
    assert second["line_items"]["0"]["price_data"]["unit_amount"] == "900"
    with pytest.raises(UnknownName, match="expected one of the policy's packs"):
        links("acme", "none")


def test_it_is_asked_whose_a_payment_is_and_what_is_none_is_refused(server, stripe):
    paid = stripe.charge(ORDER, "cus_1").reference
    assert stripe.metadata(paid) == {"spillover_order": ORDER.key, "spillover_pack": "small"}
    with pytest.raises(Refused, match="payment pi_none"):
        stripe.metadata("pi_none")


def test_a_top_up_is_charged_once_whatever_becomes_of_its_answers(server, stripe):
    server.faults = ["lost", "", "cut"]
    with pytest.raises(Doubtful):
        stripe.charge(ORDER, "cus_1")
    assert stripe.charge(ORDER, "cus_1") == Charged("paid", "pi_1")
    server.forget_keys()
    assert stripe.charge(ORDER, "cus_1") == Charged("paid", "pi_1")
    assert [(one["amount"], one["currency"], one["metadata"]["spillover_order"]) for one in server.payments] == [
        (900, "eur", ORDER.key)
    ]
    assert server.payments[0]["asked"]["off_session"] == "true"


def test_a_card_that_is_declined_fails_with_the_banks_reason_and_is_tried_again_as_the_same_payment(server, stripe):
    server.customers["cus_1"] = "declines"
    refused = stripe.charge(ORDER, "cus_1")
    assert (refused.state, refused.why) == ("failed", "Stripe: insufficient_funds")
    assert stripe.charge(ORDER, "cus_1").why == "Stripe: insufficient_funds"  # its answer was lost, say
    assert [path for method, path in server.asked if method == "POST"] == ["/v1/payment_intents"]
    tried = TopUp(*(getattr(ORDER, name) for name in ("account", "period", "number", "pack")), at=ORDER.at, tries=1)
    assert stripe.charge(tried, "cus_1").state == "failed"
    server.customers["cus_1"] = "pays"
    second = TopUp(*(getattr(ORDER, name) for name in ("account", "period", "number", "pack")), at=ORDER.at, tries=2)
    assert stripe.charge(second, "cus_1") == Charged("paid", "pi_1")
    assert len(server.payments) == 1


def test_without_a_card_or_a_customer_nothing_is_charged(server, stripe):
    server.customers["cus_1"] = ""
    assert stripe.charge(ORDER, "cus_1").why == "Stripe: the customer has no card that was kept"
    with pytest.raises(Refused, match="No such customer"):
        stripe.charge(ORDER, "cus_9")
    assert server.payments == []


def test_what_is_not_known_waits_and_counts_as_no_refusal(server, stripe):
    with Shop() as shop:
        charge = stripe_calls.charge(stripe, shop.ask)
        order = TopUp(shop.id(), "2026-03", 1, SMALL, at=shop.clock())
        assert charge(order, "acme").why == "nobody knows acme as a customer of Stripe"
        shop.ask(lambda records: records.bind_customer(shop.id(), "stripe", "cus_1"))
        server.faults = ["503"]
        assert charge(order, "acme").state == "waiting"
        assert charge(order, "acme") == Charged("paid", "pi_1")
        assert shop.ask(lambda records: records.account_paid("stripe", "pi_1")) == shop.id()
        other = stripe_calls.charge(Stripe("sk_test_wrong", url=server.url, retries=0), shop.ask)
        assert other(order, "acme").state == "waiting"


def test_an_invoice_item_is_made_once_for_its_name(server, stripe):
    server.faults = ["lost"]
    with pytest.raises(Doubtful):
        stripe.add_item(ITEM)
    assert stripe.add_item(ITEM) == "ii_1"
    assert (len(server.items), server.items[0]["amount"], server.items[0]["currency"]) == (1, 125, "eur")
    with pytest.raises(Doubtful, match="another request had the same key"):
        stripe.add_item(Item("cus_1", 126, "EUR", ITEM.description, ITEM.name))


def test_an_invoice_item_is_found_by_its_name_among_many_also_after_its_key_was_forgotten(server, stripe):
    stripe.add_item(Item("cus_1", 1, "EUR", "x", "7:1"))
    first = server.items[0]
    for number in range(2, 251):  # as if they had been made since
        server.items.append({**first, "id": f"ii_{number}", "metadata": {"spillover_export": f"7:{number}"}})
    server.forget_keys()
    assert stripe.find_item("cus_1", "7:1", 0) == "ii_1"
    assert stripe.find_item("cus_1", "8:1", 0) is None
    assert stripe.find_item("cus_1", "7:1", int(server.clock() * 1000) + 60_000) is None


@pytest.mark.parametrize(
    ("fault", "sort", "busy"), [("429", Doubtful, True), ("500", Doubtful, False), ("cut", Doubtful, False)]
)
def test_an_answer_that_is_none_is_doubtful_and_a_busy_stripe_is_told_apart(server, stripe, fault, sort, busy):
    server.faults = [fault]
    with pytest.raises(sort) as found:
        stripe.add_item(ITEM)
    assert found.value.busy is busy
    assert server.items == []


def test_a_500_is_answered_again_until_the_key_is_forgotten(server, stripe):
    server.faults = ["500"]
    for _ in range(2):
        with pytest.raises(Doubtful, match="500"):
            stripe.add_item(ITEM)
    server.forget_keys()
    assert stripe.add_item(ITEM) == "ii_1"


def test_a_wrong_key_is_told_without_showing_it(server):
    with pytest.raises(Refused) as refused:
        Stripe("sk_test_wrong", url=server.url, retries=0).add_item(ITEM)
    assert refused.value.whole
    assert "sk_test" not in str(refused.value)
    for odd in (None, "", "sk test", "sk_é"):
        with pytest.raises(InvalidInput, match="expected a secret or restricted key"):
            Stripe(odd)


def test_a_customer_that_is_none_is_refused(stripe):
    with pytest.raises(Refused, match="No such customer"):
        stripe.add_item(Item("cus_9", 1, "EUR", "x", "9:1"))


def test_a_dispute_of_a_checkout_that_our_link_made_finds_its_account(server, stripe):
    """From the link to the books: what the server got is what its event tells."""
    with Shop() as shop:
        stripe.checkout_link("acme", shop.access.policy.packs["small"], success_url="https://shop.example/")
        told = checkout()
        told["data"]["object"]["metadata"] = server.sessions[0]["metadata"]
        assert shop.take(told).outcome == "granted pack small as lot 1"
        assert shop.take(dispute()).status == 200
        assert shop.credits() == "0"
