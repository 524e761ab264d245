"""Rebuilt accounts: each epoch is on record, where the one before ended; keys that come again are a visible pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

import spillover
from spillover.access.plain import Access
from spillover.audit import AuditReport, audit
from spillover.engine.drive import drive
from spillover.engine.rebuilding import rebuild
from spillover.engine.settlement import settle_account
from spillover.ports import Terms
from tests.audit.copying import copy_books, make_tables
from tests.audit.forger import Forger
from tests.audit.planting import ACME, expect, sql
from tests.audit.worlds import World
from tests.servers import Databases

LATER = 1_780_300_000_000


@pytest.fixture
def access(shop: Path) -> Iterator[Access]:
    with spillover.connect(f"sqlite:///{shop}", clock=lambda: LATER, settle=False) as access:
        yield access


def id_of(access: Access, name: str = "acme") -> int:
    found = drive(access._desk.ledger.find_account(name))
    assert found
    return found


def rebuilt(access: Access, name: str = "acme") -> None:
    desk = access._desk
    drive(rebuild(desk.store, desk.ledger, id_of(access, name), now=LATER, reason="a drill", actor="me"))


def forget(shop: Path, key: str) -> None:
    """The hot state does not know the key any more, as after its retention."""
    with Forger(shop) as forger:
        assert forger.run("DELETE FROM keys WHERE key = ?", key)


def whole(shop: Path) -> AuditReport:
    report = audit(shop)
    assert report.ok, [str(one) for one in report.findings]
    return report


@pytest.fixture
def twice(shop: Path, access: Access) -> Path:
    """Acme in its third epoch: rebuilt twice, with usage and new terms before, between and after."""
    access.credits.add("acme", "30", key="more")
    access.consume("acme", "video", 1, key="before")
    rebuilt(access)
    access.consume("acme", "video", 1, key="between")
    access.credits.add("acme", "5", key="still more")
    rebuilt(access)
    access.consume("acme", "video", 1, key="after")
    access.settle()
    return shop


def test_rebuilt_accounts_are_whole_at_every_step(shop: Path, access: Access) -> None:
    desk, acme = access._desk, id_of(access)
    access.consume("acme", "video", 1, key="before")
    drive(desk.ledger.put_account("acme", Terms(consent=False), at=LATER, reason="", actor=""))
    whole(shop)
    drive(desk.store.shut(acme))
    whole(shop)
    drive(settle_account(desk.store, desk.ledger, acme))
    standing = drive(desk.ledger.raise_epoch(acme, epoch=0, at=LATER, reason="a drill", actor="me"))
    whole(shop)
    drive(desk.store.put_back(standing))
    whole(shop)
    drive(desk.push())
    whole(shop)
    access.consume("acme", "video", 1, key="after")
    assert whole(shop).unsettled > 0
    access.settle()
    assert whole(shop).unsettled == 0


def test_several_epochs_are_whole_and_change_no_digest(twice: Path, tmp_path: Path) -> None:
    report = whole(twice)
    assert report.events > 14
    with Forger(twice) as forger:
        assert forger.one(f"SELECT epoch FROM accounts WHERE id = {ACME}") == 2
    before = report.digest
    with spillover.connect(f"sqlite:///{twice}", clock=lambda: LATER, settle=False) as access:
        rebuilt(access)
        rebuilt(access)
    assert whole(twice).digest == before


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_rebuilt_between_is_whole(tmp_path: Path, seed: int) -> None:
    world, pick = World(tmp_path / "x.db", seed, accounts=3), Random(f"rebuilds {seed}")
    for number in range(150):
        world.step(number)
        if pick.random() < 0.1:
            desk = world.access._desk
            account = drive(desk.ledger.find_account(pick.choice(world.names)))
            assert account
            drive(rebuild(desk.store, desk.ledger, account, now=world.at, reason="a drill", actor="me"))
        if number % 50 == 49:
            whole(tmp_path / "x.db")
    whole(world.close(settle=seed % 2 > 0))


@pytest.mark.parametrize(
    ("deleted", "named", "together"),
    [((), (), False), ((1,), (1,), False), ((24,), (24,), False), (range(2, 22), range(2, 22), False),
     (range(1, 26), range(1, 21), True)],
)  # fmt: skip
def test_however_many_epochs_lie_between_two_events_each_must_have_its_row(
    shop: Path, access: Access, deleted: Sequence[int], named: Sequence[int], together: bool
) -> None:
    for _ in range(25):
        rebuilt(access)
    whole(shop)
    with Forger(shop) as forger:
        for epoch in deleted:
            assert forger.run(f"DELETE FROM epochs WHERE account = {ACME} AND epoch = {epoch}")
    found = [one for one in audit(shop).findings if (one.check, one.table) == ("complete", "epochs")]
    wanted = [f"epoch {one}" for one in named] + [""] * together
    assert [one.row for one in found] == wanted
    assert all("no rows of 5 more epochs up to 25" in str(one) for one in found[len(named) :])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6, 300))
def test_whatever_is_rebuilt_between_is_whole_for_long(tmp_path: Path, seed: int) -> None:
    test_whatever_is_rebuilt_between_is_whole(tmp_path, seed)


def test_what_waited_in_the_stream_of_an_older_epoch_is_no_finding_before_it_is_fenced(
    shop: Path, access: Access
) -> None:
    desk, acme = access._desk, id_of(access)
    access.consume("acme", "video", 1, key="lost")
    drive(desk.store.shut(acme))
    standing = drive(desk.ledger.raise_epoch(acme, epoch=0, at=LATER, reason="stream lost", actor="me"))
    drive(desk.store.put_back(standing))
    with Forger(shop) as forger:
        assert forger.run("DELETE FROM keys WHERE key = 'lost'")
    whole(shop)
    access.settle()
    report = audit(shop)
    assert set(report.found) == {"quarantine"}


def of_epoch(suffix: str) -> Callable[[Forger], None]:
    """Terms of acme's second epoch under keys of another, with all hashes right."""

    def plant(forger: Forger) -> None:
        terms = f"account = {ACME} AND key LIKE 'spillover:terms:%:1'"
        for (key,) in forger.rows(f"SELECT key FROM usage_events WHERE {terms}"):
            other, payload = key[:-2] + suffix, "CAST(replace(CAST(payload AS TEXT), ?2, ?1) AS BLOB)"
            assert forger.run(f"UPDATE usage_events SET key = ?1, payload = {payload} WHERE key = ?2", other, key)
            assert forger.run("UPDATE keys SET key = ? WHERE key = ?", other, key)
        forger.rechain()

    return plant


