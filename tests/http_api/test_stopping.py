"""A service that is asked to stop answers what it accepted; one that is killed has lost nothing that it answered."""

import contextlib
import http.client
import json
import signal
import threading

import spillover
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served


def consuming(service, answered, refused):
    """Ask on one connection until the service is gone; the keys that were answered."""
    with contextlib.closing(service.connection()) as connection:
        for at in range(100_000):
            key = f"{threading.get_ident()}-{at}"
            body = json.dumps({"account": "acme", "feature": "chat.messages", "key": key})
            try:
                connection.request("POST", "/v1/consume", body)
                with connection.getresponse() as answer:
                    told = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                refused.append(error)
                return
            if answer.status != 200:
                refused.append(told)
                return
            if told["allowed"]:
                answered.append(key)


def busy(service, how, enough=60):
    """Threads that ask, until so many were answered; then the signal. (the keys answered, how it ended)"""
    answered, refused = [], []
    threads = [threading.Thread(target=consuming, args=(service, answered, refused)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < enough and any(thread.is_alive() for thread in threads):
        threads[0].join(0.01)
    status = service.stop(how)
    for thread in threads:
        thread.join()
    return answered, refused, status


def start(folder):
    service = Served(folder, policy=STARTER)
    service.post("accounts/put", {"account": "acme", "plan": "starter"})
    service.post(
        "limits/set", {"account": "acme", "feature": "chat.messages", "limit": "burst", "max": 10**6, "key": "l"}
    )
    service.post("credits/add", {"account": "acme", "credits": "1000000", "key": "c"})
    return service


def on_the_books(folder, keys):
    """Each key that was answered is known, with the answer of then; and the books add up."""
    from spillover.audit import audit

    path = folder / "served.db"
    with spillover.connect(f"sqlite:///{path}") as access:
        for key in keys:
            assert access.consume("acme", "chat.messages", key=key).replayed, key
        access.settle()
        used = access.usage("acme").rows[0].requests
    assert audit(str(path)).ok
    return used


def test_sigterm_answers_what_was_accepted_and_ends_with_status_0(tmp_path):
    answered, refused, status = busy(service := start(tmp_path), signal.SIGTERM)
    assert status == 0
    assert "stopped; what was accepted is answered" in service.said
    assert not [one for one in refused if isinstance(one, dict)]  # nobody was told 503 for what was accepted
    assert len(answered) >= 60
    with spillover.connect(f"sqlite:///{tmp_path / 'served.db'}", settle=False) as access:
        assert access.run(access.desk.store.backlog()).entries == 0  # a last batch was booked
    assert on_the_books(tmp_path, answered) == len(answered)


def test_sigint_stops_it_too_and_a_slow_request_is_still_answered(tmp_path):
    service = start(tmp_path)
    body = b'{"account":"acme","feature":"chat.messages","key":"slow"}'
    head = f"POST /v1/consume HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection = service.raw(head + body[:10])
    assert service.ask("GET", "/healthz").status == 200  # behind it: the slow one was accepted
    service.process.send_signal(signal.SIGINT)
    while '"message":"stopping"' not in service.errors.read_text():
        assert service.process.poll() is None
    connection.sendall(body[10:])
    found = connection.recv(65_536)
    connection.close()
    assert found.startswith(b"HTTP/1.1 200")
    assert service.stop(0) == 0
    assert on_the_books(tmp_path, ["slow"]) == 1


def test_sigkill_loses_nothing_that_was_answered(tmp_path):
    answered, _, status = busy(start(tmp_path), signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert len(answered) >= 60
    assert on_the_books(tmp_path, answered) >= len(answered)


def test_what_was_accepted_and_never_comes_holds_the_end_no_longer_than_stated(tmp_path):
    service = Served(tmp_path, "--drain", "0.2", "--body-timeout", "600", policy=STARTER)
    connection = service.raw(b"POST /v1/consume HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
    service.ask("GET", "/healthz")
    assert service.stop() == 0
    assert "unanswered" in service.errors.read_text()
    connection.close()
