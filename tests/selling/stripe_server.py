"""A small server on loopback that answers as Stripe's documentation says Stripe does. It is not Stripe.

Stripe itself cannot run here: it is a service of others, with neither a server to install nor a network to reach it by.
What is shown with this server is that our part does what it should if Stripe does what it documents; that Stripe does
is not shown. Taken from its public documentation (API reference, "Idempotent requests", "Advanced error handling",
"Webhooks", "Currencies", "Checkout Sessions", "PaymentIntents", "Invoice items"):

- Bodies are forms with nested names, answers JSON; a wrong key is 401; a parameter that is missing or a customer that
  is none is 400 `invalid_request_error`; a declined card is 402 `card_error`, and its payment intent remains.
- The first answer under an `Idempotency-Key`, once it was begun, is given again to the same request, a 500 too, with
  `Idempotent-Replayed: true`; to another one under that key 400 `idempotency_error`.
  Neither 401, 429 nor a parameter that was refused is kept. Keys are forgotten after a day.
- Lists are the newest first, in pages (`limit`, `starting_after`, `has_more`), by customer and `created[gte]`.
- Events come signed, `t=..,v1=..`, at least once, in any order. The signature is made by the official library.

The official library is what speaks to it, unchanged, over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_51local"
Answer = tuple[int, dict[str, Any]]


class StripeServer:
    """The server while it is entered. `faults`: what happens to the next requests that change something:

    "lost": done, and the answer does not arrive; "cut": not begun, the connection breaks; "500": begun and failed, with
    nothing done; "503": done, and answered as a failure; "429": not begun; "" or nothing left: as it should be.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.customers: dict[str, str] = {}
        """Customer -> what its card does: "pays", "declines", "" for no card."""
        self.items: list[dict[str, Any]] = []
        self.payments: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.clock: Callable[[], float] = time.time
        self._kept: dict[str, tuple[str, Answer]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> StripeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forget_keys(self) -> None:
        """A day goes by."""
        with self._lock:
            self._kept.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                self._tell(*server._got(self.path, self.headers.get("Authorization") or ""))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                told = server._posted(self.path, self.headers, body)
                if told is None:
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(2)
                    return
                self._tell(*told)

            def _tell(self, status: int, document: dict[str, Any], replayed: bool = False) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Request-Id", "req_local")
                if status >= 500:  # its own framework would only answer the same again
                    self.send_header("Stripe-Should-Retry", "false")
                if replayed:
                    self.send_header("Idempotent-Replayed", "true")
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        return Handler

    def _posted(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any], bool] | None:
        asked = parse_qsl(body.decode(), keep_blank_values=True)
        with self._lock:
            self.asked.append(("POST", path))
            fault = self.faults.pop(0) if self.faults else ""
            if fault == "cut":
                return None
            if headers.get("Authorization") != f"Bearer {KEY}":
                return *_error(401, "invalid_request_error", "", "Invalid API Key provided"), False
            if fault == "429":
                return *_error(429, "rate_limit_error", "rate_limit", "Too many requests"), False
            key, print_ = headers.get("Idempotency-Key") or "", f"{path} {sorted(asked)}"
            if key in self._kept:
                first, answer = self._kept[key]
                if first != print_:
                    return *_error(
                        400, "idempotency_error", "", "Keys can only be used with the same parameters"
                    ), False
                return None if fault == "lost" else (*answer, True)
            if fault == "500":
                answer, saved = _error(500, "api_error", "", "An unknown error occurred"), True
            else:
                answer, saved = self._do(path, _nested(asked))
                if fault == "503":
                    answer = _error(503, "api_error", "", "done, and nobody knows")
            if saved and key:
                self._kept[key] = (print_, answer)
        return None if fault == "lost" else (*answer, False)

    def _do(self, path: str, asked: dict[str, Any]) -> tuple[Answer, bool]:
        """What it does, and whether it was begun."""
        now = int(self.clock())
        if path == "/v1/checkout/sessions":
            return self._session(asked), True
        if confirmed := re.fullmatch(r"/v1/payment_intents/(pi_[0-9]+)/confirm", path):
            (payment,) = (one for one in self.payments if one["id"] == confirmed[1])
            return self._confirmed(payment), True
        customer = asked.get("customer", "")
        if customer not in self.customers:
            return _error(400, "invalid_request_error", "resource_missing", f"No such customer: '{customer}'"), False
        if path == "/v1/invoiceitems":
            made = {
                "id": f"ii_{len(self.items) + 1}", "object": "invoiceitem", "date": now, "customer": customer,
                "amount": int(asked["amount"]), "currency": asked["currency"], "created": now,
                "description": asked.get("description"), "metadata": asked.get("metadata", {}),
            }  # fmt: skip
            self.items.append(made)
            return (200, made), True
        assert path == "/v1/payment_intents", path
        return self._pay(asked, customer, now), True

    def _session(self, asked: dict[str, Any]) -> Answer:
        number = len(self.sessions) + 1
        made = {
            "id": f"cs_test_{number}", "object": "checkout.session", "url": f"{self.url}/pay/cs_test_{number}",
            "mode": asked["mode"], "metadata": asked.get("metadata", {}), "asked": asked,
        }  # fmt: skip
        self.sessions.append(made)
        return 200, made

    def _pay(self, asked: dict[str, Any], customer: str, now: int) -> Answer:
        made: dict[str, Any] = {
            "id": f"pi_{len(self.payments) + 1}", "object": "payment_intent", "customer": customer, "created": now,
            "amount": int(asked["amount"]), "currency": asked["currency"], "metadata": asked.get("metadata", {}),
            "asked": asked,
        }  # fmt: skip
        self.payments.append(made)
        return self._confirmed(made)

    def _confirmed(self, payment: dict[str, Any]) -> Answer:
        """The bank is asked."""
        if self.customers[payment["customer"]] == "pays":
            payment |= {"status": "succeeded", "last_payment_error": None}
            return 200, payment
        trouble = {"code": "card_declined", "decline_code": "insufficient_funds"}
        payment |= {"status": "requires_payment_method", "last_payment_error": trouble}
        return _error(402, "card_error", "card_declined", "Your card was declined", decline="insufficient_funds")

    def _got(self, path: str, key: str) -> Answer:
        parts = urlsplit(path)
        asked = _nested(parse_qsl(parts.query))
        with self._lock:
            self.asked.append(("GET", parts.path))
            if key != f"Bearer {KEY}":
                return _error(401, "invalid_request_error", "", "Invalid API Key provided")
            if parts.path == "/v1/invoiceitems":
                return _page(self.items, asked, parts.path)
            if parts.path == "/v1/payment_intents":
                return _page(self.payments, asked, parts.path)
            if one := re.fullmatch(r"/v1/payment_intents/(pi_\w+)", parts.path):
                known = [payment for payment in self.payments if payment["id"] == one[1]]
                missing = _error(
                    404, "invalid_request_error", "resource_missing", f"No such payment_intent: '{one[1]}'"
                )
                return (200, known[0]) if known else missing
            found = re.fullmatch(r"/v1/customers/([^/]+)(/payment_methods)?", parts.path)
            assert found is not None, parts.path
            customer = found[1]
            if customer not in self.customers:
                return _error(404, "invalid_request_error", "resource_missing", f"No such customer: '{customer}'")
            if found[2]:
                cards = [{"id": f"pm_{customer}", "object": "payment_method"}] if self.customers[customer] else []
                return 200, {"object": "list", "data": cards, "has_more": False, "url": parts.path}
            return 200, {"id": customer, "object": "customer", "invoice_settings": {"default_payment_method": None}}


def _page(found: list[dict[str, Any]], asked: dict[str, Any], url: str) -> Answer:
    since = int(asked.get("created", {}).get("gte", 0))
    fits = [one for one in reversed(found) if one["created"] >= since and one["customer"] == asked["customer"]]
    if after := asked.get("starting_after"):
        fits = fits[[one["id"] for one in fits].index(after) + 1 :]
    limit = int(asked.get("limit", 10))
    return 200, {"object": "list", "data": fits[:limit], "has_more": len(fits) > limit, "url": url}


def _error(status: int, type_: str, code: str, message: str, decline: str = "") -> Answer:
    told = {"type": type_, "message": message}
    if code:
        told["code"] = code
    if decline:
        told["decline_code"] = decline
    return status, {"error": told}


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][c]=d` as it is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name)
        place = found
        for part in rest:
            place, first = place.setdefault(first, {}), part
        place[first] = value
    return found


def signed(event: dict[str, Any] | bytes, secret: str, at: int | None = None) -> tuple[bytes, str]:
    """The body of an event and its signature, by the official library."""
    from stripe import WebhookSignature

    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return body, WebhookSignature.generate_signature_header(body.decode(), secret, at)