PLANTED = {
    "terms under a key of a later epoch": (of_epoch(":2"), ("terms", "usage_events", "1.")),
    "terms under a key of the first epoch": (of_epoch(""), ("terms", "usage_events", "1.")),
    "terms under a key of epoch 0, spelled out": (of_epoch(":0"), ("terms", "usage_events", "1.")),
    "an epoch that nobody raised on record": (
        sql("DELETE FROM epochs WHERE account = {acme} AND epoch = 1"), ("complete", "epochs", "epoch 1")
    ),
    "an epoch said to end sooner": (
        sql("UPDATE epochs SET ended = ended - 1 WHERE account = {acme} AND epoch = 1"),
        ("complete", "epochs", "epoch 1"),
    ),
    "an epoch said to end later": (
        sql("UPDATE epochs SET ended = ended + 1 WHERE account = {acme} AND epoch = 2"),
        ("complete", "usage_events", "1."),
    ),
    "an epoch to come": (
        sql("INSERT INTO epochs SELECT account, 3, ended, at, '', '' FROM epochs WHERE account = {acme} AND epoch = 2"),
        ("phantom", "epochs", "epoch 3"),
    ),
    "an epoch before the one it follows": (
        sql("UPDATE epochs SET at = 1 WHERE account = {acme} AND epoch = 2"), ("history", "epochs", "epoch 2")
    ),
    "an epoch of nobody": (
        sql("INSERT INTO epochs SELECT 4711, epoch, ended, at, '', '' FROM epochs WHERE account = {acme}"),
        ("phantom", "epochs", ""),
    ),
    "the last event of an older epoch deleted": (
        sql("DELETE FROM usage_events WHERE account = {acme} AND key = 'before'"), ("complete", "usage_events", "0.")
    ),
    "a lower epoch in the hot state": (
        sql("UPDATE hot_accounts SET epoch = 1 WHERE account = {acme}"), ("hot-state", "hot_accounts", "")
    ),
    "a key of this epoch deleted": (
        sql("DELETE FROM keys WHERE account = {acme} AND key = 'after'"), ("keys", "keys", "key 'after'")
    ),
    "something kept to be pushed again that is settled": (
        sql("INSERT INTO pushed SELECT id, settled_version, '{{}}' FROM accounts WHERE id = {acme}"),
        ("phantom", "pushed", "version "),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found_by_name(twice: Path, what: str) -> None:
    plant, wanted = PLANTED[what]
    with Forger(twice) as forger:
        plant(forger)
    expect(audit(twice), *wanted)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("DELETE FROM pushed WHERE account = {acme}", ("complete", "pushed", "version ")),
        ("UPDATE pushed SET push = replace(push, '5000000', '5000001')", ("hot-state", "pushed", "version ")),
        ("UPDATE pushed SET push = 'odd'", ("form", "pushed", "version ")),
    ],
)
def test_terms_that_were_pushed_are_kept_until_they_are_settled(
    shop: Path, access: Access, statement: str, wanted: tuple[str, str, str]
) -> None:
    access.credits.add("acme", "5", key="pushed")
    whole(shop)
    with Forger(shop) as forger:
        assert forger.run(statement.format(acme=ACME))
    expect(audit(shop), *wanted)


