"""Erasing an account takes its name, and what was asked about it, out of the office too; who did what and why stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import spillover
from spillover.access.plain import Access
from spillover.ports.office import Act, Office
from tests.office.support import NOW, act, execute, key_of, office_at, run
from tests.postgres.support import as_admin
from tests.servers import Postgres, postgres
from tests.support import policy

GONE, PERSON, CUSTOMER = "the-erased-company", "erased-person-7", "cus_of_the_erased_83"


@pytest.fixture
def access(url: str) -> Iterator[Access]:
    with spillover.connect(url, policy=policy(), settle=False) as opened:
        for name in (GONE, "acme"):
            opened.accounts.put(name, plan="plus")
        yield opened


def asked(account: str) -> bytes:
    return b'{"account":"%s","subject":"%s"}' % (account.encode(), PERSON.encode() if account == GONE else b"ada")


def wrote(office: Office, count: int = 1) -> None:
    """Acts on both accounts, in turns."""
    for number in range(count):
        for account in (GONE, "acme"):
            run(office.end(run(office.begin(act("limits.set", account, NOW + number, asked(account)))), "done", NOW))


def test_an_erased_accounts_name_and_what_was_asked_of_it_are_gone_and_the_act_stays(
    access: Access, shared: Office
) -> None:
    wrote(shared)
    access.accounts.erase(GONE)
    assert list(run(shared.acts())) == [
        Act(1, NOW, "ada", "limits.set", "", "why", b"", "done", NOW),
        Act(2, NOW, "ada", "limits.set", "acme", "why", asked("acme"), "done", NOW),
    ]
    assert list(run(shared.acts(account=GONE))) == []


def test_the_act_that_erases_an_account_keeps_no_name_of_it(access: Access, shared: Office) -> None:
    number = run(shared.begin(act("accounts.erase", GONE, NOW, asked(GONE), "asked for it, ticket 83")))
    access.accounts.erase(GONE)
    run(shared.end(number, "done", NOW + 1))
    assert list(run(shared.acts())) == [
        Act(1, NOW, "ada", "accounts.erase", "", "asked for it, ticket 83", b"", "done", NOW + 1)
    ]


def test_a_key_bound_to_an_erased_account_is_not_widened_by_it(access: Access, shared: Office) -> None:
    alone, both, free = (
        key_of(name, accounts=of)[0] for name, of in (("1", (GONE,)), ("2", (GONE, "acme")), ("3", ()))
    )
    for key in (alone, both, free):
        run(shared.put_key(key))
    access.accounts.erase(GONE)
    found = list(run(shared.keys()))
    assert [key.accounts for key in found] == [("",), ("", "acme"), ()]
    for key in found:  # nor when it is rotated or revoked
        run(shared.put_key(key))
    assert list(run(shared.keys())) == found


def bound(access: Access, office: Any, name: str, customer: str) -> int:
    """The account's id, with what a payment provider calls it."""
    account = run(access.desk.ledger.find_account(name))
    assert account is not None
    run(office.bind_customer(account, "stripe", customer))
    return int(account)


def test_what_a_payment_provider_calls_an_erased_account_is_gone(access: Access, shared: Any) -> None:
    gone, acme = bound(access, shared, GONE, CUSTOMER), bound(access, shared, "acme", "cus_of_acme")
    access.accounts.erase(GONE)
    assert run(shared.customer(gone, "stripe")) is None
    assert run(shared.account_of("stripe", CUSTOMER)) is None
    assert run(shared.account_of("stripe", "cus_of_acme")) == acme


def test_an_account_is_erased_where_the_office_is_of_an_older_program(url: str, access: Access) -> None:
    office = office_at(url)
    wrote(office)
    execute(url, "DROP TABLE office_customers")
    access.accounts.erase(GONE)
    assert [found.account for found in run(office.acts())] == ["", "acme"]
    run(office.close())


