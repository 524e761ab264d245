"""Books that watchers look at, and what whoever adds them up would tell of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive as run
from spillover.model.reports import StatementRow
from spillover.notices.watching import Finder, Watcher
from spillover.office.notice_records import NOTICE_WRITES
from spillover.ports.notices import Alert, Endpoint, Message
from tests.office.support import execute, office_at
from tests.support import clock, policy

POLICY = """
spillover: 1
features:
  calls: {unit: call, count: calls, price: {credits: 1}}
  images: {unit: image, count: requests, price: {credits: 1}}
plans:
  plus:
    rules:
      - for: [calls]
        waterfall: [{from: credits}]
      - for: [images]
        ceilings: [{name: daily, max: 10, every: day, in: UTC, per: subject}]
        waterfall: [{from: units}, {from: credits}]
"""
CREDIT = 1_000_000
LOW, LOWER = Alert("low", 0, "balance", "credits", 10 * CREDIT), Alert("lower", 0, "balance", "credits", 4 * CREDIT)
Told = tuple[object, ...]
"""(type, alert, account, measure, number, balance after)."""


class Shop:
    """Books at an address, with an engine whose settling is done when it is asked for, and an office beside them."""

    def __init__(self, url: str, *, wipe: bool = True, office: bool = True) -> None:
        self.url, self.clock, self._keys = url, clock(), 0
        self.access: Access = spillover.connect(url, policy=policy(POLICY), clock=self.clock, settle=False)
        self.ledger: Any = self.access.desk.ledger
        self.office: Any = office_at(url) if office else None
        if wipe and url != "memory://":
            for table in NOTICE_WRITES:
                execute(url, f"DELETE FROM {table}")

    def close(self) -> None:
        run(self.office.close())
        self.access.close()

    def account(self, name: str, credits: int = 0) -> int:
        """A new account, with so many credits; its id."""
        self.access.accounts.put(name, plan="plus")
        if credits:
            self.add(name, credits)
        found = run(self.ledger.find_account(name))
        assert found is not None
        return int(found)

    def key(self) -> str:
        self._keys += 1
        return f"key {self._keys}"

    def add(self, name: str, credits: int) -> None:
        self.access.credits.add(name, credits, key=self.key())

    def use(self, name: str, credits: int) -> None:
        assert self.access.consume(name, "calls", credits, key=self.key())

    def watcher(self, *finders: Finder, **bounds: int) -> Watcher:
        return Watcher(self.ledger, self.office, clock=self.clock, finders=finders, **bounds)

    def look(self, watcher: Watcher | None = None) -> int:
        """Settle, and look until there is nothing new; how many accounts were looked at."""
        self.access.settle()
        return look(watcher or self.watcher())

    def alerts(self, *alerts: Alert) -> None:
        for alert in alerts:
            run(self.office.put_alert(alert))

    def messages(self, account: int | None = None) -> list[Message]:
        return list(run(self.office.messages(account=account)))

    def types(self, account: int | None = None) -> list[str]:
        return [message.type for message in self.messages(account)]

    def told(self, accounts: Sequence[int]) -> list[Told]:
        """What was told of these accounts' balances."""
        return sorted((read(one) for one in self.messages() if one.account in accounts), key=repr)

    def expected(self, accounts: Sequence[int], alerts: Sequence[Alert]) -> list[Told]:
        """The same by adding up their books from the first row on."""
        found = []
        for account in accounts:
            rows = run(self.ledger.statement(account, limit=100_000)).rows
            found += told_by_adding_up(account, rows, alerts)
        return sorted(found, key=repr)


def look(watcher: Watcher) -> int:
    """Steps until nothing is new."""
    looked = 0
    while done := run(watcher.step()):
        looked += done
    return looked


def endpoint(id: str = "ep", **more: Any) -> Endpoint:
    return Endpoint(id, "https://shop.example/hook", (), **more)


def read(message: Message) -> Told:
    data, parts = json.loads(message.data), json.loads(message.key.partition(":")[2])
    balance = data["balance"].get("micro_credits", data["balance"].get("units"))
    return message.type, data.get("alert"), message.account, data["measure"], parts[-1], balance


def told_by_adding_up(account: int, rows: Sequence[StatementRow], alerts: Sequence[Alert]) -> list[Told]:
    """The oracle: deltas added up, cause by cause."""
    told: list[Told] = []
    balances: dict[str, int] = {}
    for cause in dict.fromkeys(row.cause for row in rows):
        before = dict(balances)
        last: dict[str, int] = {}
        for one in rows:
            if one.cause == cause and one.lot and one.delta:
                balances[one.measure] = balances.get(one.measure, 0) + one.delta
                last[one.measure] = one.number
        for measure, number in last.items():
            was, now = before.get(measure, 0), balances[measure]
            for alert in alerts:
                mine = alert.account in (0, account) and (alert.kind, alert.of) == ("balance", measure)
                if mine and was > alert.at and now <= alert.at:
                    told.append(("balance.below", alert.name, account, measure, number, now))
            if was > 0 and now == 0:
                told.append(("balance.exhausted", None, account, measure, number, now))
    return told
