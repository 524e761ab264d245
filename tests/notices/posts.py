"""A post office for tests: an office in memory, an engine whose accounts messages are about, a clock that is turned."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import spillover
from spillover.engine.drive import drive
from spillover.notices.delivery import Delivery
from spillover.notices.desk import Books, NoticeDesk
from spillover.notices.sending import Rules
from spillover.office.sqlite import SQLiteOffice
from spillover.ports.notices import Message, Sending
from tests.support import clock, policy


class Post:
    """`desk` changes things, `deliver` sends what is due now."""

    def __init__(self, path: str | None = None, **rules: Any) -> None:
        self.clock, self.notices, self._count = clock(), SQLiteOffice(path), 0
        self.access = spillover.connect("memory://", policy=policy(), clock=self.clock, settle=False)
        self.ledger = self.access.desk.ledger
        for name in ("acme", "other"):
            self.access.accounts.put(name, plan="plus")
        books = Books(
            lambda name: drive(self.ledger.find_account(name)), lambda id: drive(self.ledger.account_name(id)),
            lambda: self.access.policy,
        )  # fmt: skip
        self.rules = Rules(**{"allow_private": True, "seconds": 5.0, **rules})
        self.desk = NoticeDesk(self.notices, books, self.clock, allow_private=True)
        self.worker = self.another()

    def another(self, chance: float = 0.0) -> Delivery:
        return Delivery(self.notices, self.ledger, self.clock, self.rules, chance=lambda: chance)

    def __enter__(self) -> Post:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        self.access.close()
        drive(self.notices.close())

    def add(self, url: str, **options: Any) -> str:
        return drive(self.desk.add(url, **options)).id

    def id(self, account: str) -> int:
        found = drive(self.ledger.find_account(account))
        assert found is not None
        return found

    def tell(self, account: str | None = "acme", type: str = "balance.below", **data: Any) -> Message:
        """A new message, due now."""
        self._count += 1
        about, now = self.id(account) if account else 0, self.clock()
        text = json.dumps(data).encode()
        (made,) = drive(self.notices.put_messages([Message(f"k{self._count}", about, type, now, text)], now))
        return made

    def deliver(self) -> Counter[str]:
        return self.worker.run()

    def sendings(self, *messages: Message) -> list[Sending]:
        return list(drive(self.notices.sendings([one.number for one in messages])))

    def endpoint(self, id: str) -> Any:
        return next(one for one in drive(self.desk.listed()).endpoints if one.id == id)

    def tries(self, message: Message, endpoint: str) -> list[Any]:
        (row,) = drive(self.desk.log(message=message.id)).messages
        return [each for one in row.sendings if one.endpoint == endpoint for each in one.tries]
