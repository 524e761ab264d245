"""Books go with one hot state: a wrong address is refused, and is no hot state that was lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

import spillover
import spillover.bootstrap.connect
from spillover.bootstrap import examining
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_rung
from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresLedger
from spillover.model.errors import InvalidInput, WrongSettings
from spillover.move import move
from tests.cli.support import run
from tests.rebuild.support import engine, shop
from tests.servers import Databases, KeyValue
from tests.support import clock, policy
from tests.valkey.bound import ANOTHER, MENDS, address, bound, keys_in, open_books

OPENINGS: dict[str, Callable[[str], object]] = {
    "an engine": lambda url: spillover.connect(url, clock=clock(), settle=False).close(),
    "an engine that settles": lambda url: spillover.connect(url, clock=clock()).close(),
    "a rung": lambda url: open_rung(address_of(url), "fast", 5_000).close(),
    "who makes a database": lambda url: spillover.bootstrap.connect.create(url, policy()),
    "the source of a move": lambda url: move(url, "sqlite:///never.db", clock=clock()),
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_wrong_database_number_is_refused_and_nothing_is_written_there(hot, postgres_url, opening, tmp_path) -> None:
    with shop(address(hot, postgres_url), ("acme",)) as access:
        before = keys_in(hot)
        with pytest.raises(WrongSettings, match=rf"127.0.0.1:\d+/1: found no hot state .*{ANOTHER}") as caught:
            OPENINGS[opening](address(hot, postgres_url, 1).replace("never", f"{tmp_path}/never"))
        assert MENDS in str(caught.value)
        assert "\n" not in str(caught.value)
        assert (keys_in(hot, 1), keys_in(hot)) == ([], before)
        assert access.consume("acme", "video.seconds", 1)
    assert len(bound(postgres_url)) == 1


@pytest.mark.parametrize("command", [("settle",), ("rebuild", "acme"), ("reconcile",), ("balance", "acme"), ("audit",)])
def test_a_command_with_a_wrong_database_number_is_refused_before_it_does_anything(hot, postgres_url, command) -> None:
    with shop(address(hot, postgres_url), ("acme",)):
        pass
    said = run(*command, "--db", address(hot, postgres_url, 1)).complaint
    assert "/1: found no hot state" in said
    assert MENDS in said
    assert keys_in(hot, 1) == []


def test_an_audit_of_the_hot_state_of_other_books_is_refused_as_everything_else_is(hot, postgres_url) -> None:
    with shop(address(hot, postgres_url), ("acme",)):
        pass
    with redis.Redis.from_url(f"{hot}/0") as client:
        client.set("spillover:books", "another:1")  # as of books that were restored into a new database
    said = [run(command, "--db", address(hot, postgres_url)) for command in ("audit", "settle")]
    assert [one.status for one in said] == [2, 2]
    assert all("found the hot state of other books (spillover:books is another:1)" in one.complaint for one in said)
    assert run("audit", "--db", postgres_url).status == 0  # the books alone


def test_a_check_of_a_hot_state_that_the_books_do_not_go_with_says_that_a_rebuild_would_bind_them(
    hot, postgres_url
) -> None:
    with shop(address(hot, postgres_url), ("acme",)) as access:
        access.settle()
    before = bound(postgres_url)
    wrong = run("rebuild", "--all", "--check", "--db", address(hot, postgres_url, 1))
    assert wrong.status == 1
    assert "is it the right host and database?" in wrong.out
    assert "`spillover rebuild --all` would bind the books to it" in wrong.out
    document = run("rebuild", "--all", "--check", "--json", "--db", address(hot, postgres_url, 1))
    assert '"would_bind": true' in document.out
    assert (keys_in(hot, 1), bound(postgres_url)) == ([], before)
    right = run("rebuild", "--all", "--check", "--db", address(hot, postgres_url))
    assert (right.status, "bind" in right.out) == (0, False)


def test_the_doctor_tells_a_wrong_database_number_and_writes_nothing(hot, postgres_url) -> None:
    with shop(address(hot, postgres_url), ("acme",)):
        pass
    for number, found in ((1, "act"), (0, "fine")):
        signs = {sign.what: sign for sign in examining.doctor(address(hot, postgres_url, number))}
        assert signs["hot state"].level == found, signs
    advice = {sign.what: sign.advice for sign in examining.doctor(address(hot, postgres_url, 1))}["hot state"]
    assert advice.startswith("correct host and database")
    assert MENDS in advice
    assert keys_in(hot, 1) == []


def test_a_doctor_binds_no_books(hot, postgres_url) -> None:
    drive(PostgresLedger(postgres_url).close())
    examining.doctor(address(hot, postgres_url))
    assert bound(postgres_url) == []
    assert keys_in(hot) == []


def test_books_from_before_go_to_the_store_that_is_found(hot, postgres_url) -> None:
    with open_books(address(hot, postgres_url)) as access:
        access.accounts.put("acme", "plus")
        (first,) = bound(postgres_url)
    assert (first.reason, first.actor, first.at > 0) == ("first opened", "", True)
    with redis.Redis.from_url(hot) as client:
        assert client.get("spillover:store") == first.id.encode()


def test_two_engines_that_open_new_books_at_once_bind_one(postgres_url, two) -> None:
    def opened(server: KeyValue) -> bool:
        try:
            open_rung(address_of(address(server, postgres_url)), "strict", 20_000).close()
        except WrongSettings:
            return False
        return True

    drive(PostgresLedger(postgres_url).close())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(opened, two * 4))
    (one,) = bound(postgres_url)
    for server, opens in zip(two, (found[::2], found[1::2]), strict=True):
        with server.client() as client:
            assert set(opens) == {client.get("spillover:store") == one.id.encode()}


def test_many_that_open_the_same_server_with_new_books_all_get_it(postgres_url, hot) -> None:
    drive(PostgresLedger(postgres_url).close())
    with ThreadPoolExecutor(6) as pool:
        rungs = list(pool.map(lambda _: open_rung(address_of(address(hot, postgres_url)), "strict", 20_000), range(6)))
    assert {rung.seen for rung in rungs} == {one.id for one in bound(postgres_url)}
    for rung in rungs:
        rung.close()


def test_a_full_server_is_bound_when_it_has_room(two, postgres_url) -> None:
    server, _ = two
    url = address_of(address(server, postgres_url))
    with server.client() as client:
        client.config_set("maxmemory", "100kb")
        open_rung(url, "strict", 5_000).close()
        assert (bound(postgres_url), client.keys()) == ([], [])
        client.config_set("maxmemory", "0")
        open_rung(url, "strict", 5_000).close()
        assert [one.id.encode() for one in bound(postgres_url)] == [client.get("spillover:store")]


def test_a_target_of_a_move_that_is_refused_is_not_bound_and_a_fitting_one_is(
    hot, postgres_server: Databases, tmp_path
) -> None:
    books, others = postgres_server.new_database(), postgres_server.new_database()
    source = f"sqlite:///{tmp_path}/source.db"
    with shop(source, ("acme",)), shop(address(hot, others), ("acme",)):
        with redis.Redis.from_url(hot) as client:
            client.delete("spillover:books")
        with pytest.raises(InvalidInput, match="in the hot state of"):
            move(source, address(hot, books), clock=clock())
        assert bound(books) == []
    move(source, address(hot, books, 1), actor="ada", clock=clock())
    (found,) = bound(books)
    assert found.reason.startswith("moved from sqlite:///")
    assert found.actor == "ada"
    with engine(address(hot, books, 1)) as access:
        assert access.consume("acme", "video.seconds", 1)
    for url in (books, others):
        postgres_server.drop_database(url)
