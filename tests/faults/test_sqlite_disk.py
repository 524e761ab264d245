"""A disk that is full, errs or loses its power: rolled back whole, nothing answered is lost, and the store goes on."""

import itertools
import random
from pathlib import Path

import apsw
import pytest

from spillover.model.errors import StoreError, StoreFull, StoreUnavailable
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant, kinds, push
from tests.faults.disks import FailingDisk, ForgetfulDisk

NAMES = [f"c{n}" for n in range(8)]


def batch_of(start: int, count: int = 8):
    """Items that touch two cells each, one event each; some cells go up and down to 0."""
    return [
        grant(add(NAMES[n % 8], 1), add("total", 1), account=n % 3, key=f"k{n}", payload=b"p" * 300)
        for n in range(start, start + count)
    ]


def seen(hot: Hot):
    return [hot.load(account, *NAMES, "total") for account in range(3)], hot.read()


def integrity(path: Path) -> str:
    connection = apsw.Connection(str(path))
    try:
        return connection.pragma("integrity_check")
    finally:
        connection.close()


@pytest.mark.parametrize("after", range(8))
@pytest.mark.parametrize(
    ("kind", "error", "becomes"),
    [
        ("write", apsw.FullError, StoreFull),
        ("write", apsw.IOError, StoreUnavailable),
        ("sync", apsw.IOError, StoreUnavailable),
        ("sync", apsw.FullError, StoreFull),
    ],
)
def test_a_failing_disk_applies_nothing_and_the_store_goes_on_when_it_works_again(
    tmp_path, kind, error, becomes, after
):
    disk = FailingDisk()
    hot, witness = Hot(SQLiteHotStore(tmp_path / "a.db", vfs=disk.name)), Hot(SQLiteHotStore(tmp_path / "a.db"))
    assert kinds(hot.commit(*batch_of(0))) == "c" * 8
    before = seen(hot)
    disk.fail(kind, error, after if kind == "write" else 0)
    with pytest.raises(becomes, match=r"found .*, expected .*; .*") as raised:
        hot.commit(*batch_of(8))
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert seen(witness) == before
    disk.fail(None)
    assert seen(hot) == before
    assert kinds(hot.commit(*batch_of(0, 16))) == "d" * 8 + "c" * 8
    assert seen(hot) == seen(witness)
    hot.close()
    witness.close()
    assert integrity(tmp_path / "a.db") == "ok"


def test_a_full_file_system_says_so_and_takes_up_again_when_there_is_room(tmp_path):
    hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
    hot.commit(*batch_of(0))
    connection = hot.store._db.connection
    connection.pragma("max_page_count", connection.pragma("page_count") + 2)
    answered, before = 8, seen(hot)
    for start in itertools.count(8, 8):
        try:
            hot.commit(*batch_of(start))
        except StoreFull as full:
            assert "no space" in str(full)  # noqa: PT017  (which batch fills the file is not known beforehand)
            break
        answered, before = start + 8, seen(hot)
    assert seen(hot) == before
    connection.pragma("max_page_count", 10**6)
    assert kinds(hot.commit(*batch_of(0, answered + 8))) == "d" * answered + "c" * 8


def test_a_disk_that_cannot_read_fails_the_call_and_no_more(tmp_path):
    disk = FailingDisk()
    hot = Hot(SQLiteHotStore(tmp_path / "a.db", vfs=disk.name))
    hot.commit(*(item for n in range(0, 512, 64) for item in batch_of(n, 64)))
    before = seen(hot)
    fresh = Hot(SQLiteHotStore(tmp_path / "a.db", vfs=disk.name))
    disk.fail("read")
    for use in (lambda: fresh.load(1, "total"), lambda: fresh.commit(*batch_of(512)), fresh.read):
        with pytest.raises(StoreUnavailable):
            use()
    disk.fail(None)
    assert seen(fresh) == before


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path):
    disk = FailingDisk()
    disk.fail("open", apsw.CantOpenError)
    with pytest.raises(StoreUnavailable, match="cannot be read or written"):
        SQLiteHotStore(tmp_path / "a.db", vfs=disk.name)
    disk.fail(None)
    Hot(SQLiteHotStore(tmp_path / "a.db", vfs=disk.name)).close()


def test_a_damaged_page_is_reported_as_damage(tmp_path):
    hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
    for start in range(0, 800, 8):
        hot.commit(*batch_of(start))
    hot.close()
    content = bytearray((tmp_path / "a.db").read_bytes())
    for page in range(2 * 4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        Hot(SQLiteHotStore(tmp_path / "a.db")).read()


def survive(tmp_path: Path, seed: int, durability: str) -> tuple[int, int]:
    """Works, loses the power at a random moment, opens what the disk kept: (events answered, events found)."""
    chance, disk = random.Random(seed), ForgetfulDisk()
    path = tmp_path / "a.db"
    hot = Hot(SQLiteHotStore(path, durability=durability, vfs=disk.name))
    if chance.random() < 0.5:
        hot.store._db.connection.pragma("wal_autocheckpoint", chance.choice([1, 5, 20]))
    answered = 0
    for _ in range(chance.randrange(1, 25)):
        hot.commit(*batch_of(answered))
        answered += 8
        if chance.random() < 0.2:
            hot.acknowledge([])
    kept = disk.after_power_loss(chance)
    after = tmp_path / "after"
    after.mkdir()
    for name, data in kept.items():
        if not name.endswith("-shm"):
            (after / Path(name).name).write_bytes(data)
    assert integrity(after / "a.db") == "ok"
    again = Hot(SQLiteHotStore(after / "a.db"))
    entries = again.read()
    assert [entry.key for entry in entries] == [f"k{n}" for n in range(len(entries))]
    assert sum(again.values(account, "total")[0] for account in range(3)) == len(entries)
    assert kinds(again.commit(*batch_of(0, answered))) == "d" * len(entries) + "c" * (answered - len(entries))
    again.close()
    hot.close()
    return answered, len(entries)


@pytest.mark.parametrize("seed", range(40))
def test_strict_loses_nothing_answered_when_the_power_goes(tmp_path, seed):
    answered, found = survive(tmp_path, seed, "strict")
    assert found == answered


def test_fast_loses_at_most_whole_groups_off_the_end_when_the_power_goes(tmp_path):
    lost = 0
    for seed in range(30):
        (folder := tmp_path / str(seed)).mkdir()
        answered, found = survive(folder, seed, "fast")
        assert found % 8 == 0
        lost += answered - found
    assert lost > 0  # else this disk forgets nothing, and the strict test shows nothing


def test_a_strict_commit_syncs_what_fast_ones_wrote_before_it(tmp_path):
    disk = ForgetfulDisk()
    fast = Hot(SQLiteHotStore(tmp_path / "a.db", durability="fast", vfs=disk.name))
    strict = Hot(SQLiteHotStore(tmp_path / "a.db", durability="strict", vfs=disk.name))
    fast.commit(*batch_of(0))
    strict.one(push(1, account=9))
    for seed in range(20):
        kept = disk.after_power_loss(random.Random(seed))
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, data in kept.items():
            if not name.endswith("-shm"):
                (folder / Path(name).name).write_bytes(data)
        found = Hot(SQLiteHotStore(folder / "a.db"))
        assert len(found.read()) == 9
        found.close()
    fast.close()
    strict.close()
