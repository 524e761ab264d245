"""Every event twice, in any order, beside each other, and killed anywhere: the same credits in the end."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selling.events import CREATED, checkout, dispute, refund
from tests.selling.shop import Shop

GRANTED = 100_000_000
ROUNDS = 6
"""How often what was answered 503 is sent again before the test gives up."""


class Killed(BaseException):
    """The process ends here."""


def won(payment, number):
    return [
        dispute(payment=payment, dispute=f"du_{number}"),
        dispute("funds_withdrawn", payment=payment, dispute=f"du_{number}"),
        dispute("closed", "won", payment=payment, dispute=f"du_{number}", created=CREATED + 60),
        dispute("funds_reinstated", "won", payment=payment, dispute=f"du_{number}", created=CREATED + 61),
    ]


FATES = {
    "kept": (lambda payment, number: [], GRANTED),
    "refunded": (lambda payment, number: [refund(900, 0, payment=payment, charge=f"ch_{number}")], 0),
    "refunded in part": (
        lambda payment, number: [refund(300, 0, payment=payment, charge=f"ch_{number}")], GRANTED - 33_333_333,
    ),
    "refunded in parts": (
        lambda payment, number: [
            refund(to, since, payment=payment, charge=f"ch_{number}")
            for since, to in ((0, 100), (100, 350), (350, 700))
        ],
        GRANTED - 77_777_777,
    ),
    "refunded to the end": (
        lambda payment, number: [
            refund(to, since, payment=payment, charge=f"ch_{number}") for since, to in ((0, 300), (300, 900))
        ],
        0,
    ),
    "disputed": (lambda payment, number: [dispute(payment=payment, dispute=f"du_{number}")], 0),
    "disputed and won": (won, GRANTED),
    "lost": (
        lambda payment, number: [
            dispute(payment=payment, dispute=f"du_{number}"),
            dispute("closed", "lost", payment=payment, dispute=f"du_{number}", created=CREATED + 60),
        ],
        0,
    ),
    "refunded in part and disputed": (
        lambda payment, number: [
            refund(300, 0, payment=payment, charge=f"ch_{number}"), dispute(payment=payment, dispute=f"du_{number}"),
        ],
        0,
    ),
}  # fmt: skip


def story(fates):
    """All events, and the micro-credits that are left in the end."""
    events, left = [], 0
    for number, fate in enumerate(fates, 1):
        payment = f"pi_{number}"
        make, rest = FATES[fate]
        events += [
            checkout(f"cs_{number}", payment=payment, status="unpaid"),
            checkout(f"cs_{number}", payment=payment, type_="checkout.session.async_payment_succeeded"),
            *make(payment, number),
        ]
        left += rest
    return events, left


def deliver(shop, events, threads):
    """Send them, again what is answered 503, until nothing is."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(ROUNDS):
            answers = list(pool.map(shop.take, events))
            assert {answer.status for answer in answers} <= {200, 503}, answers
            events = [event for event, answer in zip(events, answers, strict=True) if answer.status == 503]
            if not events:
                return
    raise AssertionError(f"never done: {[event['type'] for event in events]}")


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=3), st.randoms(use_true_random=False),
       st.sampled_from([1, 4]))  # fmt: skip
def test_twice_in_any_order_and_beside_each_other_it_comes_to_the_same(fates, random, threads):
    events, left = story(fates)
    sent = events * 2
    random.shuffle(sent)
    with Shop(accounts=("acme",)) as shop:
        deliver(shop, sent, threads)
        assert shop.access.balance("acme").credits == left
        shop.access.settle()
        assert all(lot.balance >= 0 for lot in shop.lots())


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=2), st.randoms(use_true_random=False))
def test_what_was_spent_meanwhile_is_never_taken_twice(fates, random):
    events, left = story(fates)
    sent = events * 2
    random.shuffle(sent)
    with Shop(accounts=("acme",)) as shop:
        spent = 0
        for number, event in enumerate(sent):
            shop.take(event)
            if shop.access.balance("acme").credits >= 5_000_000:
                assert shop.access.consume("acme", "chat.messages", key=f"k-{number}")
                spent += 5_000_000
        deliver(shop, sent, 1)
        found = shop.access.balance("acme").credits
        assert max(left - spent, 0) <= found <= max(left, 0)


def test_killed_at_a_step_the_next_delivery_ends_it():
    assert killed_everywhere("disputed and won", 3) > 10


@pytest.mark.soak
@pytest.mark.parametrize("fate", sorted(FATES))
def test_killed_at_any_step_the_next_delivery_ends_it(fate):
    assert killed_everywhere(fate, 1) > 10 or fate == "kept"


def killed_everywhere(fate, stride):
    """Play it once for each place at which it is killed; at how many."""
    events, left = story([fate])
    kills, step = 0, 1
    while True:
        with Shop(accounts=("acme",)) as shop:
            if not killed_at(shop, step, events[1:]):
                return kills
            deliver(shop, events[1:], 1)
            assert shop.access.balance("acme").credits == left, step
        kills, step = kills + 1, step + stride


def killed_at(shop, step, events):
    """Whether that step of the engine or the office was reached; then what came after it did not happen."""
    count, honest = [0], (shop.access.run, shop.access.look, shop.webhook._ask)

    def guard(call):
        def guarded(work):
            count[0] += 1
            if count[0] == step:
                if hasattr(work, "close"):
                    work.close()
                raise Killed
            return call(work)

        return guarded

    shop.access.run, shop.access.look, shop.webhook._ask = (guard(call) for call in honest)
    try:
        for event in events:
            shop.take(event)
        return False
    except Killed:
        return True
    finally:
        shop.access.run, shop.access.look, shop.webhook._ask = honest
