"""Many accounts at once: moved together, none kept by another, and a rest that lets a backlog go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest

from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.noticing import IDLE_SECONDS, Noticing, Worker
from spillover.engine.drive import drive as run
from spillover.model.errors import InvalidInput, StoreUnavailable
from spillover.notices.sending import Rules
from spillover.notices.watching import Found, Look, Watcher, rest_s
from spillover.ports.notices import Advance, Message
from tests.notices.watch_books import LOW, Shop, look
from tests.notices.watch_dying import CountedDesk


@pytest.fixture
def shop(tmp_path: Any) -> Iterator[Shop]:
    opened = Shop(f"sqlite:///{tmp_path / 'books.db'}")
    look(opened.watcher())
    opened.alerts(LOW)
    yield opened
    opened.close()


def fallen(shop: Shop, count: int) -> list[int]:
    """New accounts, each with something to tell of it."""
    accounts = [shop.account(f"account {number}", 12) for number in range(count)]
    for number in range(count):
        shop.use(f"account {number}", 5)
    shop.access.settle()
    return sorted(accounts)


def counting(shop: Shop, transactions: list[int]) -> None:
    desk = shop.office._desk

    class Counting(CountedDesk):
        def write(self, work: Callable[[Any], Any]) -> Any:
            transactions.append(1)
            return desk.write(work)

    shop.office._desk = Counting(desk, lambda: None)


def test_all_accounts_of_a_step_are_moved_in_one_transaction_with_what_is_told(shop: Shop) -> None:
    accounts, transactions = fallen(shop, 5), list[int]()
    counting(shop, transactions)
    assert run(shop.watcher().step()) == 5
    assert len(transactions) == 1
    assert shop.told(accounts) == shop.expected(accounts, (LOW,))
    assert len(shop.messages()) == 5


def test_a_transaction_has_its_bound(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts, transactions = fallen(shop, 5), list[int]()
    counting(shop, transactions)
    monkeypatch.setattr("spillover.notices.watching.WEIGHT", 2)
    assert run(shop.watcher().step()) == 5
    assert len(transactions) == 3
    assert shop.told(accounts) == shop.expected(accounts, (LOW,))


def test_what_cannot_be_written_for_one_account_is_all_that_is_not_written(shop: Shop) -> None:
    accounts = fallen(shop, 5)

    def never(_: Any) -> Sequence[Message]:
        raise InvalidInput("pack", "none", "one")

    async def finder(looks: Sequence[Look]) -> list[Found]:
        return [Found((), [never] if look.account == accounts[2] else ()) for look in looks]

    watcher = shop.watcher(finder)
    with pytest.raises(InvalidInput):
        run(watcher.step())
    assert sorted(one.account for one in shop.messages()) == [*accounts[:2], *accounts[3:]]
    assert look(shop.watcher()) == 1
    assert shop.told(accounts) == shop.expected(accounts, (LOW,))


def test_what_takes_too_long_together_is_written_in_smaller_parts(shop: Shop) -> None:
    accounts, desk, sizes = fallen(shop, 5), shop.office, list[int]()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk, name)

        async def advance_all(self, steps: Sequence[Advance], at: int) -> int:
            sizes.append(len(steps))
            if len(steps) > 2:
                raise StoreUnavailable("no answer within 10 s")
            return int(await desk.advance_all(steps, at))

    watcher = Watcher(shop.ledger, Slow(), clock=shop.clock)
    for _ in range(4):
        with suppress(StoreUnavailable):
            run(watcher.step())
    assert sizes[:2] == [5, 2]
    assert shop.told(accounts) == shop.expected(accounts, (LOW,))


def test_a_watcher_rests_as_long_as_it_looked_while_others_wait(shop: Shop) -> None:
    assert [rest_s(took, full=True) for took in (0.02, 0.5)] == [0.02, 0.5]


def test_a_worker_with_a_backlog_does_not_rest_as_one_that_is_idle(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fallen(shop, 6)
    monkeypatch.setattr("spillover.bootstrap.noticing.ACCOUNTS", 2)
    monkeypatch.setattr("spillover.notices.watching.Watcher.step", _full)
    worker, waits, ended = Worker(address_of(shop.url), Rules()), list[float](), Event()

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            ended.set()
            return super().wait(timeout)

    stop = Stop()
    thread = Thread(target=Noticing(worker).run, args=(stop,))
    thread.start()
    assert ended.wait(30)
    stop.set()
    thread.join(30)
    assert waits[0] < IDLE_SECONDS


async def _full(_: object) -> int:
    return 2
