"""Who stood still for too long and goes on: what it does then has no effect on what others did meanwhile."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from spillover.engine.drive import drive
from spillover.engine.rebuilding import rebuild
from spillover.model.commit import Conflict
from tests.conformance.support import add, grant
from tests.faults.people import Person, people
from tests.faults.shop import NAMES, Where, audited, booked, looks, quarantined
from tests.servers.process import wait_for

TIMES = [pytest.param(1, id="short"), pytest.param(30, id="long", marks=pytest.mark.soak)]
LASTS_MS = 300


def has_all(where: Where, settler: Person) -> bool:
    """Whether all shards are that settler's."""
    with psycopg.connect(where.books) as connection:
        owners = connection.execute("SELECT DISTINCT owner FROM spillover_ledger.claims").fetchall()
    return owners == [(settler.notes.stem,)]


@pytest.mark.parametrize("place", ["postgres", "valkey", "cluster"], indirect=True)
@pytest.mark.parametrize("times", TIMES)
def test_a_settler_that_was_stopped_beyond_its_claim_books_nothing_twice_when_it_goes_on(
    where: Where, times: int, tmp_path: Path
) -> None:
    with where.connect() as access:
        for name in NAMES:  # a client that is only denied gives settlers nothing to do
            access.credits.add(name, "10000000", key="plenty")
    with people(tmp_path, where) as clients:
        clients.engine()
        slow, heir = clients.settler(lasts=LASTS_MS, batch=32), clients.settler(lasts=LASTS_MS, batch=32)
        for _ in range(times):
            wait_for(lambda slow=slow: slow.lines("s"), "found a settler without work")
            slow.stop()
            wait_for(lambda heir=heir: has_all(where, heir), "found nobody in its place")
            done = len(heir.lines("s"))
            wait_for(lambda done=done, heir=heir: len(heir.lines("s")) > done + 3, "found nothing settled in its place")
            slow.go_on()
            slow, heir = heir, slow
        clients.wait_for_more(20, settled=20)
        assert clients.check() > 20


def test_an_engine_that_remembers_an_old_epoch_is_put_right_and_loses_nothing(where: Where) -> None:
    with where.connect() as access, where.connect() as old:
        assert old.consume("acme", "video", 3, key="before").granted == 3
        held = old.open_hold("acme", "video", 5, key="held")
        assert held
        account = access.run(access.desk.account("acme"))
        stale = drive(old.desk.store.load(account, ("t",)))
        store, ledger = access.desk.store, access.desk.ledger
        drive(rebuild(store, ledger, account, now=access.desk.clock(), reason="test", actor="ops"))
        assert old.consume("acme", "video", 2, key="after").granted == 2
        assert old.consume("acme", "video", 3, key="before").replayed
        assert old.holds.commit("acme", "held", 4).granted == 4
        access.settle()
        rows = [(row.epoch, row.event.key) for row in booked(access, "acme") if row.event.kind in ("usage", "hold")]
        assert rows == [(0, "before"), (0, "held"), (1, "after")]
        assert {one.status for one in looks(access)} == {"same"}
        assert quarantined(access) == ()
        assert audited(where, access).ok
        assert stale.epoch == 0


def test_a_commit_of_an_old_epoch_changes_nothing(where: Where) -> None:
    with where.connect() as access:
        account = access.run(access.desk.account("acme"))
        store, ledger = access.desk.store, access.desk.ledger
        version = drive(store.places([account]))[account].version
        drive(rebuild(store, ledger, account, now=access.desk.clock(), reason="test", actor="ops"))
        before = drive(store.standing(account))
        zombie = grant(add("lot:1", -5), account=account, epoch=0, version=version, key="zombie")
        (outcome,) = drive(store.commit([zombie]))
        assert isinstance(outcome, Conflict)
        assert drive(store.standing(account)) == before
