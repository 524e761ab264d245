"""Many accounts read together: as few statements as for one, and the same told as where each is read alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from spillover.bootstrap.topping import topup_finders
from spillover.engine.drive import drive as run
from spillover.model.errors import StoreError, StoreUnavailable, UnknownName
from spillover.notices.watching import Watcher
from spillover.ports import News, Since
from spillover.ports.notices import Alert, Message
from tests.notices.watch_apart import Beside, Singly, known
from tests.notices.watch_books import LOW, LOWER, Shop, endpoint, look
from tests.notices.watch_dying import Counted, CountedDesk

MOST = Alert("most", 0, "window", "images/daily", 50)
NAMES = (f"account {number}" for number in count())
MANY = 100


@pytest.fixture
def shop(url: str) -> Iterator[Shop]:
    opened = Shop(url)
    look(opened.watcher())
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Any) -> Iterator[Shop]:
    opened = Shop(f"sqlite:///{tmp_path / 'books.db'}")
    look(opened.watcher())
    yield opened
    opened.close()


def use_images(shop: Shop, names: Sequence[str], times: int = 1) -> None:
    asked = [
        {"account": name, "feature": "images", "subject": "ada", "key": shop.key()}
        for name in names
        for _ in range(times)
    ]  # fmt: skip
    shop.access.consume_many(asked)


def new_accounts(shop: Shop, number: int) -> list[str]:
    names = [next(NAMES) for _ in range(number)]
    for name in names:
        shop.account(name, 11)
    return names


class CountedStatements(CountedDesk):
    """A desk where each statement is counted, and each transaction as two more."""

    def read(self, work: Callable[[Any], Any]) -> Any:
        self._step()
        self._step()
        return self._desk.read(lambda tables: work(Counted(tables, self._step)))

    def write(self, work: Callable[[Any], Any]) -> Any:
        self._step()
        return super().write(work)


def statements(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many one step needs, all that it asks of the books and of the office."""
    sent: list[int] = []
    with monkeypatch.context() as patched:
        for one, desk in ((shop.office, "_desk"), (shop.ledger, "_reads")):
            patched.setattr(one, desk, CountedStatements(getattr(one, desk), lambda: sent.append(1)))
        assert run(shop.watcher(*topup_finders(shop.office, shop.ledger, shop.clock)).step()) == MANY
    return len(sent)