@pytest.mark.parametrize("name", [GONE, 'the "erased" \\company', "søren, erased"])
def test_an_act_on_something_else_that_named_the_account_keeps_all_but_what_was_asked(
    url: str, shared: Office, name: str
) -> None:
    with spillover.connect(url, policy=policy(), settle=False) as access:
        access.accounts.put(name, plan="plus")
        named = msgspec.json.encode({"name": "a key", "accounts": ["bolt", name]})
        others = msgspec.json.encode({"accounts": [f"{name}s", f"not {name}"]})
        for account, details in (("bolt", named), ("", named), ("bolt", others), ("bolt", b"\xff\0")):
            run(shared.begin(act("keys.make", account, NOW, details)))
        access.accounts.erase(name)
    assert [(found.account, found.details) for found in run(shared.acts())] == [
        ("bolt", b""), ("", b""), ("bolt", others), ("bolt", b"\xff\0"),
    ]  # fmt: skip
    assert [found.number for found in run(shared.acts(account="bolt"))] == [1, 3, 4]


def test_an_account_is_erased_from_books_without_an_office_and_after_a_second_time(url: str, access: Access) -> None:
    access.accounts.erase(GONE)
    office = office_at(url)
    wrote(office)
    access.accounts.put(GONE, plan="plus")
    access.accounts.erase(GONE)
    assert [found.account for found in run(office.acts())] == ["", "acme"]
    run(office.close())


def test_an_erased_name_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    with spillover.connect(url, policy=policy(), settle=False) as access:
        for name in (GONE, "acme"):
            access.accounts.put(name, plan="plus")
        office = office_at(url)
        wrote(office, 400)
        for number in range(40):
            run(office.put_key(key_of(str(number), accounts=(GONE, f"other {number}"))[0]))
        many_customers(access, office)
        assert {GONE.encode() in _bytes(tmp_path), CUSTOMER.encode() in _bytes(tmp_path)} == {True}
        access.accounts.erase(GONE)
        left = _bytes(tmp_path)
        assert CUSTOMER.encode() not in left
        assert GONE.encode() not in left
        assert PERSON.encode() not in left
        assert b"other 39" in left
        assert len(run(office.acts(account="acme"))) == 400
        run(office.close())


def many_customers(access: Access, office: Any) -> None:
    """The one that is to go among so many that pages of the table are split."""
    for number in range(1, 200):
        run(office.bind_customer(number, "stripe", f"cus_other_{number}"))
    bound(access, office, GONE, CUSTOMER)


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


@pytest.fixture(scope="module")
def own_server() -> Iterator[Postgres]:
    """One whose files can be read."""
    with postgres() as server:
        yield server


def test_an_erased_name_is_in_no_file_of_the_server(own_server: Postgres) -> None:
    url = own_server.new_database()
    with spillover.connect(url, policy=policy(), settle=False) as access:
        for name in (GONE, "acme"):
            access.accounts.put(name, plan="plus")
        office = office_at(url)
        wrote(office, 100)
        for number in range(40):
            run(office.put_key(key_of(str(number), accounts=(GONE, f"other {number}"))[0]))
        many_customers(access, office)
        as_admin(url, "ANALYZE")
        assert _is_in_files(own_server, GONE)
        assert _is_in_files(own_server, CUSTOMER)
        access.accounts.erase(GONE)
        assert not _is_in_files(own_server, CUSTOMER)
        assert not _is_in_files(own_server, GONE)
        assert not _is_in_files(own_server, PERSON)
        sampled = "SELECT tablename || '.' || attname FROM pg_stats WHERE schemaname = 'spillover_office'"
        names = {"office_words.account", "office_words.details", "office_bindings.account", "office_customers.customer"}
        assert not names & {column for (column,) in execute(url, sampled)}
        assert len(run(office.acts(account="acme"))) == 100
        run(office.close())


def _is_in_files(server: Postgres, name: str) -> bool:
    """Whether it stands in any file of any table, index or statistics. The log of changes (pg_wal) is not asked."""
    as_admin(server.url, "CHECKPOINT")
    folders = (server.data / "base", server.data / "global", server.data / "pg_stat")
    files = (path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return any(name.encode() in path.read_bytes() for path in files)
