"""What waits in a client's journal is recorded by one thread, whoever wakes it, and whatever the system refuses."""

import sys
import threading
from types import SimpleNamespace

from spillover.http_client import drainer
from tests.http_client.faces import Away, recorded, requests_of

CHAT = ("acme", "chat.messages")


def test_threads_that_come_at_once_start_one_that_records():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            assert len(started_by(8)) == 1
    finally:
        sys.setswitchinterval(before)


def started_by(threads):
    """The threads that a drainer runs, where so many wake it at once."""
    found, ready = [], threading.Barrier(threads)

    class Counted(drainer.Drainer):
        def _run(self):
            found.append(threading.current_thread())

    one = Counted(None, SimpleNamespace(waiting=0), threading.RLock(), None)

    def wake():
        ready.wait()
        one.wake()

    waking = [threading.Thread(target=wake) for _ in range(threads)]
    for thread in waking:
        thread.start()
    for thread in waking:
        thread.join()
    one.close()
    return found


def test_where_the_system_gives_no_thread_it_is_admitted_and_whoever_comes_next_tries_again(
    open_client, away_service, monkeypatch
):
    class Refused(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    with open_client() as client:
        with Away(away_service):
            with monkeypatch.context() as broken:
                broken.setattr(drainer, "Thread", Refused)
                assert client.consume(*CHAT, key="k0").journaled
            assert client.consume(*CHAT, key="k1").journaled
        recorded(client)
        assert requests_of(client) == 2