def test_a_hundred_accounts_are_read_and_moved_in_few_statements(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.alerts(LOW, MOST)
    run(shop.office.put_endpoint(endpoint()))
    names = new_accounts(shop, MANY)
    shop.look()
    use_images(shop, names)
    shop.access.settle()
    assert statements(shop, monkeypatch) <= 40
    assert shop.types() == ["balance.below"] * MANY


def go_on(shop: Shop, names: Sequence[str], chance: random.Random) -> None:
    """Whatever may happen to accounts, some of it in one batch."""
    for name in chance.sample(names, chance.randint(1, len(names))):
        match chance.randrange(6):
            case 0:
                shop.add(name, chance.randint(1, 12))
            case 1:
                use_images(shop, [name], chance.randint(1, 6))
            case 2:
                shop.access.open_hold(name, "calls", 1, key=shop.key(), subject="ada", lasts=60_000)
            case _:
                shop.access.consume(name, "calls", chance.randint(1, 4), key=shop.key())
        if not chance.randrange(4):
            shop.access.settle()
    if not chance.randrange(3):
        shop.clock.turn(minutes=chance.choice((5, 5, 300)))
        shop.access.tend()
    shop.access.settle()


@pytest.mark.parametrize("seed", range(2))
def test_what_is_told_of_accounts_read_together_is_told_of_each_read_alone(
    shop: Shop, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spillover.notices.watching.CELLS_TOGETHER", 9)
    monkeypatch.setattr("spillover.notices.watching.ROWS_TOGETHER", 40)
    chance = random.Random(seed)
    shop.alerts(LOW, LOWER, MOST)
    names = new_accounts(shop, 7)
    together = [Beside(shop, shop.ledger), Beside(shop, shop.ledger, rows=3, accounts=5)]
    alone = Beside(shop, Singly(shop.ledger), accounts=1)
    for _ in range(8):
        go_on(shop, names, chance)
        alone.look()
        together[0].look()
        if not chance.randrange(3):
            together[1].look()
    shop.access.accounts.erase(names[0])
    go_on(shop, names[1:], chance)
    for one in (alone, *together):
        one.look()
    told = alone.told()
    assert together[0].told() == told
    types = [one.type for messages in told.values() for one in messages]
    assert {"balance.below", "window.filled", "hold.expired"} <= set(types)
    # It looks when it comes to it: all of the books, but of windows how they stand then.
    assert without_windows(together[1]) == without_windows(alone) != {}


def without_windows(one: Beside) -> dict[int, list[str]]:
    return {
        account: sorted(message.key for message in messages if message.type != "window.filled")
        for account, messages in one.told().items()
    }


class Watching:
    """A ledger that says what groups of accounts were asked for, and answers as it is told to."""

    def __init__(self, ledger: Any, answer: Callable[[Sequence[int]], None] = lambda _: None) -> None:
        self._ledger, self._answer = ledger, answer
        self.groups: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def news(self, wanted: Sequence[Since]) -> dict[int, News]:
        self.groups.append([one.account for one in wanted])
        self._answer(self.groups[-1])
        found: dict[int, News] = await self._ledger.news(wanted)
        return found


def fallen(shop: Shop, number: int, each: int = 1) -> list[int]:
    names = new_accounts(shop, number)
    shop.look()
    for name in names:
        for _ in range(each):
            shop.use(name, 2)
    shop.access.settle()
    return sorted(run(shop.ledger.find_account(name)) for name in names)


def test_one_account_that_cannot_be_read_keeps_no_other_from_being_told_of(file: Shop) -> None:
    file.alerts(LOW)
    accounts = fallen(file, 6)

    def answer(group: Sequence[int]) -> None:
        if accounts[2] in group:
            raise StoreError("its terms cannot be read")

    ledger: Any = Watching(file.ledger, answer)
    watcher = Watcher(ledger, file.office, clock=file.clock)
    with pytest.raises(StoreError):
        run(watcher.step())
    assert run(watcher.step()) == 3
    assert sorted(one.account for one in file.messages()) == [*accounts[:2], *accounts[3:]]
    assert look(file.watcher()) == 1
    assert file.told(accounts) == file.expected(accounts, (LOW,))


def test_what_takes_too_long_to_read_together_is_read_in_smaller_groups(file: Shop) -> None:
    file.alerts(LOW)
    accounts = fallen(file, 6)

    def answer(group: Sequence[int]) -> None:
        if len(group) > 3:
            raise StoreUnavailable("no answer within 10 s")

    ledger: Any = Watching(file.ledger, answer)
    watcher = Watcher(ledger, file.office, clock=file.clock)
    with pytest.raises(StoreUnavailable):
        run(watcher.step())
    run(watcher.step())
    assert ledger.groups == [accounts, accounts[:3], accounts[3:]]
    assert file.told(accounts) == file.expected(accounts, (LOW,))


def test_a_group_has_its_bounds(file: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger: Any = Watching(file.ledger)
    accounts = fallen(file, 5, each=3)
    monkeypatch.setattr("spillover.notices.watching.ROWS_TOGETHER", 7)
    assert run(Watcher(ledger, file.office, clock=file.clock).step()) == 5
    assert ledger.groups == [accounts[:2], accounts[2:4], accounts[4:]]
    ledger.groups.clear()
    more = fallen(file, 5)
    monkeypatch.setattr("spillover.notices.watching.TOGETHER", 3)
    assert run(Watcher(ledger, file.office, clock=file.clock).step()) == 5
    assert ledger.groups == [more[:3], more[3:]]


def test_an_account_with_more_cells_than_a_group_reads_is_read_alone(
    file: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.alerts(MOST)
    names = new_accounts(file, 3)
    file.look()
    use_images(file, names, 5)
    for subject in ("bob", "eve", "mallory"):
        file.access.consume(names[0], "images", 1, subject=subject, key=file.key())
    file.access.settle()
    wide, *others = (run(file.ledger.find_account(name)) for name in names)
    most = {len(run(file.ledger.standing(one)).cells) for one in others}
    monkeypatch.setattr("spillover.notices.watching.CELLS_TOGETHER", *most)
    ledger: Any = Watching(file.ledger)
    assert run(Watcher(ledger, file.office, clock=file.clock).step()) == 3
    assert ledger.groups == [sorted((wide, *others)), [wide]]
    assert sorted(one.account for one in file.messages()) == sorted((wide, *others))


def test_a_cause_that_came_while_a_group_was_read_is_told_of_as_a_whole(file: Shop) -> None:
    file.alerts(LOW, LOWER)
    accounts = fallen(file, 2)
    file.look()
    name = run(file.ledger.account_name(accounts[0]))
    for _ in range(5):
        file.add(name, 2)
    file.look()
    for account in accounts:
        file.access.open_hold(run(file.ledger.account_name(account)), "calls", 1, key=file.key(), lasts=60_000)
    file.access.settle()

    def answer(group: Sequence[int]) -> None:
        if len(group) == 2:  # a draw of more rows than the account had when it was seen to have moved
            file.use(name, 17)
            file.access.settle()

    ledger: Any = Watching(file.ledger, answer)
    look(Watcher(ledger, file.office, clock=file.clock))
    assert ledger.groups == [accounts, accounts[:1]]
    assert file.told(accounts) == file.expected(accounts, (LOW, LOWER))


def test_news_of_an_account_that_never_was_are_refused(shop: Shop) -> None:
    account = run(shop.ledger.find_account(new_accounts(shop, 1)[0]))
    one = known(shop, account)
    assert run(shop.ledger.news([one])).keys() == {account}
    with pytest.raises(UnknownName):
        run(shop.ledger.news([one, Since(5, 0, 0, 0, 1)]))


def test_of_messages_with_one_key_the_first_is_written(shop: Shop) -> None:
    first, second, other = (Message(key, 5, "topup.wanted", at, b"{}") for key, at in (("a", 1), ("a", 2), ("b", 3)))
    assert [one.at for one in run(shop.office.put_messages([first, second, other], 1))] == [1, 3]
    assert [one.at for one in run(shop.office.put_messages([second, other], 1))] == []
    assert [(one.number, one.at) for one in shop.messages()] == [(1, 1), (2, 3)]
