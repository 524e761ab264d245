"""A store that cannot be reached is asked once a batch: nobody waits for the time limits of others."""

from __future__ import annotations

from typing import Any

import pytest

import spillover
from spillover.model.errors import StoreUnavailable
from tests.support import clock, policy


class Away:
    """A store of which every call fails from some moment on, and how often it was asked since."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.away = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "shards":
            return found

        async def call(*values: Any, **named: Any) -> Any:
            if self.away:
                self.asked += 1
                raise StoreUnavailable("the store is away")
            return await found(*values, **named)

        return call


@pytest.mark.parametrize("remembered", [True, False])
def test_a_store_that_is_away_is_asked_once_however_many_requests_are_in_the_batch(remembered: bool) -> None:
    with spillover.connect("memory://", policy=policy(), clock=clock(), settle=False) as access:
        names = [f"a{number}" for number in range(40)]
        for name in names:
            access.accounts.put(name, plan="plus")
            if remembered:
                assert access.consume(name, "chat.messages")
        desk = access.desk
        store = Away(desk.store)
        desk.known._store = desk.deciding._store = desk.deciding.rounds._store = desk.tending._store = store
        store.away = True
        requests = [{"account": name, "feature": "chat.messages", "key": f"k {name}"} for name in names]
        for _ in range(2):
            before = store.asked
            try:
                answers = access.consume_many(requests)
            except StoreUnavailable:
                answers = []
            assert all(isinstance(answer, StoreUnavailable) for answer in answers)
            assert store.asked - before == 1
        store.away = False
        assert all(access.consume_many(requests))
        access.settle()
