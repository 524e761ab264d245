"""A network that loses answers: the same decision and one event, whoever asks again; one booking, whoever settles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spillover.engine.drive import drive
from spillover.model.errors import KeyReused, StoreUnavailable
from spillover.stores.valkey.shards import SHAS
from tests import servers
from tests.faults.people import people
from tests.faults.shop import Where, audited, booked, check_sound, looks, open_shop
from tests.servers import Proxy

TIMES = [pytest.param(8, id="short"), pytest.param(400, id="long", marks=pytest.mark.soak)]
WORDS = {"postgres": b"COMMIT", "valkey": b"EVALSHA", "redis62": b"EVALSHA"}


@contextmanager
def behind(place: Where) -> Iterator[tuple[Proxy, Where]]:
    """The hot state by way of a proxy."""
    with Proxy.to(place.url) as proxy:
        yield proxy, place._replace(url=proxy.through(place.url))


@pytest.fixture
def word(request: pytest.FixtureRequest) -> bytes:
    """What stands in the message by which a store commits."""
    return WORDS[request.node.callspec.params["place"]]


@pytest.mark.parametrize("place", list(WORDS), indirect=True)
def test_a_client_that_asks_again_after_its_answer_was_lost_has_the_same_decision_and_hold(
    where: Where, word: bytes
) -> None:
    with behind(where) as (proxy, through), through.connect() as access, where.connect() as other:
        access.consume("acme", "video", 1, key="warm")
        proxy.lose_reply(word)
        first = access.consume("acme", "video", 35, key="lost")
        assert proxy.lost.wait(20)
        again = other.consume("acme", "video", 35, key="lost")
        assert (first.granted, first.legs, first.sequence) == (again.granted, again.legs, again.sequence)
        assert again.replayed
        proxy.lose_reply(word)
        held = access.open_hold("acme", "video", 5, key="held")
        assert proxy.lost.wait(20)
        same = other.open_hold("acme", "video", 5, key="held")
        assert (held.due, held.legs, held.sequence) == (same.due, same.legs, same.sequence)
        assert [hold.key for hold in other.holds.list("acme")] == ["held"]
        proxy.lose_reply(word)
        ended = access.holds.commit("acme", "held", 4)
        assert proxy.lost.wait(20)
        assert other.holds.commit("acme", "held", 4).legs == ended.legs
        other.settle()
        kinds = [row.event.kind for row in booked(other, "acme") if row.event.kind != "terms"]
        assert kinds == ["usage", "usage", "hold", "commit"]
        assert audited(where, other).ok


@pytest.mark.parametrize("place", ["valkey", "redis62"], indirect=True)  # no message that only reads has the word
def test_an_extension_whose_answer_was_lost_is_sent_again_under_its_key_and_lengthens_the_hold_once(
    where: Where,
) -> None:
    with behind(where) as (proxy, through), through.connect() as access, where.connect() as other:
        access.open_hold("acme", "video", 5, key="held", lasts=60_000)
        proxy.lose_reply(SHAS["commit"].encode())
        proxy.before_each(lambda: not proxy.lost.is_set())  # from then on nothing passes: the caller hears no answer
        with pytest.raises(StoreUnavailable):
            access.holds.extend("acme", "held", 9, lasts=600_000, extension_key="longer")
        assert proxy.lost.wait(20)
        (done,) = other.holds.list("acme")
        assert (done.usage, done.steps) == ({"seconds": 9}, 1)
        proxy.before_each(None)
        again = access.holds.extend("acme", "held", 9, lasts=600_000, extension_key="longer")
        assert (again.replayed, again.due) == (True, done.due)
        assert other.holds.list("acme") == (done,)
        with pytest.raises(KeyReused):
            access.holds.extend("acme", "held", 9, lasts=900_000, extension_key="longer")
        other.settle()
        kinds = [row.event.kind for row in booked(other, "acme") if row.event.kind != "terms"]
        assert kinds == ["hold", "extend"]
        assert audited(where, other).ok


@pytest.mark.parametrize("place", list(WORDS), indirect=True)
@pytest.mark.parametrize("times", TIMES)
def test_answers_that_are_lost_again_and_again_under_two_writers_and_a_settler_double_nothing(
    where: Where, word: bytes, times: int, tmp_path: Path
) -> None:
    with behind(where) as (proxy, through), people(tmp_path, through) as clients:
        clients.engine()
        clients.engine()
        clients.settler(batch=16)
        clients.wait_for_more(5)
        for _ in range(times):
            proxy.lose_reply(word)
            assert proxy.lost.wait(20)
            clients.wait_for_more(5)
        proxy.heal()
        clients.finish()
        told = clients.told()
        check_sound(where, told, clients.asked())
        assert len(told) > 5 * times


@pytest.mark.parametrize("times", TIMES)
def test_books_whose_commits_are_not_answered_have_every_event_once(
    valkey_url: str, times: int, tmp_path: Path
) -> None:
    with servers.postgres() as server, Proxy(server.port) as proxy:
        url = server.new_database()
        where = Where(valkey_url, proxy.through(url))
        open_shop(where)
        with people(tmp_path, where) as clients:
            clients.engine()
            clients.settler(batch=16)
            clients.settler(batch=16)
            clients.wait_for_more(5, settled=5)
            for _ in range(times):
                proxy.lose_reply(b"COMMIT")
                assert proxy.lost.wait(20)
            proxy.heal()
            clients.wait_for_more(5, settled=5)
            assert clients.check() > 5


FIELDS: dict[str, dict[str, Any]] = {
    "feature": {"feature": "chat", "usage": 1}, "usage": {"usage": 3}, "subject": {"subject": "bob"},
    "no subject": {"subject": None}, "attributes": {"attributes": {"team": "red"}}, "mode": {"mode": "partial"},
}  # fmt: skip


def test_the_same_key_with_any_field_changed_is_an_error_and_changes_nothing(where: Where) -> None:
    asked: dict[str, Any] = {
        "account": "acme",
        "feature": "video",
        "usage": 2,
        "subject": "ada",
        "attributes": {"team": "blue"},
    }
    with where.connect() as access, where.connect() as other:
        assert access.consume(**asked, key="k")
        account = access.run(access.desk.account("acme"))
        before = drive(access.desk.store.standing(account))
        for settled in (False, True):
            for change in FIELDS.values():
                for engine in (access, other):
                    with pytest.raises(KeyReused):
                        engine.consume(**(asked | change), key="k")
            with pytest.raises(KeyReused):
                other.open_hold("acme", "video", 2, subject="ada", attributes={"team": "blue"}, key="k")
            if not settled:
                assert drive(access.desk.store.standing(account)) == before
                access.settle()
        assert other.consume(**asked, key="k").replayed
        assert drive(access.desk.store.standing(account)) == before
        assert {one.status for one in looks(access)} == {"same"}
        assert len([row for row in booked(access, "acme") if row.event.kind != "terms"]) == 1
