"""An exception at any moment, as a signal's handler raises it: what comes next works, and nothing is half done."""

import itertools
import sys

import apsw
import pytest

from spillover.model.errors import StoreError, StoreUnavailable
from spillover.sqlite import Turnstile
from spillover.stores.memory import MemoryHotStore
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant, kinds
from tests.faults.test_interrupted import TimeUp, is_free

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a hit while one is closed
UNDER_FIRE = ("spillover/sqlite/", "spillover/stores/")


class Fire:
    """Raises TimeUp once, at the Nth place under fire where the interpreter may run a signal's handler.

    Those are the first step of each function and the return from each call.
    """

    def __init__(self, at: int) -> None:
        self.left, self.hits = at, 0

    def run(self, action):
        """What the action gives; None if it was hit."""
        sys.setprofile(self._step)
        try:
            return action()
        except TimeUp:
            return None
        finally:
            sys.setprofile(None)

    def _step(self, frame, event, _):
        if event in ("call", "c_return") and any(place in frame.f_code.co_filename for place in UNDER_FIRE):
            self.left -= 1
            if self.left == -1:
                self.hits += 1
                raise TimeUp


def shots(action):
    """The action under fire at every instruction in turn, until it gets through."""
    for at in itertools.count():
        fire = Fire(at)
        found = fire.run(lambda at=at: action(at))
        yield at, found
        if not fire.hits:
            return


def batch(at: int):
    return [
        grant(add("a", 1), add("b", 2), key=f"{at}/1", hold=(f"h{at}", 5, b"x")),
        grant(add("a", 1), add("c", -1), add("c", 1), account=at + 10, key=f"{at}/2"),
    ]


@pytest.fixture
def pair(tmp_path):
    opened = [Hot(SQLiteHotStore(tmp_path / "a.db", "fast", wait_ms=200)) for _ in range(2)]
    yield opened
    for hot in opened:
        hot.close()


def commit(store, items):
    """Without the loop of asyncio, which is not under fire: these coroutines never wait."""
    coroutine = store.commit(items)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    finally:
        coroutine.close()


@pytest.mark.parametrize("next_is", ["the same store", "another store of this process"])
def test_a_write_interrupted_anywhere_is_whole_or_not_there_and_the_next_write_works(pair, tmp_path, next_is):
    hot, other = pair
    hot.commit(*batch(-1))
    asked = hot if next_is == "the same store" else other
    for at, _ in shots(lambda at: commit(hot.store, batch(at))):
        first, second = kinds(asked.commit(*batch(at)))
        assert first == second, at
        assert asked.values(1, "a", "b") == (at + 2, 2 * at + 4)
        assert is_free(tmp_path / "a.db-room")
        assert is_free(tmp_path / "a.db-door")
    assert at > 50
    assert len(asked.read()) == 2 * at + 4
    assert apsw.Connection(str(tmp_path / "a.db")).pragma("integrity_check") == "ok"


def test_an_interrupted_mending_is_gone_on_with(pair):
    hot, other = pair
    database = hot.store._db

    def leave_open_and_go_on(at):
        database.write().__enter__().execute("INSERT OR REPLACE INTO cells VALUES (1, 'a', 99)")
        return commit(hot.store, batch(at))

    for at, _ in shots(leave_open_and_go_on):
        for store in (other, hot):
            first, second = kinds(store.commit(*batch(at)))
            assert first == second, at
            assert store.values(1, "a") == (at + 1,)
    assert at > 50


def test_a_read_interrupted_anywhere_leaves_nothing_behind(pair):
    hot, other = pair
    hot.commit(*batch(0))

    def load(_):
        coroutine = hot.store.load(1, ["a", "b"])
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value

    for at, _ in shots(load):
        assert kinds(other.commit(grant(add("a", 1), key=f"o{at}"))) == "c"
        assert hot.values(1, "a") == (at + 2,), "a snapshot that was left open would not show it"
        assert kinds(hot.commit(grant(key=f"w{at}"))) == "c"


def test_a_read_that_was_left_open_and_is_collected_late_does_not_touch_what_was_begun_since(pair):
    hot, _ = pair
    hot.commit(*batch(0))
    database = hot.store._db

    def reading():
        with database.read():
            yield

    stale = reading()
    next(stale)
    with database.write() as connection:
        connection.execute("UPDATE cells SET value = 7 WHERE name = 'a'")
        del stale  # collected now, as its traceback's cycle might be
        assert connection.in_transaction
        connection.execute("UPDATE cells SET value = 9 WHERE name = 'b'")
    fresh = Hot(SQLiteHotStore(database.path))
    assert fresh.values(1, "a", "b") == (7, 9)
    fresh.close()


def test_a_write_that_lost_its_transaction_raises_and_its_key_decides(pair):
    hot, _ = pair
    hot.commit(*batch(0))
    with pytest.raises(StoreUnavailable, match="ended by something else"), hot.store._db.write() as connection:
        connection.execute("ROLLBACK")
    database = hot.store._db
    with pytest.raises(StoreUnavailable, match="ended by something else"), database.write(), database.read():
        pass
    assert kinds(hot.commit(*batch(0), grant(add("a", 1), key="new"))) == "ddc"


def test_a_transaction_that_cannot_be_ended_costs_the_connection_and_no_more(pair):
    hot, other = pair
    hot.commit(*batch(0))
    old = hot.store._db.connection
    old.exec_trace = lambda _, sql, __: sql not in ("COMMIT", "ROLLBACK")
    with pytest.raises(StoreError):
        hot.commit(*batch(1))
    assert kinds(other.commit(*batch(2))) == "cc"
    assert kinds(hot.commit(*batch(0), *batch(1), *batch(2))) == "ddccdd"
    assert hot.store._db.connection is not old
    with pytest.raises(StoreError, match="not authorized"), hot.store._db.write() as connection:
        connection.execute("CREATE TABLE mine (x)")


def test_a_wait_for_a_turn_interrupted_anywhere_leaves_the_file_to_others(tmp_path):
    path = str(tmp_path / "a.db")
    holder, hot = Turnstile(path, wait_s=0.2), Hot(SQLiteHotStore(path, wait_ms=1))

    def wait(at):
        with pytest.raises(StoreUnavailable, match="ahead for more"):
            commit(hot.store, batch(at))

    for at in itertools.count():
        fire = Fire(at)
        with holder:
            fire.run(lambda at=at: wait(at))
        with holder:
            assert is_free(f"{path}-door")
        if not fire.hits:
            break
    assert at > 20
    holder.close()
    hot.close()


def test_a_batch_in_memory_interrupted_anywhere_is_whole_or_not_there():
    store, witness = MemoryHotStore(), Hot(MemoryHotStore())
    hot = Hot(store)
    for at in itertools.count():
        fire = Fire(at)
        items = [*batch(at), grant(add("b", -2), ended=f"h{at}", key=f"{at}/3")]
        fire.run(lambda items=items: commit(store, items))
        said = set(kinds(hot.commit(*items)))
        assert said in ({"c"}, {"d"}), at
        witness.commit(*items)
        assert hot.read() == witness.read()
        assert hot.due() == witness.due()
        assert hot.load(1, "a", "b", "c") == witness.load(1, "a", "b", "c")
        if not fire.hits:
            break
    assert at > 50
