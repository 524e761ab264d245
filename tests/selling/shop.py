"""A shop for the tests of selling: an engine, the office beside its books, and a webhook that Stripe's events go to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any

import spillover
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.amounts import format_credits
from spillover.selling.records import PROVIDER
from spillover.selling.stripe_webhook import Told, Webhook
from tests.selling.stripe_server import signed
from tests.support import clock as new_clock
from tests.support import policy

SECRET = "whsec_test_secret"
POLICY = """
spillover: 1
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  chat.tokens: {unit: credit, count: cost, price: {input: "2.50", output: 20, per: 1M}}
  video.seconds: {unit: second, count: seconds, price: {credits: 10}}
packs:
  small: {credits: 100, price: "9.00 EUR", expires: 365d}
  large: {credits: 1000, price: "80.00 EUR"}
  sushi: {credits: 50, price: "900 JPY"}
  clips: {units: 60, of: video.seconds, price: "12.00 EUR"}
plans:
  plus:
    rules:
      - for: [chat.messages]
        waterfall: [{from: credits}, {from: overage, cap: {name: line, max: 100000, every: month, in: UTC}}]
      - for: [chat.tokens]
        waterfall: [{from: credits}, {from: overage, cap: {name: line, max: 100000, every: month, in: UTC}}]
      - for: [video.seconds]
        waterfall: [{from: units}, {from: credits}]
"""
PACKS = policy(POLICY)


class Shop:
    """`url`: of the database. `accounts` have the plan that may run into overage."""

    def __init__(self, url: str = "memory://", accounts: tuple[str, ...] = ("acme", "beta"), **options: Any) -> None:
        self.clock = new_clock()
        self.access = spillover.connect(url, policy=PACKS, clock=self.clock, settle=False)
        self.office = open_office(address_of(url), 10_000)
        self._lock = Lock()
        for name in accounts:
            self.access.accounts.put(name, "plus")
        self.webhook = Webhook(self.access, self.ask, (SECRET,), **options)

    def ask(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        with self._lock:
            return drive(work(self.office))

    def take(self, event: dict[str, Any] | bytes) -> Told:
        """What an event is answered, sent once."""
        return self.webhook.take(*signed(event, SECRET))

    def id(self, name: str = "acme") -> int:
        return self.access.run(self.access.desk.account(name))

    def credits(self, name: str = "acme") -> str:
        """What the account can spend, in credits."""
        return format_credits(self.access.balance(name).credits)

    def lots(self, name: str = "acme") -> list[Any]:
        return list(self.access.lots.list(name))

    def customer(self, name: str = "acme") -> str | None:
        account = self.id(name)
        return self.ask(lambda records: records.customer(account, PROVIDER))

    def acts(self) -> list[Any]:
        return list(self.ask(lambda records: records.acts()))

    def close(self) -> None:
        drive(self.office.close())
        self.access.close()

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