def again(shop: Path, access: Access, units: int) -> None:
    """A video of 1, then one of `units` under the same key, which was forgotten between."""
    access.consume("acme", "video", 1, key="twin")
    access.settle()
    forget(shop, "twin")
    access.consume("acme", "video", units, key="twin")
    access.settle()


def test_the_same_request_again_is_booked_and_given_back(shop: Path, access: Access) -> None:
    before = whole(shop)
    again(shop, access, 1)
    after = whole(shop)
    assert after.events > before.events + 1
    with Forger(shop) as forger:
        assert forger.one("SELECT count(*) FROM usage_events WHERE key LIKE 'spillover:again:%'") == 1
        assert forger.one("SELECT count(*) FROM orders WHERE key LIKE 'spillover:again:%'") == 1


def test_another_request_under_a_forgotten_key_is_usage_of_its_own(shop: Path, access: Access) -> None:
    again(shop, access, 2)
    whole(shop)
    with Forger(shop) as forger:
        assert forger.one("SELECT count(*) FROM orders WHERE key LIKE 'spillover:again:%'") == 0


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        (["UPDATE orders SET key = 'x' WHERE key LIKE 'spillover:again:%'"], ("refunds", "refunded", "event 0.")),
        (["DELETE FROM refunded"], ("refunds", "refunded", "event 0.")),
        (["UPDATE usage_events SET key = 'other' WHERE key = 'twin'"], ("once", "usage_events", "0.")),
        (
            ["UPDATE usage_events SET key = 'spillover:again:0.1' WHERE key LIKE 'spillover:again:%'"],
            ("form", "usage_events", "0."),
        ),
    ],
)
def test_a_pair_that_is_none_is_found(
    shop: Path, access: Access, statements: list[str], wanted: tuple[str, str, str]
) -> None:
    again(shop, access, 1)
    with Forger(shop) as forger:
        for statement in statements:
            assert forger.run(statement)
        forger.rechain()
    expect(audit(shop), *wanted)


def test_what_overshoot_left_owed_of_a_request_that_came_again_is_given(studio: Path) -> None:
    with spillover.connect(f"sqlite:///{studio}", clock=lambda: LATER, settle=False) as access:
        for _ in range(2):
            assert access.record("acme", "chat", 40, key="twin")
            access.settle(tend=False)
            with Forger(studio) as forger:
                forger.run("DELETE FROM keys WHERE key = 'twin'")
        access.settle(tend=False)
    report = audit(studio)
    assert set(report.found) <= {"keys"}, [str(one) for one in report.findings]  # it was forgotten again
    with Forger(studio) as forger:
        assert forger.one("SELECT count(*) FROM balance_updates WHERE cause LIKE 'spillover:again:%:owed'") == 1
        assert forger.run("UPDATE orders SET key = 'x' WHERE key LIKE 'spillover:again:%:owed'")
        assert forger.run("UPDATE balance_updates SET cause = 'x' WHERE cause LIKE 'spillover:again:%:owed'")
        forger.rechain()
    expect(audit(studio), "refunds", "orders", "key 'spillover:again:")


def test_in_postgres_epochs_and_pairs_are_the_same(twice: Path, access: Access, postgres_server: Databases) -> None:
    url = postgres_server.new_database(make_tables)
    again(twice, access, 1)
    one = whole(twice)
    copy_books(twice, url)
    other = audit(url)
    assert other.ok, [str(one) for one in other.findings]
    assert (other.digest, other.checked) == (one.digest, one.checked)
    with Forger(twice) as forger:
        sql("UPDATE epochs SET ended = ended - 1 WHERE account = {acme} AND epoch = 1")(forger)
    copy_books(twice, url)
    assert [str(one) for one in audit(url).findings] == [str(one) for one in audit(twice).findings]
