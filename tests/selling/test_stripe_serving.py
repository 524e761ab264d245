"""`spillover serve` with Stripe: credits run low, the card is charged, the credits are there; a dispute takes them."""

import time
from threading import Event
from types import SimpleNamespace

from spillover.bootstrap import serving_stripe
from spillover.bootstrap.addresses import address_of
from tests.cli.support import run
from tests.http_api.served import Served
from tests.selling.events import dispute, payment
from tests.selling.shop import POLICY, SECRET
from tests.selling.stripe_server import KEY, StripeServer, signed

SECONDS = 60


def test_a_service_tops_up_by_stripe_takes_its_word_and_logs_no_secret(tmp_path):
    options = ("--log-level", "debug", "--stripe-key", KEY, "--stripe-webhook-secret", SECRET)
    with StripeServer() as stripe, Served(tmp_path, *options, "--stripe-url", stripe.url, policy=POLICY) as served:
        stripe.customers["cus_1"] = "pays"
        served.post("accounts/put", {"account": "acme", "plan": "plus"})
        assert run("stripe", "link", "acme", "cus_1", "--db", f"sqlite:///{tmp_path / 'served.db'}").status == 0
        rule = {"account": "acme", "below": "10", "pack": "small", "most": 3}
        assert served.post("topups/set", rule).status == 200
        served.post("credits/add", {"account": "acme", "credits": "12", "key": "begin"})
        assert served.post("consume", {"account": "acme", "feature": "chat.messages", "key": "k"}).status == 200
        until = time.monotonic() + SECONDS
        while balance(served) != "107" and time.monotonic() < until:
            time.sleep(0.05)
        assert balance(served) == "107"
        (paid,) = stripe.payments
        assert (paid["amount"], paid["customer"], paid["status"]) == (900, "cus_1", "succeeded")
        for told in (payment(paid["metadata"]["spillover_order"], payment=paid["id"]), dispute(payment=paid["id"])):
            body, signature = signed(told, SECRET)
            assert served.ask("POST", "/v1/stripe/webhook", body, Stripe_Signature=signature).status == 200
        assert balance(served) == "7"
        stripe.payments.append({"id": "pi_shirt", "object": "payment_intent", "metadata": {"order": "shirt-7"}})
        body, signature = signed(dispute(payment="pi_shirt", dispute="du_2"), SECRET)
        other = served.ask("POST", "/v1/stripe/webhook", body, Stripe_Signature=signature)
        assert (other.status, "not ours" in other.json["outcome"]) == (200, True)
        assert served.ask("POST", "/v1/stripe/webhook", body, Stripe_Signature="t=1,v1=0").status == 400
    logged = served.errors.read_text() + served.said
    assert KEY not in logged
    assert SECRET not in logged


def test_who_charges_goes_on_after_what_nobody_foresaw_and_logs_it_once(monkeypatch, caplog):
    tries, thrice = [], Event()

    def broken(address, timeout):
        tries.append(address)
        if len(tries) == 3:
            thrice.set()
        raise RuntimeError("what nobody foresaw")

    monkeypatch.setattr(serving_stripe, "open_office", broken)
    monkeypatch.setattr(serving_stripe, "BACKOFF_SECONDS", 0.001)
    worker = serving_stripe._Charging(address_of("memory://"), None, SimpleNamespace(close=lambda: None))
    worker.start()
    assert thrice.wait(SECONDS)
    worker.stop()
    assert caplog.text.count("top-ups cannot be charged: what nobody foresaw") == 1


def balance(served):
    """What the account can spend."""
    told = served.get("balance", account="acme").json
    return next(one["available"]["credits"] for one in told["measures"] if one["measure"] == "credits")
