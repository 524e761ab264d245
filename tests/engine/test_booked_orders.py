"""An order that is booked and cannot come into force now: its error says so, whatever keeps it; opening is not kept."""

from __future__ import annotations

import pytest

import spillover
from spillover.engine.drive import drive
from spillover.model import errors
from spillover.model.errors import BOOKED, AccountShut, Contended, PartUnavailable, StoreFull, StoreUnavailable
from tests.http_api.inside import inside
from tests.support import clock, policy

CAUSES = [StoreFull, StoreUnavailable, PartUnavailable, AccountShut, Contended, errors.ClockAhead]


class Refusing:
    """A hot store that takes nothing for as long as there is a cause."""

    def __init__(self, monkeypatch, store):
        self._commit, self.cause = store.commit, None
        monkeypatch.setattr(store, "commit", self.commit)

    async def commit(self, *batch):
        if self.cause is not None:
            raise self.cause("it says why")
        return await self._commit(*batch)


@pytest.mark.parametrize("cause", CAUSES)
def test_an_order_that_cannot_come_into_force_is_booked_and_says_so_and_is_done_once(cause, monkeypatch):
    with spillover.connect("memory://", policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
        lot = access.credits.add("acme", 10, key="first").id
        refusing = Refusing(monkeypatch, access.desk.store)
        orders = [
            lambda: access.credits.add("acme", 7, key="order"),
            lambda: access.lots.revoke("acme", lot, key="revoke"),
            lambda: access.limits.set("acme", "video.seconds", "daily", 9, key="limit"),
            lambda: access.accounts.suspend("acme", reason="fraud"),
        ]
        for order in orders:
            refusing.cause = cause
            with pytest.raises(cause) as refused:
                order()
            assert str(refused.value) == f"{BOOKED}: it says why"
            assert type(refused.value) is cause
            refusing.cause = None
            order()
            order()
        assert access.balance("acme").measures[0].available == 7_000_000
        assert not access.consume("acme", "video.seconds", 1)
        access.settle()
        assert len(drive(access.desk.ledger.unpushed(9))) == 0


def test_what_fell_due_and_has_no_room_keeps_nobody_from_the_overview(monkeypatch):
    turning = clock()
    with spillover.connect("memory://", policy=policy(), clock=turning, settle=False) as access:
        access.accounts.put("acme", plan="plus")
        access.accounts.plan("acme", "free", when=turning() + 1_000)
        turning.turn(seconds=2)
        Refusing(monkeypatch, access.desk.store).cause = StoreFull
        assert access.overview("acme").account == "acme"


def test_a_request_of_a_stranger_that_cannot_be_decided_does_not_say_that_it_is_booked(monkeypatch):
    with spillover.connect("memory://", policy=policy(STRANGERS), clock=clock(), settle=False) as access:
        Refusing(monkeypatch, access.desk.store).cause = StoreFull
        with pytest.raises(StoreFull, match=r"^it says why"):
            access.consume("new", "chat.messages")


STRANGERS = """
spillover: 1
features: {chat.messages: {unit: message, count: requests, price: {credits: 5}}}
plans:
  free:
    rules:
      - for: [chat.messages]
        waterfall: [{from: allowance, windows: [{name: daily, max: 3, every: day, in: UTC}]}]
default_plan: free
"""


@pytest.mark.parametrize("cause", [StoreFull, StoreUnavailable, Contended])
def test_what_cannot_come_into_force_keeps_nobody_from_opening(cause, tmp_path, monkeypatch):
    from spillover.stores.sqlite.hot import SQLiteHotStore

    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with spillover.connect(url, policy=policy(), settle=False) as access, monkeypatch.context() as broken:
        access.accounts.put("acme", plan="plus")
        Refusing(broken, access.desk.store).cause = StoreFull
        with pytest.raises(StoreFull):
            access.credits.add("acme", 7, key="order")
    commit = SQLiteHotStore.commit

    async def refused(*_):
        raise cause("it says why")

    monkeypatch.setattr(SQLiteHotStore, "commit", refused)
    with spillover.connect(url, settle=False) as access:
        assert access.balance("acme").measures[0].available == 0  # booked, not in force
        assert len(drive(access.desk.ledger.unpushed(9))) == 1
        monkeypatch.setattr(SQLiteHotStore, "commit", commit)
        access.settle()
        assert access.balance("acme").measures[0].available == 7_000_000


def test_over_http_an_order_that_is_booked_says_so_too(monkeypatch):
    async def scene(ask, service, clock):
        await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "plus"})
        refusing = Refusing(monkeypatch, service.desk.store)
        refusing.cause, order = StoreFull, {"account": "acme", "credits": "7", "key": "order"}
        answer = await ask("POST", "/v1/credits/add", order)
        assert (answer.status, answer.json["type"]) == (503, "urn:spillover:problem:store-full")
        assert answer.json["detail"] == f"{BOOKED}: it says why"
        refusing.cause = None
        assert (await ask("POST", "/v1/credits/add", order)).status == 200

    inside(scene)
