"""A database that is carried to another takes its office along; the one that is left takes no key or act any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import spillover
from spillover.model.errors import InvalidInput, StoreUnavailable
from spillover.model.policy import Pack
from spillover.move import give_up, move
from spillover.move.tables import KEYS, LEFT, OFFICE
from spillover.office.keys import revoked, rotated
from spillover.office.topup_records import order
from spillover.ports import Ledger
from spillover.ports.office import Act, ApiKey
from spillover.ports.sales import Export, TopUp, TopUpRule
from tests.office.support import DAY, NOW, act, execute, key_of, office_at, run
from tests.servers import Databases
from tests.support import clock, policy


@pytest.fixture
def two(postgres_server: Databases) -> Iterator[tuple[str, str]]:
    urls = postgres_server.new_database(), postgres_server.new_database()
    yield urls
    for url in urls:
        postgres_server.drop_database(url)


def shop(url: str) -> None:
    """Books with an account, and an office: keys, an erased account, acts with and without an ending."""
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        for name in ("acme", "gone"):
            access.accounts.put(name, plan="plus")
        office = office_at(url)
        one, _ = key_of("one", accounts=("gone", "acme"), features=("video.seconds",))
        for key in (one, revoked(key_of("two")[0], NOW), rotated(one, NOW + DAY, NOW + 1, NOW, lambda n: b"x" * n)[0]):
            run(office.put_key(key))
        for account in ("gone", "acme", ""):
            run(office.end(run(office.begin(act(account=account))), "done", NOW))
        run(office.begin(act("cut off")))
        run(office.signing_key(b"s" * 32))
        sold(office, access.desk.ledger)
        run(office.close())
        access.accounts.erase("gone")


def sold(office: Any, ledger: Ledger) -> None:
    """A customer, a rule with an order, an export, of both accounts or of the one that stays."""
    acme, gone = (run(ledger.find_account(name)) for name in ("acme", "gone"))
    for account in (acme, gone):
        run(office.bind_customer(account, "stripe", f"cus_{account}"))
    run(office.put_topup_rule(TopUpRule(acme, 5_000_000, "small", 3, NOW)))
    pack = Pack("small", "credits", 100_000_000, "9.00", "EUR")
    office._desk.write(lambda tables: order(tables, TopUp(acme, "2026-03", 1, pack, at=NOW, due=NOW)))
    run(office.add_export(Export(acme, 1, 0, 7, 2_000_000, 18, "EUR", "1/3", at=NOW)))


def everything(url: str) -> tuple[list[ApiKey], list[Act], bytes]:
    office = office_at(url)
    found = list(run(office.keys())), list(run(office.acts())), run(office.signing_key(b"another" * 8))
    run(office.close())
    return found


@pytest.mark.parametrize(
    "way", ["sqlite to sqlite", "sqlite to postgres", "postgres to postgres", "postgres to sqlite"]
)
def test_keys_log_and_signing_key_are_carried_and_go_on(way: str, two: tuple[str, str], tmp_path: Path) -> None:
    files = f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"
    source = files[0] if way.startswith("sqlite") else two[0]
    target = files[1] if way.endswith("sqlite") else two[1]
    shop(source)
    before = everything(source)
    assert [key.accounts for key in before[0]] == [("", "acme"), ()]
    report = move(source, target, clock=clock())
    assert everything(target) == everything(source) == before
    carried = {one.table: one.rows for one in report.tables}
    assert {table: carried[table] for table in OFFICE} == {
        **dict.fromkeys(OFFICE, 0),
        "office_keys": 2, "office_bindings": 1, "office_acts": 4, "office_words": 3, "office_signing": 1,
        "office_customers": 1, "office_topup_rules": 1, "office_topups": 1, "office_exports": 1,
    }  # fmt: skip
    there = office_at(target)
    assert run(there.begin(act())) == 5
    run(there.put_key(key_of("three")[0]))
    assert [key.name for key in run(there.keys())] == ["one", "two", "three"]
    run(there.end(4, "found cut off", NOW))
    run(there.close())
    left = office_at(source)
    for write in (left.begin(act()), left.end(4, "done", NOW), left.put_key(key_of("three")[0])):
        with pytest.raises(StoreUnavailable, match=r"these books were moved to .*; connect to where they live now$"):
            run(write)
    run(left.close())
    assert everything(source) == before


def test_books_without_an_office_are_carried_without_one(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"
    with spillover.connect(source, policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
    report = move(source, target, clock=clock())
    assert not set(OFFICE) & {one.table for one in report.tables}
    assert execute(target, "SELECT name FROM sqlite_schema WHERE name LIKE 'office%'") == []


def test_a_target_that_has_keys_of_its_own_is_refused_and_nothing_is_closed(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"
    shop(source)
    other = office_at(target)
    run(other.put_key(key_of("theirs")[0]))
    run(other.close())
    with pytest.raises(
        InvalidInput, match=r"^--to: found office_keys of its own in .*target.db, expected an empty data"
    ):
        move(source, target, clock=clock())
    office = office_at(source)
    assert run(office.begin(act())) == 5
    run(office.close())


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_move_that_is_given_up_opens_the_office_again(kind: str, two: tuple[str, str], tmp_path: Path) -> None:
    source, target = (two[0], two[1]) if kind == "server" else (f"sqlite:///{tmp_path}/{end}.db" for end in ("a", "b"))
    shop(source)

    def killed(what: str, _done: int) -> None:
        if what == "names":  # the books are closed, and some of them are carried
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(source, target, clock=clock(), told=killed)
    office = office_at(source)
    with pytest.raises(StoreUnavailable, match="these books were moved to"):
        run(office.begin(act()))
    give_up(source, clock=clock())
    assert run(office.begin(act())) == 5
    run(office.put_key(key_of("three")[0]))
    run(office.close())


def test_all_tables_of_a_database_with_an_office_are_carried_or_left_for_a_reason(tmp_path: Path) -> None:
    shop(f"sqlite:///{tmp_path}/source.db")
    connection = apsw.Connection(str(tmp_path / "source.db"))
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    hot = {"hot_accounts", "hot_profiles", "cells", "holds", "stream", "keys", "denials"}
    assert tables - LEFT - hot == {*KEYS, *OFFICE}
    connection.close()
