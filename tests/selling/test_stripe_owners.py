"""Whose a payment is: one Stripe account may sell other things, too, and not every checkout is granted."""

import logging

import pytest

from spillover.ports.sales import TopUp
from spillover.selling.stripe_errors import Doubtful
from tests.selling.events import checkout, dispute, payment, refund
from tests.selling.shop import Shop
from tests.selling.test_stripe_webhook import ordered


@pytest.fixture
def shop():
    with Shop() as found:
        yield found


def test_a_refund_of_what_else_the_stripe_account_sells_is_let_go_of_at_once(shop, caplog):
    with caplog.at_level(logging.INFO, "spillover.stripe"):
        told = [shop.take(refund(450, 0, payment="pi_other", names=names)) for names in ({}, {"order": "shirt-7"})]
    assert [(one.status, "not ours" in one.outcome) for one in told] == [(200, True)] * 2
    assert "pi_other" in caplog.text
    assert shop.acts() == []
    shop.take(checkout())
    shop.take(refund(900, 0, names={}))  # the payment is known: its metadata does not count
    assert shop.credits() == "0"


def test_a_refund_finds_what_was_granted_by_hand_for_the_account_that_its_payment_names(shop):
    shop.take(checkout(pack="unknown"))
    shop.access.packs.grant("acme", "small", key="by hand", ref="pi_1")
    assert shop.take(refund(900, 0)).outcome.startswith("took 100 credits back")
    ordered(shop, topup := TopUp(shop.id(), "2026-03", 1, shop.access.policy.packs["small"], at=shop.clock()))
    early = refund(900, 0, payment="pi_2", charge="ch_2", names={"spillover_order": topup.key})
    assert shop.take(early).status == 503
    shop.take(payment(topup.key, payment="pi_2"))
    assert shop.take(early).outcome.startswith("took 100 credits back")


@pytest.mark.parametrize(
    "refused", [checkout(amount=899), checkout(pack="", credits="0"), checkout(pack="", credits="5", amount=10**18)]
)
def test_money_that_goes_back_for_a_refused_checkout_is_answered_at_once(shop, refused):
    assert shop.take(refund(900, 0)).status == 503
    assert shop.take(refused).outcome.startswith("refused")
    assert shop.ask(lambda records: records.account_paid("stripe", "pi_1")) is None
    for back in (refund(900, 0), refund(300, 0, names={}), dispute()):
        told = shop.take(back)
        assert (told.status, "refused" in told.outcome) == (200, True)
    shop.access.packs.grant("acme", "small", key="by hand", ref="pi_1")
    assert shop.take(refund(900, 0)).outcome.startswith("took 100 credits back")


def test_stripe_is_asked_whose_a_disputed_payment_is_that_was_never_told_of():
    known = {"pi_1": {"spillover_account": "acme"}, "pi_other": {"order": "shirt-7"}}

    def metadata(reference):
        if reference not in known:
            raise Doubtful(reference, "status 500")
        return known[reference]

    with Shop(metadata=metadata) as shop:
        for told in (dispute(payment="pi_other"), dispute("closed", "won", payment="pi_other")):
            assert "not ours" in shop.take(told).outcome
        assert [shop.take(dispute(payment=payment)).status for payment in ("pi_1", "pi_away")] == [503, 503]
        shop.take(checkout())
        assert shop.take(dispute()).outcome.startswith("took 100 credits back")


def test_an_event_whose_change_is_null_is_read(shop):
    told = checkout()
    told["data"]["previous_attributes"] = None
    assert shop.take(told).outcome.startswith("granted")
