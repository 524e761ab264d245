"""A client killed at any step, and a service killed under load: what was told is on the books, once."""

import os
import shutil
import signal
import threading
from contextlib import suppress

import apsw
import pytest

import spillover
from spillover.http_client import drainer
from spillover.http_client.pool import Pool
from spillover.model.errors import StoreUnavailable
from tests.cli.support import run
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served
from tests.http_client.faces import FACES, Away, lose, open_face, recorded, until
from tests.http_client.test_tries import Again

STEPS_MAX = 400
BOUND = {"chat.messages": 5, "video.seconds": 50}


def dies_at(step, work):
    """Run `work(arm, say)` in a child that ends at the n-th step from `arm` on: whether it did; what it had said."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        left = [-1]
        turn = threading.Lock()

        def count(*_):
            with turn:
                if left[0] == 0:
                    os._exit(7)
                left[0] -= 1
            return True

        def sent(self, call, until, send=Pool.send):
            count()
            found = send(self, call, until)
            count()
            return found

        try:
            apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", count))
            Pool.send = sent
            work(lambda: left.__setitem__(0, step), lambda said: os.write(writing, said.encode()))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 7), status
    return status == 7, said


def client_of(service, journal):
    admit = spillover.Admit(BOUND, journal=journal)
    return spillover.connect(service.url, deadline=30, when_unreachable=admit)


def booked(put, account):
    """(requests, units) by feature."""
    put.settle()
    return {row.group[0]: (row.requests, row.units) for row in put.usage(account).rows}


def pace(every):
    """Each step, or each `every`-th: the places move from one to the next."""
    return range(0, STEPS_MAX, every)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_while_it_admits_what_was_told_is_recorded_and_nothing_twice(away_service, put, tmp_path, every):
    seen = set()
    for step in pace(every):
        account, journal = f"admits {every} {step}", tmp_path / f"{step}"
        put.accounts.put(account, "plus")
        put.credits.add(account, "1000", key=account)

        def work(arm, say, account=account, journal=journal):
            client = client_of(away_service, journal)
            with Away(away_service):
                arm()
                for name, ask in asks(client, account):
                    ask()
                    say(name)

        with Away(away_service):
            killed, said = dies_at(step, work)
        seen.add(said)
        with client_of(away_service, journal) as client:
            recorded(client)
            found = booked(put, account)
            requests, units = found.get("chat.messages", (0, 0))[0], found.get("video.seconds", (0, 0))[1]
            assert requests >= ("c" in said)
            assert units >= 7 * ("h" in said) + 3 * ("r" in said)
            for _, ask in asks(client, account):
                with suppress(spillover.KeyReused):
                    ask()
            recorded(client)
        assert booked(put, account) == {"chat.messages": (1, 1), "video.seconds": (2, 10)}, (step, said)
        if not killed:
            break
    assert {"", "ochr"} <= seen


def asks(client, account):
    """What is asked, each step safe to be asked again by who does not know how it went."""

    def hold():
        with suppress(spillover.HoldEnded, spillover.KeyReused):  # it was used, and is on the books
            client.open_hold(account, "video.seconds", 7, key="h")

    def end():
        with suppress(spillover.UnknownName):  # as above: by another process, so this one was not told
            client.holds.commit(account, "h", 7)

    def consume():
        with suppress(spillover.KeyReused):  # as above
            client.consume(account, "chat.messages", key="c")

    return [("o", hold), ("c", consume), ("h", end), ("r", lambda: client.record(account, "video.seconds", 3, key="r"))]


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_while_it_records_each_entry_is_on_the_books_once(away_service, put, tmp_path, every):
    waited = set()
    for step in pace(every):
        account, journal = f"records {every} {step}", tmp_path / f"{step}"
        put.accounts.put(account, "plus")
        assert put.open_hold(account, "video.seconds", 2, key="mine")
        with Away(away_service), client_of(away_service, journal) as client:
            for one in range(2):
                assert client.consume(account, "chat.messages", key=f"c{one}")
            assert client.open_hold(account, "video.seconds", 7, key="h")
            assert client.holds.commit(account, "h", 4)
            assert client.holds.commit(account, "mine", 3)

        def work(arm, _, journal=journal):
            arm()
            recorded(client_of(away_service, journal))

        killed, _ = dies_at(step, work)
        with Away(away_service), client_of(away_service, journal) as client:
            waited.add(client.journal_status().waiting)
        with client_of(away_service, journal) as client:
            recorded(client)
        assert booked(put, account) == {"chat.messages": (2, 2), "video.seconds": (2, 7)}, step
        if not killed:
            break
    assert {0, 4} <= waited


def test_a_lost_answer_and_a_kill_together_are_still_one_charge(away_service, put, tmp_path):
    journal = tmp_path / "x"

    def work(arm, say):
        client = client_of(away_service, journal)
        arm()
        client.consume("acme", "chat.messages", key="k")
        say("told")

    for step in range(STEPS_MAX):
        lose(away_service, "/v1/consume")
        killed, said = dies_at(step, work)
        away_service.before, away_service.after = (lambda _: None), (lambda _, answer: answer)
        with client_of(away_service, journal) as client:
            recorded(client)
            assert client.consume("acme", "chat.messages", key="k")
        assert booked(put, "acme") == {"chat.messages": (1, 1)}, step
        if said or not killed:
            break
        put.accounts.erase("acme")
        put.accounts.put("acme", "plus")
        shutil.rmtree(journal, ignore_errors=True)


@pytest.mark.parametrize(
    ("face", "kills"), [("plain", 1), *(pytest.param(face, 6, marks=pytest.mark.soak) for face in FACES)]
)
def test_a_service_killed_under_load_misses_nothing_that_was_answered_and_has_nothing_twice(
    face, kills, tmp_path, monkeypatch
):
    monkeypatch.setattr(drainer, "LOOK_SECONDS", 0.05)
    services = [Served(tmp_path, policy=STARTER)]
    admit = spillover.Admit({"chat.messages": 200}, journal=tmp_path / "x.journal")
    url = f"http://127.0.0.1:{services[0].port}"
    try:
        with open_face(face, url, deadline=1, when_unreachable=admit) as client:
            client.accounts.put("acme", "starter")
            client.limits.set("acme", "chat.messages", "burst", 10**6, key="l")
            client.credits.add("acme", "1000000", key="c")
            with Load(client, 4) as load:
                for _ in range(kills):
                    load.more(15, journaled=False)
                    services[-1].stop(signal.SIGKILL)
                    load.more(15, journaled=True)
                    services.append(Again(tmp_path, services[0].port))
                    until(lambda: not client.journal_status().waiting)  # the bound is whole again
                load.more(15, journaled=False)
            assert not load.failures
            recorded(client)
        with spillover.connect(url, deadline=60) as client:
            client.settle()
            [row] = client.usage("acme").rows
            assert len({key for key, _ in load.done}) == len(load.done)
            assert row.requests == len(load.done)
            assert client.holds.list("acme") == ()
    finally:
        services[-1].stop()
    assert run("audit", "--db", f"sqlite:///{tmp_path / 'served.db'}").status == 0


class Load:
    """Threads that ask, each request again under its key until it is answered."""

    def __init__(self, client, threads):
        self.client, self.done, self.failures, self.over = client, [], [], threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def ask(self, number):
        count = 0
        while not self.over.is_set():
            key = f"{number}-{count}"
            try:
                self.done.append((key, self.one((number + count) % 5, key)))
                count += 1
            except StoreUnavailable:
                continue
            except Exception as error:
                self.failures.append(error)
                return

    def one(self, kind, key):
        if kind == 4:
            held = self.client.open_hold("acme", "chat.messages", key=key)
            self.client.holds.commit("acme", key)
            return held.journaled
        verb = self.client.record if kind == 3 else self.client.consume  # most are bounded: so threads wait, too
        return verb("acme", "chat.messages", key=key).journaled

    def more(self, count, *, journaled):
        """Waits for so many answers more."""
        before = self.count(journaled)
        until(lambda: self.failures or self.count(journaled) >= before + count)

    def count(self, journaled):
        return sum(one == journaled for _, one in list(self.done))
