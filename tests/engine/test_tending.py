"""What falls due when it cannot be done, or when two engines see to it: nobody waits, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import spillover
from spillover.access.clock import TurnableClock
from spillover.audit import audit
from spillover.engine import tending
from spillover.engine.drive import drive
from spillover.model.errors import Contended, StoreError, StoreUnavailable
from spillover.ports import Grant
from tests.engine.houses import clock, credits_of, policy

MESSAGES = "messages"
TEXT = """
spillover: 1
default_plan: free
features:
  messages: {unit: message, count: requests, price: {credits: 1}}
plans:
  free:
    rules: [{for: [messages], waterfall: [{from: allowance, windows: [{name: daily, max: 9, every: day, in: UTC}]}]}]
  plus:
    gives:
      - {name: monthly, credits: 100, every: month, in: UTC, rollover: {max: 50, expires: 10d}}
      - {name: welcome, credits: 50, once: true, expires: 60d}
    rules: [{for: [messages], waterfall: [{from: credits}]}]
"""
LOTS_MAX = 256


class House:
    """A file, and engines over it that each have a clock of their own."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self._stack, self._url = path, stack, f"sqlite:///{path}"

    def engine(self, text: str = TEXT) -> tuple[Any, TurnableClock]:
        turning = clock()
        options: dict[str, Any] = {"policy": policy(text), "clock": turning, "settle": False}
        return self._stack.enter_context(spillover.connect(self._url, **options)), turning

    def two(self) -> tuple[Any, Any, TurnableClock, TurnableClock]:
        (one, here), (other, there) = self.engine(), self.engine()
        return one, other, here, there

    def is_whole(self) -> bool:
        return audit(str(self.path), processes=1).ok


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(tmp_path / "x.db", stack)


