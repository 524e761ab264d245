"""Books go with one hot state, whatever rung: PostgreSQL that has the books too, or a Valkey before them, not both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

import spillover
import spillover.bootstrap.connect
from spillover.access.plain import Access
from spillover.bootstrap import examining
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_rung
from spillover.bootstrap.serving import open_service
from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.postgres.binding import HERE
from spillover.model.errors import WrongSettings
from spillover.move import move
from tests.cli.support import run
from tests.postgres.support import as_admin
from tests.rebuild.support import engine, shop
from tests.rungs.opening import make_tables
from tests.servers import Databases
from tests.servers.process import wait_for
from tests.support import clock, policy
from tests.valkey.bound import address, bound, keys_in

SECRET = "s3cret"
APART = r"^postgresql://127.0.0.1:\d+/\w+: found books whose hot state \([0-9a-f]{16}\) lies in a Valkey, expected its"
BESIDE = "found books whose hot state lies in PostgreSQL with them, expected new books"
HOT_TABLES = "SELECT count(*) FROM pg_namespace WHERE nspname = 'spillover_hot'"
FORGET = ("SET session_replication_role = replica", "DELETE FROM spillover_ledger.hot_stores")
"""Books as they were left before they kept which hot state they go with."""

OPENINGS: dict[str, Callable[[str], object]] = {
    "an engine": lambda url: spillover.connect(url, clock=clock(), settle=False).close(),
    "an engine that settles": lambda url: spillover.connect(url, clock=clock()).close(),
    "an engine that is fast, with a policy": lambda url: spillover.connect(url, policy=policy(), durability="fast"),
    "a service": lambda url: asyncio.run(open_service(url)),
    "a rung": lambda url: open_rung(address_of(url), "strict", 5_000),
    "who only looks": lambda url: open_rung(address_of(url), "strict", 5_000, bind="look"),
    "who takes": lambda url: open_rung(address_of(url), "strict", 5_000, bind="take"),
    "who makes a database": lambda url: spillover.bootstrap.connect.create(url, policy()),
    "the source of a move": lambda url: move(url, "sqlite:///never.db", clock=clock()),
}
COMMANDS = [
    "settle", "settle --follow", "consume acme video.seconds 1", "account credits acme 5 --key more", "balance acme",
    "account list", "statement acme", "explain acme video.seconds 1", "reconcile", "reconcile --repair", "rebuild acme",
    "rebuild --all --check", "rebuild --all", "policy publish policy.yaml --create", "serve", "doctor --json",
    "move --to sqlite:///never.db --from", "move --give-up --from",
]  # fmt: skip
READERS = [
    "audit", "backtest --policy policy.yaml", "policy check policy.yaml --against 7d", "keys list", "webhooks list",
    "alerts list",
]  # fmt: skip


def told(command: str, url: str) -> Any:
    words = command.split()
    return run(*words, url) if words[-1] == "--from" else run(*words, "--db", url)


def named(url: str) -> str:
    """The same database by an address with a password, which no message may show."""
    return url.replace("://postgres@", f"://postgres:{SECRET}@")


@pytest.fixture
def hot(valkey_url):
    """An empty server."""
    return valkey_url


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    assert run("init").status == 0
    return tmp_path


@pytest.fixture
def apart(hot, postgres_url):
    """Books that go with a Valkey, and the engine on it."""
    with shop(address(hot, postgres_url), ("acme",)) as access:
        yield access


@pytest.fixture
def beside(postgres_url):
    """Books that go with the hot state in their own database, and the engine on it."""
    with shop(postgres_url, ("acme",)) as access:
        yield access


def still_alone(access: Access, books: str) -> bool:
    """Whether a Valkey's books got no hot state in PostgreSQL, and go on."""
    made = as_admin(books, HOT_TABLES) != [(0,)]
    return not made and bool(access.consume("acme", "video.seconds", 1)) and len(bound(books)) == 1


def test_the_books_of_a_valkey_are_refused_by_their_own_address_alone(apart, postgres_url, folder) -> None:
    for opening in OPENINGS.values():
        with pytest.raises(WrongSettings, match=APART) as caught:
            opening(named(postgres_url))
        said = str(caught.value)
        assert "; give it to every engine, settler and command: valkey://HOST:PORT/NUMBER?ledger=postgresql://" in said
        assert "\n" not in said
        assert SECRET not in said
    assert still_alone(apart, postgres_url)


