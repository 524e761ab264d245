"""A call is tried again where that is safe, within its deadline, under the same key; else it fails with one line."""

import http.client
import json
import os
import signal
import socket
import threading
import time

import pytest
from aiohttp import web

import spillover
from spillover.http_client.pool import CONNECTIONS_MAX
from spillover.http_client.problems import NotAllowed
from spillover.http_client.tries import Tries
from spillover.model.errors import InvalidInput, Overloaded, StoreError, StoreUnavailable
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served, free_port
from tests.http_client.clocked import Clocked
from tests.support import clock, policy


@pytest.fixture
def service():
    with Clocked(policy(), clock()) as found:
        with spillover.connect(found.url, deadline=30) as client:
            client.accounts.put("acme", "plus")
            client.credits.add("acme", "1000", key="first")
        yield found


def counting(service, answers):
    """The service answers so at first, None as usual, and as usual after these; the paths that came."""
    seen = []
    waiting = list(answers)

    def before(request):
        seen.append(request.path)
        make = waiting.pop(0) if waiting else None
        return make and make()

    service.before = before
    return seen


def answer(status, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, headers=named)


def text(said):
    return lambda: web.Response(text=said)


@pytest.mark.parametrize("status", [502, 503, 504, 404])
def test_what_has_a_key_is_sent_at_most_three_times(service, status):
    with spillover.connect(service.url, deadline=1) as client:
        seen = counting(service, [answer(status), answer(status)])
        assert client.consume("acme", "chat.messages")
        assert seen == ["/v1/consume"] * 3
        seen = counting(service, [answer(status)] * 9)
        with pytest.raises(
            StoreUnavailable, match=rf"{service.url}: found no .*\(status {status}.*\), tried 3 times in "
        ):
            client.consume("acme", "chat.messages")
        assert len(seen) == 3
        counting(service, [])
        client.settle()
        assert client.usage("acme").rows[0].requests == 1


def test_what_has_no_key_and_changes_something_is_sent_once(service):
    with spillover.connect(service.url, deadline=1) as client:
        seen = counting(service, [answer(503)])
        with pytest.raises(StoreUnavailable, match=r"tried once .* as it has no key"):
            client.accounts.put("acme", "free")
        assert len(seen) == 1
        assert client.accounts.put("acme").plan == "plus"


def test_what_is_no_failure_is_not_tried_again(service):
    with spillover.connect(service.url, deadline=1) as client:
        seen = counting(service, [])
        with pytest.raises(spillover.UnknownName):
            client.consume("nobody", "chat.messages")
        assert not client.consume("acme", "video.seconds", 10**6)
        assert len(seen) == 2


def test_retry_after_is_kept_and_ends_the_tries_where_it_lies_behind_the_deadline(service):
    with spillover.connect(service.url, deadline=20) as client:
        seen = counting(service, [answer(503, Retry_After="1")])
        begun = time.monotonic()
        assert client.consume("acme", "chat.messages")
        assert time.monotonic() - begun >= 1
        assert len(seen) == 2
        seen = counting(service, [answer(503, Retry_After="3600")] * 9)
        with pytest.raises(StoreUnavailable, match="tried once"):
            client.consume("acme", "chat.messages")
        assert len(seen) == 1


def test_a_program_that_is_no_service_is_named(service):
    with spillover.connect(service.url, deadline=1) as client:
        for wrong in (answer(302, Location="/"), text("hello"), text("[]")):
            counting(service, [wrong])
            with pytest.raises(StoreError, match="expected a Spillover service") as error:
                client.balance("acme")
            assert "\n" not in str(error.value)


def test_where_nobody_listens_the_error_says_how_often_and_how_long():
    url = f"http://127.0.0.1:{free_port()}"
    with spillover.connect(url, deadline=0.3) as client:
        with pytest.raises(StoreUnavailable, match=rf"{url}: found no .*refused\), tried 3 times in 0\.\d s; expected"):
            client.consume("acme", "chat.messages")
        with pytest.raises(StoreUnavailable, match="tried once"):
            client.accounts.put("acme", "plus")


class Drip:
    """A server that accepts, and then says what it is told, a byte at a time, for ever."""

    def __init__(self, said):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.said, self.over = said, threading.Event()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            if self.over.is_set():
                connection.close()
                return
            self.threads.append(threading.Thread(target=self.drip, args=(connection,)))
            self.threads[-1].start()

    def drip(self, connection):
        with connection:
            try:
                connection.recv(65_536)
                for sign in self.said:
                    connection.sendall(bytes([sign]))
                while not self.over.wait(0.02):
                    if self.said:
                        connection.sendall(b"x")
            except OSError:
                return

    def close(self):
        self.over.set()
        socket.create_connection(self.socket.getsockname()).close()
        self.socket.close()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"]
)
def test_the_deadline_ends_a_call_however_slowly_it_is_answered(said):
    server = Drip(said)
    try:
        client = spillover.connect(server.url, deadline=0.3)
        with client, pytest.raises(StoreUnavailable, match="no answer in time"):
            client.consume("acme", "chat.messages")
    finally:
        server.close()


def test_what_comes_behind_a_hint_is_not_taken_for_the_answer_to_the_next_call():
    calls = []  # of each connection

    def hint(server):
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                calls.append(0)
                while connection.recv(65_536):
                    calls[-1] += 1
                    connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hint, args=(server,))
        thread.start()
        with spillover.connect(f"http://127.0.0.1:{server.getsockname()[1]}", deadline=30) as client:
            for _ in range(2):
                with pytest.raises(StoreError, match="status 103"):
                    client.balance("acme")
        if len(calls) < 2:
            socket.create_connection(server.getsockname()).close()
        thread.join()
    assert calls == [1, 1]