class Meanwhile:
    """The ledger of an engine's tending; before the `nth` call of one method something else happens."""

    def __init__(self, access: Any, method: str, happens: Callable[[], object], nth: int = 1) -> None:
        self._inner, self._method, self._happens = access._desk.tending._ledger, method, happens
        self.left = nth
        access._desk.tending._ledger = self

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        async def method(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                self._happens()
            return await found(*args, **options)

        return method


def reasons(access: Any, account: str = "acme") -> list[str]:
    """Why the account's terms changed, by the events with which they came into force."""
    access.settle(tend=False)
    number = drive(access._desk.account(account))
    rows = drive(access._desk.ledger.events(account=number)).rows
    return [row.event.reason for row in rows if row.event.kind == "terms"]


def full(access: Any, name: str, *, but: int = 0) -> None:
    """As many lots as an account may have, less some."""
    for number in range(LOTS_MAX - but - len(access.lots.list(name))):
        access.credits.add(name, "1", key=f"{number}")


def gifts(access: Any, name: str = "acme") -> list[int]:
    return [lot.granted // 1_000_000 for lot in access.lots.list(name)]


def test_gifts_that_an_account_has_no_room_for_are_passed_over_and_it_and_all_others_go_on(house):
    access, turning = house.engine()
    for name in ("acme", "bolt", "cove"):
        access.accounts.put(name, "free")
    full(access, "acme")
    for name in ("acme", "bolt", "cove"):
        access.accounts.plan(name, "plus", when=turning() + 1000)
    turning.turn(seconds=1)
    assert access.tend() == 3
    assert access.tend() == 0, "what was passed over is not due any more"
    assert access.consume("acme", MESSAGES)
    assert credits_of(access)[0] == 255_000_000
    assert credits_of(access, "bolt")[0] == credits_of(access, "cove")[0] == 150_000_000
    for name in ("monthly", "welcome"):
        (said,) = [reason for reason in reasons(access) if f"plus/{name}" in reason]
        assert said.startswith(f"gift of plan plus/{name} passed over: live lots of the account: found 257")
    assert house.is_whole()


def test_a_gift_that_was_passed_over_once_comes_with_its_next_period_when_there_is_room(house):
    access, turning = house.engine()
    access.accounts.put("acme", "plus")
    for number in range(100):
        access.credits.add("acme", "1", key=f"soon {number}", expires=turning() + 40 * 86_400_000)
    full(access, "acme")
    turning.turn(days=30)  # the first month's lot rolls over into a new one; there is no room for the second's
    assert access.consume("acme", MESSAGES)
    assert gifts(access)[:2] == [100, 50]
    assert 100 not in gifts(access)[2:]
    turning.turn(days=30)
    assert access.consume("acme", MESSAGES)
    assert gifts(access)[2:].count(100) == 1
    access.settle()
    assert house.is_whole()


def test_a_gift_comes_before_the_first_request_even_behind_the_ends_of_all_lots(house):
    access, turning = house.engine()
    access.accounts.put("acme", "plus")
    for number in range(LOTS_MAX - 2):
        access.credits.add("acme", "1", key=f"{number}", expires=turning() + 60_000)
    access.lots.revoke("acme", 2, key="no welcome")
    turning.turn(days=60)
    assert access.consume("acme", MESSAGES)
    assert credits_of(access)[0] == 149_000_000, "of this month, and what rolled over, less a message"
    access.settle()
    assert house.is_whole()


def test_a_lot_for_whose_rollover_there_is_no_room_expires_whole(house):
    access, turning = house.engine()
    access.accounts.put("acme", "plus")
    month = access.lots.list("acme")[0].lot
    turning.set(month.expires + 5000)
    drive(access._desk.accounts.add_lot("acme", _late("first"), at=turning()))  # the ended lot leaves the profile
    for number in range(LOTS_MAX - 2):
        drive(access._desk.accounts.add_lot("acme", _late(f"{number}"), at=turning()))
    assert len(drive(access._desk.ledger.profile(drive(access._desk.account("acme")))).lots) == LOTS_MAX
    assert access.consume("acme", MESSAGES)
    assert any(reason.startswith("expired, nothing rolled over: live lots") for reason in reasons(access))
    rows = access.statement("acme").rows
    assert [row.delta for row in rows if row.kind in ("expire", "rollover")] == [-100_000_000]
    assert house.is_whole()


def _late(key: str) -> Grant:
    return spillover.engine.accounts.credit_grant("1", key=key)


@pytest.mark.parametrize("nth", [1, 2], ids=["before the monthly one", "before the one that comes once"])
def test_a_gift_that_another_engine_gives_meanwhile_is_given_once_and_nobody_meets_an_error(house, nth):
    one, other, here, there = house.two()
    one.accounts.put("acme", "free")
    one.accounts.plan("acme", "plus", when=here() + 1000)
    here.turn(seconds=1)
    there.turn(seconds=1, milliseconds=5)
    gap = Meanwhile(one, "grant", lambda: other.consume("acme", MESSAGES, key="b"), nth)
    assert one.consume("acme", MESSAGES, key="a")
    assert gap.left <= 0
    assert gifts(one) == [100, 50]
    assert not [reason for reason in reasons(one) if "passed over" in reason]
    assert house.is_whole()


@pytest.mark.parametrize("order", ["change", "grant"])
def test_two_engines_with_two_policies_see_to_a_lots_end_and_the_next_gift_once(house, order):
    one, other, here, there = house.two()
    one.accounts.put("acme", "plus")
    here.turn(days=30)
    there.turn(days=30, milliseconds=3)
    changed = TEXT.replace("credits: 100", "credits: 120").replace("max: 50", "max: 60")
    other.policies.publish(policy(changed))
    gap = Meanwhile(one, order, lambda: other.consume("acme", MESSAGES, key="b"))
    assert one.consume("acme", MESSAGES, key="a")
    assert one.consume("acme", MESSAGES, key="a")
    assert gap.left <= 0
    assert gifts(one)[:2] == [100, 50]
    assert len(gifts(one)) == 4, "one month, the welcome, one rollover, one more month"
    one.settle()
    assert house.is_whole()


def test_a_gift_whose_key_gave_another_before_is_passed_over_and_falls_due_no_more(house):
    daily = TEXT.replace("every: month, in: UTC", "every: day, in: UTC")
    access, turning = house.engine(daily)
    turning.turn(days=29, hours=15)  # midnight at which a month begins
    access.accounts.put("acme", "plus")
    access.policies.publish(policy(TEXT))
    turning.turn(days=1)
    assert access.consume("acme", MESSAGES)
    assert gifts(access)[:2] == [100, 50]
    assert 100 not in gifts(access)[2:]
    assert [reason for reason in reasons(access) if "given under the same key before" in reason]
    assert access.tend() == 0
    assert house.is_whole()


def test_a_plan_change_of_the_customer_is_not_undone_by_who_saw_a_scheduled_one_before(house):
    one, other, here, there = house.two()
    one.accounts.put("acme", "free")
    one.accounts.plan("acme", "plus", when=here() + 1000)
    here.turn(seconds=1)
    there.turn(seconds=1)
    gap = Meanwhile(one, "put_account", lambda: (other.tend(), other.accounts.put("acme", "free", reason="back")))
    assert one.consume("acme", MESSAGES)
    assert gap.left <= 0
    assert one.balance("acme").plan == "free"
    assert reasons(one).count("scheduled plan") == 1
    assert house.is_whole()


def test_a_scheduled_plan_that_is_dropped_meanwhile_does_not_come(house):
    one, other, here, _ = house.two()
    one.accounts.put("acme", "free")
    one.accounts.plan("acme", "plus", when=here() + 1000)
    here.turn(seconds=1)
    gap = Meanwhile(one, "put_account", lambda: other.accounts.plan("acme", "free"))
    assert one.consume("acme", MESSAGES)
    assert gap.left <= 0
    assert one.balance("acme").plan == "free"
    assert gifts(one) == []


@pytest.mark.parametrize("trouble", [Contended("changed"), StoreError("damaged")], ids=str)
def test_what_keeps_one_account_from_being_looked_after_keeps_no_other_and_is_told(house, trouble, monkeypatch):
    access, turning = house.engine()
    names = ["acme", "bolt", "cove"]
    for name in names:
        access.accounts.put(name, "free")
        access.accounts.plan(name, "plus", when=turning() + 1000)
    turning.turn(seconds=1)
    ids = {drive(access._desk.account(name)): name for name in names}
    first, *rest = sorted(ids)
    _fails(access, first, trouble)
    monkeypatch.setattr(tending, "ACCOUNTS_MAX", 1)
    for _ in rest:
        with pytest.raises(type(trouble), match=str(trouble)):
            access.tend()
        with pytest.raises(type(trouble)):
            access.tend()
    assert [access.balance(ids[account]).plan for account in rest] == ["plus", "plus"]
    assert [credits_of(access, ids[account])[0] for account in rest] == [150_000_000] * 2


def test_a_database_that_cannot_be_used_ends_the_round_at_once(house):
    access, turning = house.engine()
    for name in ("acme", "bolt"):
        access.accounts.put(name, "free")
        access.accounts.plan(name, "plus", when=turning() + 1000)
    turning.turn(seconds=1)
    seen = _fails(access, None, StoreUnavailable("locked"))
    with pytest.raises(StoreUnavailable):
        access.tend()
    assert len(seen) == 1, "each account would wait as long as the first"


def _fails(access: Any, account: int | None, trouble: Exception) -> list[int]:
    """The profile of one account (None: of any) cannot be read by the engine's tending; whose were asked for."""
    inner, seen = access._desk.tending._ledger, list[int]()

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        async def profile(self, wanted: int) -> Any:
            seen.append(wanted)
            if account in (None, wanted):
                raise trouble
            return await inner.profile(wanted)

    access._desk.tending._ledger = Failing()
    return seen


class Killed(BaseException):
    """A process ends here."""


@pytest.mark.parametrize("rolls", [True, False])
def test_what_an_engine_ahead_has_ordered_comes_into_force_no_earlier_by_whichever_clock(house, rolls, monkeypatch):
    one, other, here, there = house.two()
    one.accounts.put("acme", "plus" if rolls else "free")
    ends = one.lots.list("acme")[0].lot.expires if rolls else here() + 54_000_000
    if not rolls:
        one.credits.add("acme", "10", key="g", expires=ends)
    here.set(ends)
    there.set(ends - 5)
    pushes, real = [], tending.push_terms

    async def killed(*args: Any, **options: Any) -> int:
        pushes.append(options)
        if len(pushes) == 2:
            raise Killed
        return await real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tending, "push_terms", killed)
        with pytest.raises(Killed):
            one.tend()
    other.settle()
    there.turn(seconds=10)
    other.settle()
    number = drive(other._desk.account("acme"))
    (ended,) = [row.event for row in drive(other._desk.ledger.events(account=number)).rows if row.event.moves]
    assert ended.at == ends, "not by the clock of who pushed it"
    assert house.is_whole()


def test_what_was_ordered_for_an_earlier_instant_comes_into_force_now(house):
    access, turning = house.engine()
    access.accounts.put("acme", "free")
    planned = turning() + 1000
    access.accounts.plan("acme", "plus", when=planned)
    turning.turn(hours=1)
    access.settle()
    number = drive(access._desk.account("acme"))
    rows = drive(access._desk.ledger.events(account=number)).rows
    assert [row.event.at for row in rows if row.event.reason == "scheduled plan"] == [turning()]