def test_every_command_refuses_the_books_of_a_valkey_by_their_own_address_alone(apart, postgres_url, folder) -> None:
    for command in COMMANDS:
        done = told(command, named(postgres_url))
        assert done.status in (1, 2), (command, done)
        assert "lies in a Valkey, expected its address" in done.out + done.error, (command, done)
        assert SECRET not in done.out + done.error, done
    assert still_alone(apart, postgres_url)


def test_the_doctor_tells_the_books_of_a_valkey_by_their_own_address_and_advises_nothing_that_opens_it(
    apart, postgres_url
) -> None:
    signs = {sign.what: sign for sign in examining.doctor(named(postgres_url))}
    assert signs["hot state"].level == "act"
    assert signs["hot state"].advice.startswith("give it to every engine, settler and command: valkey://")
    assert {sign.what for sign in signs.values() if "settle" in sign.advice.split()} <= {"hot state"}
    assert "schema" not in signs
    assert still_alone(apart, postgres_url)


def test_who_reads_the_books_alone_reads_those_of_a_valkey_by_their_own_address(apart, postgres_url, folder) -> None:
    apart.settle()
    for command in READERS:
        done = told(command, postgres_url)
        assert (done.status, done.error) == (0, ""), (command, done)
    assert still_alone(apart, postgres_url)


def test_a_valkey_is_refused_before_books_that_decide_in_postgresql(beside, hot, postgres_url, folder) -> None:
    for opening in OPENINGS.values():
        with pytest.raises(WrongSettings, match=BESIDE) as caught:
            opening(address(hot, named(postgres_url)))
        said = str(caught.value)
        assert "or carry them into another database first: `spillover move`" in said
        assert "\n" not in said
        assert SECRET not in said
    assert keys_in(hot) == []
    assert beside.consume("acme", "video.seconds", 1)
    assert [one.id for one in bound(postgres_url)] == [HERE]


def test_every_command_refuses_a_valkey_before_books_that_decide_in_postgresql(
    beside, hot, postgres_url, folder
) -> None:
    epochs = as_admin(postgres_url, "SELECT count(*) FROM spillover_ledger.epochs")
    for command in ("audit", *COMMANDS):
        done = told(command, address(hot, named(postgres_url)))
        assert done.status in (1, 2), (command, done)
        assert BESIDE in done.out + done.error, (command, done)
        assert SECRET not in done.out + done.error, done
    assert as_admin(postgres_url, "SELECT count(*) FROM spillover_ledger.epochs") == epochs
    assert keys_in(hot) == []
    assert beside.consume("acme", "video.seconds", 1)


def test_accounts_in_postgresql_from_before_keep_a_valkey_away(beside, hot, postgres_url) -> None:
    as_admin(postgres_url, *FORGET)
    for opening in ("an engine", "who only looks", "who takes"):
        with pytest.raises(WrongSettings, match=BESIDE):
            OPENINGS[opening](address(hot, postgres_url))
    assert (keys_in(hot), bound(postgres_url)) == ([], [])
    assert {sign.what: sign.level for sign in examining.doctor(postgres_url)}["schema"] == "fine"
    assert bound(postgres_url) == []  # the doctor writes nothing
    with engine(postgres_url) as access:
        assert access.consume("acme", "video.seconds", 1)
    (one,) = bound(postgres_url)
    assert (one.id, one.reason) == (HERE, "first opened")


def test_tables_from_before_that_have_no_account_keep_no_valkey_away(hot, postgres_url) -> None:
    make_tables(postgres_url)
    with shop(address(hot, postgres_url), ("acme",)) as access:
        assert access.consume("acme", "video.seconds", 1)
    with pytest.raises(WrongSettings, match=APART), engine(postgres_url):
        pass


