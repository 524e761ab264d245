"""What Stripe tells is done once, whatever comes when and how often; and nobody else's word is taken."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from spillover.model.account import NEVER
from spillover.office.topup_records import order
from spillover.ports.sales import TopUp
from tests.selling.events import CREATED, checkout, dispute, event, payment, refund
from tests.selling.shop import SECRET, Shop
from tests.selling.stripe_server import signed

DAY = 86_400


@pytest.fixture
def shop():
    with Shop() as found:
        yield found


def test_a_paid_checkout_is_a_lot_with_what_was_paid_and_the_customer_is_bound(shop):
    assert shop.take(checkout(amount=1071, subtotal=900, tax=171)).status == 200
    (lot,) = shop.lots()
    assert (lot.granted, lot.paid, lot.currency, lot.tax, lot.reference) == (
        100_000_000, "10.71", "EUR", "1.71 EUR", "pi_1",
    )  # fmt: skip
    assert not lot.lot.promotional
    assert lot.lot.expires == shop.clock() + 365 * DAY * 1000
    assert shop.customer() == "cus_1"
    assert shop.credits() == "100"


def test_credits_and_units_are_sold_too_and_yen_have_no_decimals(shop):
    shop.take(checkout("cs_1", pack="", credits="12.5", amount=120, payment="pi_1"))
    shop.take(checkout("cs_2", pack="sushi", amount=900, currency="jpy", payment="pi_2"))
    shop.take(checkout("cs_3", pack="clips", amount=1200, payment="pi_3"))
    told = [(lot.lot.measure, lot.granted, lot.paid, lot.currency, lot.lot.expires) for lot in shop.lots()]
    assert told == [
        ("credits", 12_500_000, "1.20", "EUR", NEVER), ("credits", 50_000_000, "900", "JPY", NEVER),
        ("video.seconds", 60, "12.00", "EUR", NEVER),
    ]  # fmt: skip


def test_a_checkout_that_is_paid_later_is_granted_then_and_once(shop):
    assert shop.take(checkout(status="unpaid")).status == 200
    assert shop.lots() == []
    for _ in range(2):
        shop.clock.turn(minutes=1)
        shop.take(checkout(type_="checkout.session.async_payment_succeeded"))
        shop.take(checkout())
    assert len(shop.lots()) == 1


def test_deliveries_that_race_grant_once(shop):
    told = checkout()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: shop.take(told), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert [lot.granted for lot in shop.lots()] == [100_000_000]


def test_a_pack_that_changed_between_two_deliveries_is_not_granted_again(shop):
    told = checkout(pack="", credits="100")
    shop.take(told)
    told["data"]["object"]["metadata"]["spillover_credits"] = "200"
    assert "done before" in shop.take(told).outcome
    assert shop.credits() == "100"


@pytest.mark.parametrize(
    "told",
    [
        checkout(pack="unknown"), checkout(account="nobody"), checkout(account="x" * 300), checkout(amount=899),
        checkout(currency="usd"), checkout(pack="", credits="much"), checkout(pack="", credits="-5"),
        checkout(price="free"), checkout(status="no_payment_required"), payment("topup:1:2026-03:1"),
        payment("topup:x"),
    ],
    ids=lambda told: str(told["data"]["object"]["metadata"]),
)  # fmt: skip
def test_what_can_never_be_done_is_answered_200_and_told_to_the_operator(shop, told, caplog):
    with caplog.at_level(logging.WARNING, "spillover.stripe"):
        assert shop.take(told).status == 200
    assert shop.lots() == []
    assert told["id"] in caplog.text


def test_a_price_that_the_sellers_own_link_named_counts_and_discounts_are_the_sellers(shop):
    shop.take(checkout("cs_1", amount=500, price="5.00 EUR", payment="pi_1"))
    shop.take(checkout("cs_2", amount=450, subtotal=900, payment="pi_2"))
    assert [lot.paid for lot in shop.lots()] == ["5.00", "4.50"]


def test_money_of_the_other_mode_is_not_taken():
    with Shop(live=True) as shop:
        assert "test money" in shop.take(checkout()).outcome
        assert shop.lots() == []
        shop.take(checkout(live=True))
        assert len(shop.lots()) == 1


def test_only_a_fresh_signature_of_this_endpoint_is_taken(shop):
    body, good = signed(checkout(), SECRET)
    old = signed(body, SECRET, int(time.time()) - 301)[1]
    another = signed(body, "whsec_other")[1]
    for wrong in (None, "", "t=1,v1=2", "v1=x", "t=x,v1=é", old, another, good.replace("v1=", "v0="), good + "0"):
        assert shop.webhook.take(body, wrong).status == 400, wrong
    assert shop.webhook.take(body + b" ", good).status == 400
    assert shop.webhook.take(b"\xff", good).status == 400
    assert shop.lots() == []
    assert shop.acts() == []
    assert shop.webhook.take(body, good).status == 200


def test_while_a_secret_is_rotated_both_are_good(shop):
    from spillover.selling.stripe_webhook import Webhook

    webhook = Webhook(shop.access, shop.ask, (SECRET, "whsec_new"))
    assert [webhook.take(*signed(checkout(), secret)).status for secret in (SECRET, "whsec_new", "whsec_no")] == [
        200, 200, 400,
    ]  # fmt: skip


def test_a_signed_body_that_cannot_be_read_ends_well(shop):
    for body in (b"", b"[]", b"{}", b'{"id": "evt_1", "type": 3}'):
        assert shop.take(body).status == 200


def test_what_was_done_is_in_the_log_of_acts_without_secrets(shop):
    shop.take(checkout(credits=""))
    shop.take(checkout(amount=1, session="cs_2", payment="pi_2"))
    granted, refused = shop.acts()
    assert (granted.by, granted.verb, granted.account, granted.reason) == (
        "stripe", "stripe.grant", "acme", "checkout.session.completed",
    )  # fmt: skip
    assert granted.outcome == "granted pack small as lot 1"
    assert refused.outcome.startswith("refused: amount: found 0.01 EUR, expected at least 9.00 EUR")
    assert SECRET not in str(shop.acts())


def test_a_refund_takes_all_that_is_left_and_once(shop):
    shop.take(checkout())
    shop.access.consume("acme", "chat.messages", key="k")
    assert shop.take(refund(900, 0)).outcome == "took 95 credits back, 5 credits was spent"
    assert shop.credits() == "0"
    shop.take(refund(900, 0))
    assert shop.credits() == "0"


def test_a_dispute_that_comes_before_its_checkout_waits_for_it_and_no_longer_than_three_days(shop):
    early = dispute()
    told = shop.take(early)
    assert (told.status, shop.lots()) == (503, [])
    shop.take(checkout())
    assert shop.take(early).status == 200
    assert shop.credits() == "0"
    unknown = refund(900, 0, payment="pi_other")
    assert shop.take(unknown).status == 503
    shop.clock.turn(days=3)
    assert shop.take(unknown).status == 503
    shop.clock.turn(seconds=1)
    assert "given up" in shop.take(unknown).outcome


def test_a_dispute_that_is_won_gives_back_what_it_took_and_the_time_that_it_lasted(shop):
    shop.take(checkout())
    shop.access.consume("acme", "chat.messages", key="k")
    ends = shop.lots()[0].lot.expires
    won = dispute("closed", "won", created=CREATED + 10 * DAY)
    assert shop.take(won).status == 503
    shop.take(dispute("funds_withdrawn"))
    assert shop.credits() == "0"
    shop.clock.turn(days=10)
    assert shop.take(won).outcome == "gave 95 credits back"
    again = shop.lots()[-1]
    assert (again.granted, again.reference, again.lot.expires) == (95_000_000, "pi_1", ends + 10 * DAY * 1000)
    for told in (dispute("funds_reinstated", "won", created=CREATED + 11 * DAY), won, won):
        shop.clock.turn(minutes=1)
        assert shop.take(told).status == 200
    assert shop.credits() == "95"


def test_a_dispute_gives_back_only_what_it_took_itself(shop):
    shop.take(checkout())
    for told in (refund(300, 0), dispute(), dispute("closed", "won")):
        assert shop.take(told).status == 200
    assert shop.credits() == "66.666667"


def test_a_dispute_of_a_part_takes_that_part(shop):
    shop.take(checkout())
    shop.take(dispute(amount=300))
    assert shop.credits() == "66.666667"
    shop.take(dispute("closed", "won", amount=300))
    assert shop.credits() == "100"


def test_parts_of_a_refund_take_their_shares_in_any_order(shop):
    shop.take(checkout())
    parts = [refund(500, 300), refund(300, 0), refund(700, 500)]
    for part in [*parts, *reversed(parts)]:
        assert shop.take(part).status == 200
    assert shop.credits() == "22.222223"
    shop.take(refund(900, 700))
    assert shop.credits() == "0"


def test_units_are_taken_back_in_whole_ones_rounded_down(shop):
    shop.take(checkout(pack="clips", amount=1200))
    assert shop.take(refund(410, 0, 1200)).outcome == "took 20 of video.seconds back, 0 of video.seconds was spent"
    assert shop.take(refund(1200, 410, 1200)).outcome.startswith("took 40 of video.seconds back")


def test_a_refund_of_a_part_takes_no_more_than_is_left(shop):
    shop.take(checkout())
    for number in range(18):
        shop.access.consume("acme", "chat.messages", key=f"k-{number}")
    assert shop.take(refund(450, 0)).outcome == "took 10 credits back, 40 credits was spent"
    assert shop.credits() == "0"


def test_an_erased_account_gets_nothing_and_stripe_is_not_asked_to_try_again(shop):
    shop.take(checkout())
    shop.access.accounts.erase("acme")
    for told in (checkout(), checkout("cs_2"), refund(900, 0), dispute()):
        assert shop.take(told).status == 200


def test_a_customer_stays_with_the_account_that_it_was_bound_to_first(shop):
    shop.take(checkout("cs_1"))
    shop.take(checkout("cs_2", customer="cus_2", payment="pi_2"))
    shop.take(checkout("cs_3", account="beta", customer="cus_1", payment="pi_3"))
    assert (shop.customer("acme"), shop.customer("beta")) == ("cus_1", None)
    assert len(shop.lots("beta")) == 1


def test_a_top_up_is_granted_when_its_payment_comes_also_after_it_was_taken_for_failed(shop):
    keys = []
    for number in (1, 2):
        topup = TopUp(shop.id(), "2026-03", number, shop.access.policy.packs["small"], at=shop.clock())
        ordered(shop, topup)
        keys.append(topup.key)
        if number == 2:
            shop.ask(lambda records: records.end_topup(topup, "failed", "declined", at=1))  # noqa: B023  # at once
        for _ in range(2):
            assert shop.take(payment(topup.key, payment=f"pi_{number}")).status == 200
    assert [lot.reference for lot in shop.lots()] == ["pi_1", "pi_2"]
    assert shop.credits() == "200"
    shop.take(refund(900, 0))
    assert shop.credits() == "100"


def ordered(shop, topup):
    """As the watcher orders it."""
    shop.office._desk.write(lambda tables: order(tables, topup))


def test_a_top_up_that_whoever_charged_has_granted_is_not_granted_again(shop):
    topup = TopUp(shop.id(), "2026-03", 1, shop.access.policy.packs["small"], at=shop.clock())
    ordered(shop, topup)
    shop.access.packs.grant("acme", "small", key=topup.key, ref="pi_9", reason="top-up", actor="topups")
    assert shop.take(payment(topup.key)).outcome == "done before"
    assert shop.ask(lambda records: records.topup(topup.account, "2026-03", 1)).state == "paid"
    assert shop.credits() == "100"


def test_a_type_that_nobody_asked_for_leaves_no_act(shop):
    assert shop.take(event("invoice.paid", {"id": "in_1"})).status == 200
    assert shop.acts() == []


def test_a_signed_event_is_read_from_the_bytes_that_were_signed(shop):
    told = checkout()
    body = msgspec.json.format(msgspec.json.encode(told), indent=4)
    assert shop.webhook.take(*signed(body, SECRET)).status == 200
    assert len(shop.lots()) == 1
