"""What a move refuses, before it touches the source; and what the closed source refuses, saying where it went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import psycopg
import pytest
import redis

import spillover
from spillover.access.plain import Access
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.errors import (
    InvalidInput,
    NewerSchema,
    NotADatabase,
    SpilloverError,
    StoreError,
    StoreUnavailable,
    WrongSettings,
)
from spillover.move import give_up, move
from spillover.move.tables import KEYS
from tests.rebuild.support import engine, meddle, ports, shop
from tests.servers import Databases
from tests.support import POLICY, clock, policy

TOLD = r"found that these books were moved to .*target.*; connect to where they live now$"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with shop(f"sqlite:///{tmp_path}/source.db", ("acme",)):
        pass
    return tmp_path / "source.db"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def has_books(url: str) -> bool:
    """Whether anything of Spillover was made in that database."""
    with psycopg.connect(url) as server:
        found = server.execute("SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'spillover')").fetchone()
    return found != (0,)


def serves(source: Path) -> bool:
    """Whether nothing was closed."""
    with engine(url_of(source)) as access:
        return bool(access.consume("acme", "video.seconds", 1)) and not drive(ports(access)[0].shut_accounts(1))


def orders(access: Access) -> list[Callable[[], object]]:
    """One of everything that writes into books."""
    return [
        lambda: access.accounts.put("dora", "plus"),
        lambda: access.credits.add("acme", 5, key="paid late", paid="5.00 EUR"),
        lambda: access.units.add("acme", "video.seconds", 5, key="given late"),
        lambda: access.refund("acme", "settled 1", key="refunded late", units=1),
        lambda: access.accounts.erase("acme"),
        lambda: drive(ports(access)[1].publish("1" * 64, "a later one", at=access.desk.clock(), since=2**50)),
        lambda: drive(ports(access)[1].publish("0" * 64, "another", at=access.desk.clock() + 1)),
    ]


def test_every_order_on_closed_books_is_told_where_they_live(source: Path, tmp_path: Path) -> None:
    with engine(url_of(source)) as old:
        move(url_of(source), url_of(tmp_path / "target.db"), clock=clock())
        for order in orders(old)[:-1]:
            with pytest.raises(SpilloverError) as told:
                order()
            assert isinstance(told.value, StoreUnavailable), str(told.value)
        with pytest.raises(StoreUnavailable, match=TOLD):
            orders(old)[-1]()
        with pytest.raises(StoreUnavailable, match=TOLD):
            old.accounts.put("dora", "plus")
    changed = policy(POLICY.replace("max: 30", "max: 31"))
    with pytest.raises(StoreUnavailable, match=TOLD):  # an engine that brings a policy of its own
        spillover.connect(url_of(source), policy=changed, clock=clock(), settle=False)
    assert audit(source).findings == ()


def test_closed_books_take_no_row_no_change_and_no_deletion_in_any_table(source: Path, tmp_path: Path) -> None:
    move(url_of(source), url_of(tmp_path / "target.db"), clock=clock())
    connection = apsw.Connection(str(source))
    for table in KEYS:
        rows = connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
        with pytest.raises(apsw.ConstraintError, match="these books were moved to"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1") if rows else (
                connection.execute(f"INSERT INTO {table} DEFAULT VALUES")
            )
    connection.close()
    ledger = SQLiteLedger(source)
    with pytest.raises(StoreUnavailable, match=TOLD):
        drive(ledger.publish("0" * 64, "another", at=1))
    drive(ledger.close())


@pytest.mark.parametrize("kind", ["file", "server"])
def test_new_accounts_are_refused_from_the_beginning_on_and_taken_again_when_it_is_given_up(
    kind: str, postgres_url: str, tmp_path: Path
) -> None:
    source = f"sqlite:///{tmp_path}/source.db" if kind == "file" else postgres_url

    def told(_what: str, _done: int) -> None:
        raise KeyboardInterrupt

    with shop(source, ("acme",)) as access:
        with pytest.raises(KeyboardInterrupt):
            move(source, url_of(tmp_path / "target.db"), clock=clock(), told=told)
        with pytest.raises(StoreUnavailable, match=TOLD):
            access.accounts.put("dora", "plus")
        assert audit(source.removeprefix("sqlite:///")).findings == ()
        assert give_up(source, clock=clock()).accounts == 1
        access.accounts.put("dora", "plus")
        assert access.consume("dora", "video.seconds", 1)


def test_books_that_came_out_another_are_not_opened(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    with pytest.raises(StoreError, match=r"found books with digest .*target"):
        move(url_of(source), url_of(target), clock=clock(), proof=lambda end: end.name[-9:])
    with apsw.Connection(str(target)) as connection:
        assert connection.execute("SELECT count(*) FROM hot_accounts").get == 0


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("DELETE FROM settled_cells WHERE name = 'scopes'", "settled_cells"),
        ("INSERT INTO account_balances SELECT account + 1, measure, 0, 0, 0, 0, 0, 0 FROM account_balances LIMIT 1",
         "account_balances"),
        ("UPDATE names SET name = 'acmE' WHERE name = 'acme'", "names"),
    ],
)  # fmt: skip
def test_a_row_too_few_too_many_or_another_is_named(source: Path, tmp_path: Path, statement: str, table: str) -> None:
    target, done = tmp_path / "target.db", list[str]()

    def told(what: str, _count: int) -> None:
        if what == "pushed" and not done:
            done.append(what)
            meddle(target, statement)

    with pytest.raises(StoreError, match=f"found {table} with .* rows and sum"):
        move(url_of(source), url_of(target), clock=clock(), told=told)
    assert done


@pytest.mark.parametrize("change", ["a newer schema", "another program's file", "no file at all"])
def test_a_target_that_cannot_be_written_is_refused_before_the_source_is_closed(
    source: Path, tmp_path: Path, change: str
) -> None:
    target = tmp_path / "target.db"
    if change == "a newer schema":
        drive(SQLiteLedger(target).close())
        meddle(target, "UPDATE spillover_schema SET version = version + 1 WHERE component = 'ledger'")
    elif change == "another program's file":
        with apsw.Connection(str(target)) as connection:
            connection.execute("CREATE TABLE theirs (a)")
    else:
        target.mkdir()
    expected = {"a newer schema": NewerSchema, "another program's file": NotADatabase}.get(change, StoreUnavailable)
    with pytest.raises(expected):
        move(url_of(source), url_of(target), clock=clock())
    assert serves(source)


@pytest.mark.parametrize("url", ["mysql://localhost/shop", "memory://", "sqlite://shop.db", "valkey://localhost/0", ""])
def test_an_address_of_nothing_known_is_refused(source: Path, url: str) -> None:
    for ends in ((url_of(source), url), (url, url_of(source))):
        with pytest.raises(InvalidInput):
            move(*ends, clock=clock())
    assert serves(source)


def test_the_source_under_another_name_is_no_target(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(source)
    (tmp_path / "twin.db").hardlink_to(source)
    for name in ("link.db", "twin.db", "../" + tmp_path.name + "/source.db"):
        with pytest.raises((InvalidInput, StoreUnavailable)):
            move(url_of(source), url_of(tmp_path / name), clock=clock())
    assert serves(source)


def test_a_newer_schema_and_the_same_server_are_refused_on_a_server(postgres_server: Databases) -> None:
    source, target = postgres_server.new_database(), postgres_server.new_database()
    with shop(source, ("acme",)), shop(target, ("dora",)):
        pass
    with psycopg.connect(target) as server:
        server.execute("UPDATE spillover.spillover_schema SET version = version + 1")
    with pytest.raises(NewerSchema):
        move(source, target, clock=clock())
    with pytest.raises(InvalidInput, match="of its own"):
        move(source, f"{source}?application_name=another", clock=clock())
    with engine(source) as access:
        assert access.consume("acme", "video.seconds", 1)
    for url in (source, target):
        postgres_server.drop_database(url)


def test_a_hot_store_that_serves_other_books_is_refused(postgres_server: Databases, valkey_url: str) -> None:
    books = [postgres_server.new_database() for _ in range(2)]
    source = f"{valkey_url}?ledger={books[0]}"
    with shop(source, ("acme",)) as access:
        with pytest.raises(WrongSettings, match="hot state of other books"):
            move(source, f"{valkey_url}?ledger={books[1]}", clock=clock())
        assert not has_books(books[1])
        assert access.consume("acme", "video.seconds", 1)
    for url in books:
        postgres_server.drop_database(url)


def test_a_hot_store_with_the_state_of_others_is_refused(
    postgres_server: Databases, valkey_url: str, source: Path
) -> None:
    books = [postgres_server.new_database() for _ in range(2)]
    other, target = f"{valkey_url}?ledger={books[0]}", f"{valkey_url}?ledger={books[1]}"
    server = redis.Redis.from_url(valkey_url)
    with shop(other, ("acme",)) as access:
        server.delete("spillover:books")  # as an operator says that it belongs to nobody
        with pytest.raises(InvalidInput, match="events that wait in the stream"):
            move(url_of(source), target, clock=clock())
        access.settle()
        server.delete("spillover:books")
        with pytest.raises(InvalidInput, match="open holds"):
            move(url_of(source), target, clock=clock())
        assert not server.exists("spillover:books")
    assert not has_books(books[1])
    with pytest.raises(InvalidInput, match="--from: found no tables of Spillover in postgresql"):
        move(books[1], url_of(source), clock=clock())
    assert not has_books(books[1])
    server.close()
    for url in books:
        postgres_server.drop_database(url)


def test_what_lies_in_quarantine_is_carried(source: Path, tmp_path: Path) -> None:
    with engine(url_of(source)) as access:
        access.settle(tend=False)
        access.consume("acme", "video.seconds", 1, key="spoilt")
        access.consume("acme", "video.seconds", 1, key="follows")
    meddle(
        source,
        "UPDATE stream SET payload = x'7b7d' WHERE key = 'spoilt'",
        "INSERT INTO stream (account, epoch, sequence, key, payload) VALUES (4711, 0, 1, 'of nobody', x'7b7d')",
    )
    report = move(url_of(source), url_of(tmp_path / "target.db"), clock=clock())
    assert report.quarantined == 2
    with engine(url_of(tmp_path / "target.db")) as access:
        found = drive(ports(access)[1].quarantined())
        assert sorted(one.key for one in found) == ["of nobody", "spoilt"]
        assert all(one.reason for one in found)
        assert access.consume("acme", "video.seconds", 1)