def test_what_another_program_once_left_in_postgresql_does_not_take_a_valkey_its_books(
    apart, hot, postgres_url
) -> None:
    make_tables(postgres_url)
    as_admin(postgres_url, "INSERT INTO spillover_hot.hot_accounts (account) VALUES (1)")
    with engine(address(hot, postgres_url)) as access:
        assert access.consume("acme", "video.seconds", 1)
    assert run("rebuild", "--all", "--db", address(hot, postgres_url, 1)).status == 0
    with pytest.raises(WrongSettings, match=APART), engine(postgres_url):
        pass


@pytest.mark.parametrize("_round", range(3))
def test_of_many_that_open_new_books_at_once_by_both_addresses_those_by_one_get_them(hot, postgres_url, _round) -> None:
    def opened(url: str) -> bool:
        try:
            open_rung(address_of(url), "strict", 20_000).close()
        except WrongSettings:
            return False
        return True

    drive(PostgresLedger(postgres_url).close())
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(opened, [postgres_url, address(hot, postgres_url)] * 3))
    (one,) = bound(postgres_url)
    here = one.id == HERE
    assert (set(found[::2]), set(found[1::2])) == ({here}, {not here})
    assert as_admin(postgres_url, HOT_TABLES) == [(int(here),)]


@pytest.mark.parametrize("first", [HERE, "0123456789abcdef"])
def test_who_opens_new_books_while_another_binds_them_waits_for_him_and_is_refused(hot, postgres_url, first) -> None:
    drive(PostgresLedger(postgres_url).close())
    url, refused = (address(hot, postgres_url), BESIDE) if first == HERE else (postgres_url, APART)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(postgres_url) as binding, ThreadPoolExecutor(1) as pool:
        binding.execute("INSERT INTO spillover_ledger.hot_stores VALUES (1, %s, 1, '', '')", (first,))
        opens = pool.submit(open_rung, address_of(url), "strict", 20_000)
        wait_for(lambda: as_admin(postgres_url, waits) == [(1,)], "found nobody who waits")
        binding.commit()
        with pytest.raises(WrongSettings, match=refused):
            opens.result()
    assert [one.id for one in bound(postgres_url)] == [first]
    assert as_admin(postgres_url, HOT_TABLES) == [(0,)]


def test_a_rebuild_onto_a_valkey_does_not_take_books_that_postgresql_got_meanwhile(hot, postgres_url) -> None:
    taking = open_rung(address_of(address(hot, postgres_url)), "strict", 5_000, bind="take")
    with shop(postgres_url, ("acme",)) as access:
        with pytest.raises(WrongSettings, match=BESIDE):
            taking.take(reason="rebuild", actor="")
        assert access.consume("acme", "video.seconds", 1)
    ledger = PostgresLedger(postgres_url)
    with pytest.raises(WrongSettings, match=BESIDE):
        ledger.bind_hot_store("0123456789abcdef", None, reason="asked before that")
    drive(ledger.close())
    assert [one.id for one in bound(postgres_url)] == [HERE]
    taking.close()


def test_a_full_valkey_that_was_not_bound_is_left_where_postgresql_got_the_books(two, postgres_url) -> None:
    server, _ = two
    with server.client() as client:
        client.config_set("maxmemory", "100kb")
        rung = open_rung(address_of(address(server, postgres_url)), "strict", 5_000)
        assert not rung.is_left()
        open_rung(address_of(postgres_url), "strict", 5_000).close()
        assert rung.is_left()
        with pytest.raises(WrongSettings, match=BESIDE):
            rung.require_own()
    rung.close()


def test_a_move_carries_books_from_one_hot_state_to_the_other_and_back(hot, postgres_server: Databases) -> None:
    one, two, three = (postgres_server.new_database() for _ in range(3))
    with shop(one, ("acme",)):
        pass
    with pytest.raises(WrongSettings, match=BESIDE):
        move(one, address(hot, one), clock=clock())
    with engine(one) as access:  # nothing was closed
        assert access.consume("acme", "video.seconds", 1)
    move(one, address(hot, two), clock=clock())
    with pytest.raises(WrongSettings, match=APART):
        move(two, three, clock=clock())
    move(address(hot, two), three, clock=clock())
    with engine(three) as access:
        assert access.consume("acme", "video.seconds", 1)
    assert [one.id for one in bound(three)] == [HERE]
    for url in (one, two, three):
        postgres_server.drop_database(url)
