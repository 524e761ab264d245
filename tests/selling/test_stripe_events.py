"""What an event asks for, read from its JSON alone; and money in the minor units of its currency."""

from fractions import Fraction

import msgspec
import pytest

from spillover.model.errors import InvalidInput
from spillover.selling import money
from spillover.selling.stripe_events import Bind, GiveBack, Grant, Nothing, Reverse, TopUp, Unreadable, read_event
from tests.selling.events import CREATED, checkout, dispute, event, payment, refund


def wanted(told):
    return read_event(msgspec.json.encode(told)).wanted


def test_a_paid_checkout_grants_its_pack_with_money_tax_and_payment_exact():
    assert wanted(checkout(amount=1071, subtotal=900, tax=171)) == Grant(
        "stripe:cs_1", "acme", "small", "", "10.71 EUR", "9.00 EUR", "", "1.71 EUR", "pi_1", "cus_1"
    )  # fmt: skip
    told = wanted(checkout(pack="", credits="12.5", amount=900, currency="jpy", payment="", customer=""))
    assert (told.credits, told.paid, told.tax, told.reference) == ("12.5", "900 JPY", "", "cs_1")


def test_an_account_told_as_an_object_is_known_by_its_id():
    told = checkout()
    told["data"]["object"]["customer"] = {"id": "cus_7", "object": "customer", "email": None}
    told["data"]["object"]["payment_intent"] = {"id": "pi_7", "object": "payment_intent"}
    assert (wanted(told).customer, wanted(told).reference) == ("cus_7", "pi_7")


@pytest.mark.parametrize(
    ("told", "matters"),
    [
        (checkout(status="unpaid"), False),
        (checkout(status="no_payment_required"), True),
        (checkout(account=""), False),
        (checkout(pack="", customer=""), False),
        (checkout(credits="5"), True),
        (checkout(amount=-1), True),
        (checkout(currency="euro"), True),
        (checkout(session="cs/1"), True),
        (refund(0, 0), True),
        (refund(300, None), True),
        (refund(300, 300), True),
        (dispute(status="warning_needs_response"), False),
        (dispute("closed", "lost"), False),
        (dispute("closed", "warning_closed"), False),
        (dispute(payment="", dispute="du/1"), True),
        (payment(""), False),
        (event("customer.created", {"id": "cus_1"}), False),
        (event("charge.refunded", {"id": "ch_1", "amount": "9"}), True),
    ],
)
def test_what_asks_for_nothing_says_why_and_whether_that_matters(told, matters):
    found = wanted(told)
    assert isinstance(found, Nothing)
    assert (bool(found.reason), found.matters) == (True, matters)


def test_a_customer_without_a_purchase_is_bound():
    assert wanted(checkout(pack="", mode="setup", status="no_payment_required")) == Bind("acme", "cus_1")


def test_refunds_and_disputes_are_known_by_their_objects_not_by_their_events():
    whole = Reverse("stripe:ch_1:refunded", "pi_1", "refunded", names="acme")
    assert wanted(refund(900, 0)) == wanted(refund(900, 300)) == whole
    assert [wanted(refund(5, 0, names=names)).names for names in ({}, {"spillover_order": "topup:x"})] == [
        "",
        "topup:x",
    ]
    assert wanted(refund(500, 300)).key == "stripe:ch_1:300-500"
    begun = wanted(dispute())
    assert begun == wanted(dispute("funds_withdrawn")) == wanted(dispute(status="under_review"))
    assert (begun.key, begun.after, begun.whole, begun.currency) == ("stripe:du_1", 900, 0, "EUR")
    won = wanted(dispute("closed", "won", created=CREATED + 60))
    ended = GiveBack("stripe:du_1:won", "stripe:du_1", "pi_1", begun.why, CREATED * 1000, CREATED * 1000 + 60_000)
    assert won == ended


def test_a_payment_of_a_top_up_is_known_by_its_order():
    assert wanted(payment("topup:7:2026-03:1")) == TopUp("topup:7:2026-03:1", "9.00 EUR", "pi_9")
    assert isinstance(wanted(payment("topup:7:2026-03:1", "payment_failed")), Nothing)  # whoever charges finds out


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"id": 1}', b'{"object": "v2.core.event"}', b"[" * 99])
def test_what_is_no_event_is_told_as_such(body):
    with pytest.raises(Unreadable):
        read_event(body)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(900, "EUR", "9.00 EUR"), (5, "USD", "0.05 USD"), (900, "JPY", "900 JPY"), (5120, "KWD", "5.120 KWD"),
     (500, "ISK", "5.00 ISK"), (500, "UGX", "5.00 UGX"), (0, "XOF", "0 XOF")],
)  # fmt: skip
def test_money_is_written_and_read_back_in_the_currencys_own_minor_unit(minor, currency, text):
    assert money.told(minor, currency) == text
    assert money.minor("price", text) == (minor, currency)


@pytest.mark.parametrize("text", ["9.005 EUR", "1.5 JPY", "5.125 KWD", "5.50 ISK", "9 eur", "9", 9, "-1 EUR", ""])
def test_money_that_nobody_can_charge_is_refused(text):
    with pytest.raises(InvalidInput):
        money.minor("price", text)


@pytest.mark.parametrize(
    ("exact", "currency", "minor"),
    [("1/2", "EUR", 1), ("-1/2", "EUR", 0), ("-3/2", "EUR", -1), ("1.49", "EUR", 1), ("50", "ISK", 100),
     ("49.9", "ISK", 0), ("15", "KWD", 20), ("-1.51", "EUR", -2)],
)  # fmt: skip
def test_money_is_rounded_half_up_to_what_can_be_charged(exact, currency, minor):
    assert money.rounded(Fraction(exact), currency) == minor
