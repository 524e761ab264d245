"""Whoever dies in the middle of a commit, a client or the server: items stand whole, and what was answered stands."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from spillover.model.errors import StoreUnavailable
from tests import servers
from tests.conformance.dying import before, group, whole, without
from tests.conformance.rungs import PostgresRung, ValkeyRung
from tests.conformance.support import Hot, Rung, add, grant, kinds
from tests.servers import Proxy
from tests.servers.process import STARTING, wait_for

ROOT = Path(__file__).parents[2]


class Dying:
    """Children of `dying.py`, killed before, or just after, their Nth message reaches the server."""

    def __init__(self, kind: str, proxy: Proxy, rung: PostgresRung | ValkeyRung) -> None:
        command = [sys.executable, "-m", "tests.conformance.dying", kind, proxy.through(rung.url)]
        command.append(getattr(rung, "prefix", ""))
        self._proxy = proxy
        self._forker = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, account: int, at: int, *, arrives: bool) -> bool:
        """Whether the child was killed."""
        pid, left = queue.SimpleQueue[int](), iter(range(at, -1, -1))

        def admit() -> bool:
            if next(left, 1):
                return True
            os.kill(pid.get(timeout=STARTING), signal.SIGKILL)
            return arrives

        self._proxy.before_each(admit)
        print(account, file=self._forker.stdin)
        pid.put(int(self._line()))
        status = int(self._line())
        wait_for(lambda: not self._proxy.connected, "found the server at work for a process that has ended")
        assert status in (0, -signal.SIGKILL)
        return status != 0

    def _line(self) -> str:
        assert self._forker.stdout is not None
        return self._forker.stdout.readline()

    def close(self) -> None:
        self._forker.communicate(timeout=STARTING)


@pytest.mark.parametrize("rung", ["postgres", "valkey", "redis62"], indirect=True)
@pytest.mark.parametrize("arrives", [False, True])
def test_a_process_killed_at_any_message_leaves_its_items_whole_and_their_keys_decide(rung: Rung, arrives):
    assert isinstance(rung, PostgresRung | ValkeyRung)
    hot, left = rung.open(), list[bool]()
    with Proxy.to(rung.url) as proxy:
        dying = Dying("postgres" if isinstance(rung, PostgresRung) else "valkey", proxy, rung)
        try:
            for account in range(1, 100):
                assert kinds(hot.commit(*before(account))) == "cc"
                killed = dying.run(account, account - 1, arrives=arrives)
                done = hot.standing(account) == whole(account)
                assert done or hot.standing(account) == without(account)
                assert [entry.key for entry in hot.entries(account)] == ["1", "2", "3", "4", "5"][: 5 if done else 2]
                assert kinds(hot.commit(*group(account))) == ("ddd" if done else "ccc")
                assert hot.standing(account) == whole(account)
                left.append(done)
                if not killed:
                    break
        finally:
            dying.close()
    assert len(left) > 3
    assert left[-1]
    assert not left[0]


STRICT: dict[str, Callable[[], servers.Server]] = {
    "postgres": servers.postgres,
    "valkey": servers.valkey,
}


@pytest.mark.parametrize("kind", STRICT)
def test_what_was_answered_is_there_after_the_server_was_killed(kind):
    with STRICT[kind]() as server:
        rung = PostgresRung(server) if isinstance(server, servers.Postgres) else ValkeyRung(server.url)
        hot, answered, enough = rung.open(), list[int](), threading.Event()

        def write() -> None:
            for turn in range(1, 1_000_000):
                batch = [grant(add("a", 1), account=account, key=f"{turn}") for account in (1, 2)]
                try:
                    hot.commit(*batch)
                except StoreUnavailable:
                    return
                answered.append(turn)
                if turn == 30:
                    enough.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert enough.wait(STARTING)
        server.kill()
        writer.join(STARTING)
        server.start()
        last = answered[-1]
        for account in (1, 2):
            assert hot.places(account)[account].sequence in (last, last + 1)
            keys = [entry.key for entry in hot.entries(account)]
            assert keys in ([f"{n}" for n in range(1, end)] for end in (last + 1, last + 2))
            assert kinds([hot.one(grant(add("a", 1), account=account, key=f"{last + 1}"))]) in "cd"
            assert hot.values(account, "a") == (last + 1,)
        rung.close()


@pytest.mark.parametrize("rung", ["postgres", "valkey"], indirect=True)
def test_a_store_goes_on_by_itself_after_its_connection_was_cut(rung: Rung):
    assert isinstance(rung, PostgresRung | ValkeyRung)
    with Proxy.to(rung.url) as proxy:
        rung.url, direct = proxy.through(rung.url), rung.url
        hot: Hot = rung.open()
        assert kinds(hot.commit(grant(add("a", 1), key="k"))) == "c"
        proxy.cut()
        with pytest.raises(StoreUnavailable):
            hot.one(grant(add("a", 1), key="l"))
        proxy.heal()
        assert kinds(hot.commit(grant(key="k"), grant(add("a", 1), key="l"))) == "dc"
        assert hot.values(1, "a") == (2,)
        hot.close()
        rung.url = direct