def test_a_service_that_is_killed_and_started_again_between_the_tries_decides_once(tmp_path):
    """Keys of callers and of the client itself; every answer stands in the books once."""
    served = Served(tmp_path, policy=STARTER)
    url, done, stop = f"http://127.0.0.1:{served.port}", [], threading.Event()
    failures = []
    with spillover.connect(url, deadline=30) as client:
        client.accounts.put("acme", "starter")
        client.limits.set("acme", "chat.messages", "burst", 10**6, key="l")
        client.credits.add("acme", "1000000", key="c")

        def ask(number):
            while not stop.is_set():
                try:
                    key = f"{number}-{len(done)}" if number % 2 else None
                    done.append(client.consume("acme", "chat.messages", key=key).key)
                except Exception as error:
                    failures.append(error)
                    return

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(done) > 30 or failures)
        served.stop(signal.SIGKILL)
        seen = len(done)
        again = Again(tmp_path, served.port)
        try:
            until(lambda: len(done) > seen + 30 or failures)
            stop.set()
            for thread in threads:
                thread.join()
            assert not failures
            client.settle()
            assert len(set(done)) == len(done)
            assert client.usage("acme").rows[0].requests == len(done)
        finally:
            stop.set()
            again.stop()


class Again(Served):
    """The same service once more, at the same port."""

    def __init__(self, folder, port):
        self._port = port
        super().__init__(folder)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, self._port if name == "port" else value)


def until(what):
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_many_threads_share_one_client(service):
    with spillover.connect(service.url, deadline=30) as client:
        answers = []

        def ask(number):
            for at in range(10):
                decision = client.record("acme", "video.seconds", 1, key=f"{number}-{at}")
                answers.append(decision.key == f"{number}-{at}" and decision.granted == 1)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS_MAX // 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True] * (CONNECTIONS_MAX // 4 * 10)


def test_who_finds_no_connection_free_until_the_deadline_is_told(service):
    with spillover.connect(service.url, deadline=0.1) as client:
        for _ in range(CONNECTIONS_MAX):
            client._pool._turns.acquire()
        with pytest.raises(Overloaded, match=f"found {CONNECTIONS_MAX} calls under way"):
            client.balance("acme")


def test_parent_and_child_of_a_fork_both_go_on(service):
    with spillover.connect(service.url, deadline=30) as client:
        assert client.consume("acme", "chat.messages", key="before")
        ours, theirs = os.pipe()
        client._pool._lock.acquire()  # as if another thread of the parent were in it just now
        child = os.fork()
        if not child:
            try:
                told = [client.consume("acme", "chat.messages", key=f"child {one}").key for one in range(5)]
                os.write(theirs, json.dumps(told).encode())
            finally:
                os._exit(0)
        client._pool._lock.release()
        mine = [client.consume("acme", "chat.messages", key=f"parent {one}").key for one in range(5)]
        os.close(theirs)
        with os.fdopen(ours) as told:
            assert json.load(told) == [f"child {one}" for one in range(5)]
        os.waitpid(child, 0)
        assert mine == [f"parent {one}" for one in range(5)]


def test_a_closed_client_says_so(service):
    client = spillover.connect(service.url)
    assert client.balance("acme")
    client.close()
    client.close()
    with pytest.raises(StoreUnavailable, match="client: found it closed"):
        client.balance("acme")


def test_a_connection_that_the_service_closed_meanwhile_is_not_used(service, monkeypatch):
    with spillover.connect(service.url, deadline=30) as client:
        client.balance("acme")
        (idle,) = client._pool._idle
        client.balance("acme")
        assert client._pool._idle == [idle]
        service.cut()
        until(idle.is_stale)
        monkeypatch.setattr(Tries, "after_failure", None)  # it is not even tried
        assert client.check("acme", "chat.messages")
        assert client._pool._idle != [idle]


def test_an_interrupted_call_leaves_no_answer_for_the_next(service, monkeypatch):
    with spillover.connect(service.url, deadline=30) as client:
        client.balance("acme")

        def interrupted(_):
            raise KeyboardInterrupt

        with monkeypatch.context() as changed:
            changed.setattr(http.client.HTTPConnection, "getresponse", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.consume("acme", "chat.messages", key="k")
        assert client.balance("acme").credits
        assert client.consume("acme", "chat.messages", key="k")


def test_keys_and_addresses_that_are_none_are_refused_and_never_shown():
    for url in ("http://", "http://user:secret@localhost", "http://localhost:70000", "http://a/?b", "http://a b"):
        with pytest.raises(InvalidInput, match="address") as error:
            spillover.connect(url)
        assert "secret" not in str(error.value)
    with pytest.raises(InvalidInput, match="key: found a str") as error:
        spillover.connect("http://localhost", key="sp_secret\r\nX: y")
    assert "secret" not in str(error.value)
    with pytest.raises(InvalidInput, match="policy: found one beside an http address"):
        spillover.connect("http://localhost", policy="policy.yaml")
    with pytest.raises(InvalidInput, match="key: found one beside the address of a database"):
        spillover.connect("memory://", key="sp_x")
    with pytest.raises(InvalidInput, match="deadline"):
        spillover.connect("http://localhost", deadline=0)


def test_a_key_that_opens_nothing_is_refused(service):
    client = spillover.connect(service.url, key="sp_none_none", deadline=30)
    with client, pytest.raises(NotAllowed, match="found a key that opens nothing"):
        client.balance("acme")
