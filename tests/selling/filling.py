"""What the tests of automatic top-ups share: books, an office that may be cut off, the watcher, and who charges."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import spillover
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_office
from spillover.bootstrap.topping import topup_desk, topup_finders
from spillover.engine.drive import drive
from spillover.notices.watching import Watcher
from spillover.ports.sales import TopUp
from spillover.selling.charging import Charged, Charging
from spillover.selling.topup_desk import TopUpDesk
from tests.servers import Databases
from tests.support import clock as new_clock
from tests.support import policy

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
POLICY = """
spillover: 1
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  video.seconds: {unit: second, count: seconds, price: {credits: 10}}
packs:
  small: {credits: 100, price: "9.00 EUR", expires: 365d}
  tiny: {credits: 5, price: "0.90 EUR"}
  clips: {units: 60, of: video.seconds, price: "12.00 EUR"}
plans:
  plus:
    rules:
      - for: [chat.messages]
        waterfall: [{from: credits}]
      - for: [video.seconds]
        waterfall: [{from: units}, {from: credits}]
"""


class Killed(BaseException):
    """A worker that was killed: nothing in its program catches it."""


class Cut:
    """A desk of the office that is cut off at its `at`th call: amid its transaction, or after it."""

    def __init__(self, desk: Any, at: int = 0, when: str = "") -> None:
        self._desk, self._left, self._when = desk, at, when
        self.calls = 0

    def read(self, work: Callable[[Any], Any]) -> Any:
        return self._count(self._desk.read, work)

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self._count(self._desk.write, work)

    def _count(self, way: Callable[[Any], Any], work: Callable[[Any], Any]) -> Any:
        self.calls += 1
        if self.calls != self._left:
            return way(work)

        def cut(tables: Any) -> Any:
            work(tables)
            raise Killed

        if self._when == "amid":
            return way(cut)
        way(work)
        raise Killed


class Till:
    """Who charges: each key once, however often it is asked. `says`: what becomes of the next charges, else paid."""

    def __init__(self) -> None:
        self.charged: dict[str, str] = {}
        self.asked: list[str] = []
        self.says: list[Charged | BaseException] = []

    def __call__(self, order: TopUp, name: str) -> Charged:
        self.asked.append(order.key)
        said = self.says.pop(0) if self.says else None
        if isinstance(said, Charged):
            return said
        if not isinstance(said, Exception):  # who is killed may be killed after the charge
            self.charged.setdefault(order.key, f"ch_{len(self.charged)} {name} {order.pack.paid}")
        if said is not None:
            raise said
        return Charged("paid", self.charged[order.key].partition(" ")[0])


class Filling:
    """A shop whose accounts are topped up."""

    def __init__(self, url: str, *accounts: str) -> None:
        self.url, self.clock, self.till = url, new_clock(), Till()
        self.access = spillover.connect(url, policy=policy(POLICY), clock=self.clock, settle=False)
        self.office: Any = open_office(address_of(url), 10_000)
        for name in accounts:
            self.access.accounts.put(name, "plus")
        self.watch()

    @property
    def ledger(self) -> Any:
        return self.access.desk.ledger

    @property
    def desk(self) -> TopUpDesk:
        return topup_desk(self.office, self.ledger, lambda: self.access.policy, self.clock)

    def ask(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        return drive(work(self.office))

    def set(self, name: str, below: object = "10", pack: str = "small", most: int = 3) -> None:
        drive(self.desk.set(name, below, pack, most))

    def id(self, name: str) -> int:
        return int(drive(self.ledger.find_account(name)))

    def give(self, name: str, credits: str, key: str) -> None:
        self.access.credits.add(name, credits, key=key)
        self.access.settle()

    def spend(self, name: str, messages: int, key: str) -> None:
        """So many times five credits."""
        for number in range(messages):
            assert self.access.consume(name, "chat.messages", key=f"{key}-{number}")
        self.access.settle()

    def watch(self, office: Any = None) -> None:
        """Everything that the watcher has to see now."""
        notices = office or self.office
        finders = topup_finders(notices, self.ledger, self.clock)
        watcher = Watcher(self.ledger, notices, clock=self.clock, finders=finders)
        while drive(watcher.step()):
            pass

    def charging(self, office: Any = None, charge: Any = "till") -> Charging:
        using = office or self.office
        return Charging(lambda work: drive(work(using)), self.access, self.till if charge == "till" else charge)

    def charge(self, **options: Any) -> int:
        done = self.charging(**options).step()
        self.access.settle()
        return done

    def orders(self, name: str) -> list[TopUp]:
        """The oldest first."""
        return list(reversed(self.ask(lambda office: office.topups(self.id(name)))))

    def states(self, name: str) -> list[str]:
        return [order.state for order in self.orders(name)]

    def told(self, name: str) -> list[tuple[str, str]]:
        """Types and keys of what was told of top-ups."""
        found = self.ask(lambda office: office.messages(account=self.id(name)))
        return [(one.type, one.key) for one in found if one.type.startswith("topup.")]

    def close(self) -> None:
        drive(self.office.close())
        self.access.close()


def filling_on(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[Filling]:
    """One on the rung that a fixture's `param` names: a file, or the fixture of a server."""
    if request.param == "sqlite":
        found = Filling(f"sqlite:///{folders.mktemp('filling')}/books.db")
        yield found
        found.close()
        return
    server: Databases = request.getfixturevalue(request.param)
    url = server.new_database()
    found = Filling(url)
    yield found
    found.close()
    server.drop_database(url)
