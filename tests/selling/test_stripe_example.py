"""The example, served by a real server: a denial, a checkout, Stripe's word of it, and credits that can be spent."""

import http.client
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.http_api.served import environment, free_port
from tests.selling.events import checkout
from tests.selling.stripe_server import KEY, StripeServer, signed

EXAMPLE = Path(__file__).parents[2] / "examples" / "stripe_checkout"
SECONDS = 60


class Application:
    """The example in a process of its own until it is left."""

    def __init__(self, folder, stripe):
        self.port = free_port()
        self.errors = (folder / "errors.txt").open("wb")
        surroundings = {
            "SPILLOVER_URL": f"sqlite:///{folder / 'shop.db'}", "PYTHONDONTWRITEBYTECODE": "1",
            "SPILLOVER_STRIPE_KEY": KEY, "SPILLOVER_STRIPE_URL": stripe,
            "SPILLOVER_STRIPE_WEBHOOK_SECRET": "whsec_example",
        }  # fmt: skip
        program = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(self.port), "app:app"]
        self.process = subprocess.Popen(
            program, cwd=EXAMPLE, env={**environment(), **surroundings}, stdout=self.errors, stderr=self.errors
        )

    def __enter__(self):
        until = time.monotonic() + SECONDS
        while True:
            try:
                self.ask("GET", "/credits", X_Account="acme")
                return self
            except OSError:
                assert self.process.poll() is None, Path(self.errors.name).read_text()
                assert time.monotonic() < until
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)
        self.errors.close()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): each for name, each in headers.items()})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text.startswith(b"{") else text
        finally:
            connection.close()


def test_the_example_leads_from_a_denial_over_a_checkout_to_credits(tmp_path):
    with StripeServer() as stripe, Application(tmp_path, stripe.url) as shop:
        status, _, problem = shop.ask("POST", "/messages", X_Account="acme")
        assert (status, problem["checkout"]) == (402, "/buy?pack=small")
        status, headers, _ = shop.ask("GET", problem["checkout"], X_Account="acme")
        assert (status, headers["location"]) == (303, f"{stripe.url}/pay/cs_test_1")
        (session,) = stripe.sessions
        told = checkout(session["id"], created=int(time.time()))
        told["data"]["object"]["metadata"] = session["metadata"]  # as Stripe tells them back
        body, signature = signed(told, "whsec_example")
        for _ in range(2):
            got = shop.ask("POST", "/spillover/v1/stripe/webhook", body, Stripe_Signature=signature)
            assert got[0] == 200, got
        assert shop.ask("GET", "/credits", X_Account="acme")[2] == {"credits": 100_000_000}
        assert shop.ask("POST", "/messages", X_Account="acme")[0] == 200
        assert shop.ask("POST", "/spillover/v1/stripe/webhook", body, Stripe_Signature="t=1,v1=0")[0] == 400
