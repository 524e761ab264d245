"""The hot store in PostgreSQL: what is its own, beside the contract of every store."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from spillover.model.commit import Duplicate, State
from spillover.model.errors import ClockBehind, NewerRules
from spillover.postgres import open_database
from spillover.postgres.connection import Synced
from spillover.postgres.layout import SEARCH_PATH
from spillover.postgres.session import SQL as SESSION
from spillover.stores.postgres import PostgresHotStore, standing, stream
from spillover.stores.postgres.hot import HOT
from spillover.stores.postgres.known import SQL
from tests.conformance.support import Hot, add, denial, grant, kinds, remembered, settled

LIMITS = SESSION["limits"]
MINUTE = int(time.time() // 60)
LATE = (
    "INSERT INTO spillover_hot.stream (shard, account, epoch, sequence, key, payload) VALUES (5, 5, 1, 1, 'late', '')"
)


def open_hot(url: str, **options) -> Hot:
    return Hot(PostgresHotStore(url, booked=lambda account, key, *place: f"booked {key}".encode(), **options))


@pytest.fixture
def hot(postgres_url: str) -> Iterator[Hot]:
    opened = open_hot(postgres_url)
    yield opened
    opened.close()


def sure(hot: Hot) -> int:
    """Below which id of the stream the store looks no more."""
    return max((head.sure for head in hot.store._stream._heads.values()), default=0)


def settle(hot: Hot, count: int = 3) -> list[str]:
    """Commit some, then read and acknowledge once; the keys that were read."""
    hot.commit(*(grant() for _ in range(count)))
    entries = hot.read()
    hot.acknowledge(entries)
    return [entry.key for entry in entries]


def test_reading_does_not_begin_at_what_was_acknowledged(hot):
    for _ in range(4):
        settle(hot)
    assert sure(hot) > 6
    assert hot.read() == []
    assert [entry.key for entry in (hot.one(grant(key="new")), hot.read())[1]] == ["new"]


def test_an_entry_that_commits_after_later_ones_were_acknowledged_is_read(hot, postgres_url):
    settle(hot)
    with psycopg.connect(postgres_url) as late:
        late.execute(LATE)  # it has its id, and is seen by nobody yet
        for _ in range(5):
            assert "late" not in settle(hot)
        assert hot.backlog().entries == 0
        late.commit()
    assert hot.backlog().entries == 1
    assert [entry.key for entry in hot.read()] == ["late"]
    assert "late" in settle(hot)
    for _ in range(3):
        assert "late" not in settle(hot)
    assert sure(hot) > 20


def test_an_entry_that_is_never_acknowledged_stays_in_sight(hot):
    hot.one(grant(key="parked", account=2))
    for _ in range(5):
        hot.commit(*(grant() for _ in range(3)))
        (parked, *rest) = hot.read()
        assert parked.key == "parked"
        hot.acknowledge(rest)
    assert [entry.key for entry in hot.read()] == ["parked"]


def test_another_choice_of_shards_has_a_head_of_its_own(hot):
    hot.commit(*(grant(account=account) for account in (1, 2)))
    for _ in range(4):
        entries = hot.read(shards=[1])
        hot.acknowledge(entries)
        hot.one(grant(account=1))
    assert [entry.account for entry in hot.read(shards=[2])] == [2]
    assert [entry.account for entry in hot.read()] == [2, 1]


def test_keys_are_forgotten_after_their_time_and_others_are_not(postgres_url):
    short, long = open_hot(postgres_url, retention_ms=0), open_hot(postgres_url)
    item = grant(key="k")
    for hot in (short, long):
        assert kinds(hot.commit(item)) in ("c", "d")
    long.acknowledge(long.read())
    assert long.find(1, "k") == Duplicate(1, 1, "request of k", b"booked k")
    long.one(grant())
    wait_until_the_clock_moves(short)
    short.acknowledge(short.read())
    assert short.find(1, "k") is None
    assert kinds(long.commit(item)) == "c"
    for hot in (short, long):
        hot.close()


def wait_until_the_clock_moves(hot: Hot) -> None:
    until = time.time() + 0.002
    while time.time() < until:
        hot.load(1)


def test_what_is_forgotten_at_a_time_is_bounded_and_in_the_end_all_is(hot, postgres_url, monkeypatch):
    monkeypatch.setattr(stream, "FORGET_MAX", 3)
    monkeypatch.setattr(stream, "LOOK_AGAIN", 2)
    short = open_hot(postgres_url, retention_ms=0)
    short.commit(*(grant() for _ in range(8)), *(denial(denied=("f", "r", minute)) for minute in (1, 2, 3, 4, MINUTE)))
    wait_until_the_clock_moves(short)
    left = []
    for _ in range(4):
        short.acknowledge(short.read(1))
        with psycopg.connect(postgres_url) as connection:
            left.append(connection.execute("SELECT count(*) FROM spillover_hot.keys").fetchone()[0])
    assert left == [5, 2, 0, 0]
    assert [count.minute for count in short.denials(1)] == [MINUTE * 60_000]
    short.close()


def test_nothing_is_decided_once_newer_rules_have_decided(postgres_url):
    old = open_hot(postgres_url, rules=1)
    assert kinds(old.commit(grant(add("a", 1)))) == "c"
    open_database(postgres_url, HOT, role="spillover_hot", rules=9).close()
    with pytest.raises(NewerRules, match="found decisions of rules version 9"):
        old.commit(grant(add("a", 1)))
    assert old.values(1, "a") == (1,)
    old.close()


def test_cells_that_are_known_are_not_read_again_and_those_that_others_change_along_with_the_lock(hot, postgres_url):
    other = open_hot(postgres_url)
    assert [asks(hot) for _ in range(3)] == [["along"], [], []]
    assert [asks(store) for store in (other, hot)] == [["along"], ["after"]]
    assert [asks(store) for _ in range(3) for store in (other, hot)] == [["after"], *[["along"]] * 5]
    assert [asks(hot) for _ in range(3)] == [["along"], [], []]
    assert hot.values(1, "a", "b") == (14, 14)
    other.close()


ASKED = {
    "find": lambda hot: hot.find(1, "k"), "hold": lambda hot: hot.hold(1, "h"), "holds": lambda hot: hot.holds(1),
    "due": lambda hot: hot.due(), "denials": lambda hot: hot.denials(1), "read": lambda hot: hot.read(),
    "entries": lambda hot: hot.entries(1), "backlog": lambda hot: hot.backlog(), "places": lambda hot: hot.places(1),
    "standing": lambda hot: hot.standing(1), "load": lambda hot: hot.load(1, "b"), "shut": lambda hot: hot.shut(2),
    "nothing": lambda hot: None,
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_nothing_is_remembered_of_a_server_that_was_lost_whoever_notices_it_first(hot, postgres_url, asked):
    hot.commit(*(grant(add("a", 40)) for _ in range(2)))
    assert hot.values(1, "a") == (80,)
    with psycopg.connect(postgres_url) as other:
        lost = hot.store._db._connection.info.backend_pid
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", (lost,)).fetchone() == (True,)
        # Back at the same place by another way, as after a crash that took what was told in the mode fast.
        other.execute("UPDATE spillover_hot.cells SET value = 3 WHERE account = 1 AND name = 'a'")
    ASKED[asked](hot)
    assert kinds(hot.commit(grant(add("a", 1)))) == "c"
    assert hot.values(1, "a") == (4,)
    assert hot.store._db._connection.info.backend_pid != lost


def test_many_keys_are_looked_at_forgotten_and_put_back_page_by_page(hot, monkeypatch):
    monkeypatch.setattr(standing, "KEYS_PAGE", 3)
    hot.commit(*(grant(key=f"{n}") for n in range(11)))
    hot.acknowledge(hot.read(10))
    keys = tuple(remembered(grant(key=f"new {n}"), 1, 100 + n) for n in range(8))
    hot.store._booked = lambda account, key, *place: b"booked" if key in ("4", "7") else None
    assert hot.put_back(settled(1, epoch=2, keys=keys))
    found = [key for key in (*(f"{n}" for n in range(11)), *(one.key for one in keys)) if hot.find(1, key) is not None]
    assert found == ["4", "7", "10", *(one.key for one in keys)]  # 10 is in the stream


def test_a_long_batch_is_not_behind_the_clock_by_its_own_groups(postgres_url):
    hot = open_hot(postgres_url, group_max=1)
    hot.one(grant())
    hot.store._clock._behind = 1_000

    def slow(index: int, state: State) -> None:
        while time.time() * 1000 < now + 1_100:
            hot_other.load(1)

    hot_other, now = open_hot(postgres_url), int(time.time() * 1000)
    assert kinds(hot.commit(grant(epoch=9, now=now), grant(now=now), again=slow)) == "xc"
    with pytest.raises(ClockBehind):
        hot.commit(grant(now=now))
    for store in (hot, hot_other):
        store.close()


def asks(hot: Hot) -> list[str]:
    """How often a commit asks for cells: along with the lock, or after that was answered, a round trip later."""
    connection, asked, waited = hot.store._db._connection, [], []
    run, receive = connection.execute, Synced.receive

    def execute(sql, *args, **more):
        if sql == SQL["lock"]:
            waited.clear()
        elif sql == SQL["find_cells"]:
            asked.append("after" if waited else "along")
        return run(sql, *args, **more)

    def receiving(pipeline):
        waited.append(pipeline)
        receive(pipeline)

    connection.execute, Synced.receive = execute, receiving
    try:
        assert kinds(hot.commit(grant(add("a", 1), add("b", 1)))) == "c"
    finally:
        del connection.execute
        Synced.receive = receive
    return asked


@pytest.mark.parametrize("name", SQL)
def test_every_statement_finds_its_rows_by_an_index_however_few_there_are(hot, postgres_url, name):
    hot.one(grant(hold=("h", 1, b"")))
    with psycopg.connect(postgres_url, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute("ANALYZE")
        connection.execute(LIMITS, (SEARCH_PATH, "0", "on"))
        plan = connection.execute(f"EXPLAIN (GENERIC_PLAN) {SQL[name]}").fetchall()
    scans = [row[0] for row in plan if "Seq Scan" in row[0] or "Bitmap" in row[0]]
    assert scans == []
