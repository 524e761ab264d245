"""A move under traffic: an engine in another process uses the source until it is told where the books live.

What it was answered is in the target's books, once; what it was refused is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import spillover
from spillover.access.plain import Access
from spillover.audit import audit
from spillover.bootstrap.addresses import address_of
from spillover.engine.drive import drive
from spillover.model.errors import AccountShut, StoreUnavailable
from spillover.move import move
from spillover.ports import Ledger
from tests.rebuild.support import NAMES, SURVIVED, engine, looked, ports, shop
from tests.servers import Databases
from tests.support import POLICY, clock, policy

WARM = 60
"""Requests that are answered before the move begins."""
PATIENCE = 100_000


def traffic(url: str, log: Path, warm: int) -> None:
    """Usage and orders, and what became of each under its key, until the books say that they have moved."""
    with spillover.connect(url, clock=clock()) as access, log.open("w") as told:
        for number in count():
            assert number < PATIENCE, "nobody said that the books have moved"
            name, key = NAMES[number % len(NAMES)], f"live {number}"
            print(one_request(access, name, key, number), name, key, sep="\t", file=told, flush=True)
            if number == WARM:
                os.write(warm, b"!")
            if number % 20 == 0 and number > WARM:
                paid = one_order(access, name, f"paid {number}")
                print(paid, name, f"paid {number}", sep="\t", file=told, flush=True)
                is_told(lambda: access.accounts.put(f"new {number}", "plus"))  # noqa: B023 (called at once)
                if paid == "refused":
                    return


def one_request(access: Access, name: str, key: str, number: int) -> str:
    verb = access.record if number % 3 else access.consume
    try:
        return "used" if verb(name, "video.seconds", 1, key=key, subject=f"person {number % 7}") else "denied"
    except StoreUnavailable as error:
        require_known(error)
        return "shut"


def one_order(access: Access, name: str, key: str) -> str:
    try:
        access.credits.add(name, 1, key=key)
    except StoreUnavailable as error:  # shut: it is booked, and to be pushed where the account lives then
        return "refused" if require_known(error) else "shut"
    return "paid"


def is_told(order: Callable[[], object]) -> bool:
    """Whether the answer is that the books live elsewhere."""
    try:
        order()
    except StoreUnavailable as error:
        return require_known(error)
    return False


def require_known(error: StoreUnavailable) -> bool:
    """Nobody is told anything else than that an account is shut, or (True) that the books have moved."""
    moved = "these books were moved to " in str(error)
    assert moved or isinstance(error, AccountShut), error
    return moved


def in_another_process(work: Callable[[int], None]) -> tuple[int, int]:
    """Its id, and where it says that it is under way."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read)
            work(write)
            status = SURVIVED
        finally:
            os._exit(status)
    os.close(write)
    return child, read


def moved_under_traffic(source: str, target: str, log: Path) -> None:
    child, warm = in_another_process(lambda warm: traffic(source, log, warm))
    assert os.read(warm, 1) == b"!"
    os.close(warm)
    move(source, target, clock=clock())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == SURVIVED
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    said = {(name, key): what for what, name, key in lines}
    assert list(said.values()).count("used") >= WARM // 2
    assert "shut" in said.values()
    check(target, said)


def keys_of(ledger: Ledger, account: int) -> Iterator[str]:
    after = None
    while True:
        page = drive(ledger.events(account=account, after=after))
        yield from (row.event.key for row in page.rows)
        if (after := page.after) is None:
            return


def check(target: str, said: dict[tuple[str, str], str]) -> None:
    """The target's books have what was answered, once, and nothing that was refused; and it serves."""
    with engine(target) as access:
        access.settle(tend=False)
        ledger = ports(access)[1]
        booked: list[tuple[str, str]] = []
        lots: set[tuple[str, str]] = set()
        names = {drive(ledger.find_account(name)): name for name in NAMES}
        for account, name in names.items():
            assert account is not None
            booked += [(name, key) for key in keys_of(ledger, account) if key.startswith("live ")]
            lots |= {key for key in said if key[0] == name and drive(ledger.ordered(account, key[1]))}
        assert sorted(booked) == sorted(key for key, what in said.items() if what == "used")
        assert {key for key, what in said.items() if what == "paid"} <= lots
        assert not lots & {key for key, what in said.items() if what == "refused"}
        assert [looked(access, name).status for name in NAMES] == ["same"] * 3
        assert access.record("acme", "video.seconds", 1, key="it serves")
        access.settle(tend=False)
    place = address_of(target)
    assert audit(place.path or place.books).findings == ()


def test_from_a_file_to_a_server(postgres_url: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    with shop(source):
        pass
    moved_under_traffic(source, postgres_url, tmp_path / "log")


def test_from_a_server_to_a_hot_store_of_its_own(postgres_server: Databases, valkey_url: str, tmp_path: Path) -> None:
    source, books = postgres_server.new_database(), postgres_server.new_database()
    with shop(source):
        pass
    moved_under_traffic(source, f"{valkey_url}?ledger={books}", tmp_path / "log")
    for url in (source, books):
        postgres_server.drop_database(url)


def test_what_a_journal_admitted_on_the_closed_source_is_recorded_in_the_target(tmp_path: Path) -> None:
    source, target, journal = f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db", tmp_path / "journal"
    generous = policy(POLICY.replace("  plus:\n", "  plus:\n    outage: {admit: {video.seconds: 3}}\n"))
    with spillover.connect(source, policy=generous, clock=clock(), settle=False, journal=journal) as old:
        old.accounts.put("acme", "plus")
        assert not old.consume("acme", "video.seconds", 1, key="before").journaled
        move(source, target, clock=clock())
        assert old.consume("acme", "video.seconds", 2, key="between").journaled
        with pytest.raises(AccountShut):
            old.consume("acme", "video.seconds", 2, key="too much")
    with spillover.connect(target, clock=clock(), settle=False, journal=journal) as new:
        new.settle()
        account = drive(ports(new)[1].find_account("acme"))
        assert account is not None
        new.settle()
        assert [key for key in keys_of(ports(new)[1], account) if ":" not in key] == ["before", "between"]


@pytest.mark.soak
@pytest.mark.parametrize("number", range(10))
def test_again_and_again(
    postgres_server: Databases, valkey_url: str, postgres_url: str, tmp_path: Path, number: int
) -> None:
    test_from_a_file_to_a_server(postgres_url, tmp_path)
    test_from_a_server_to_a_hot_store_of_its_own(postgres_server, valkey_url, tmp_path)
