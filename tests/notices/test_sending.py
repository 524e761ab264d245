"""One try of a message: to the address that was judged, within its time as a whole, and no further."""

import socket

import pytest

from spillover.notices.addresses import PORTS
from spillover.notices.sending import ANSWER_MAX, Rules, retry_after, send
from tests.notices.receivers import Receiver, answering, certified, dribbling, saying, silent

NOW = 1_772_442_000_000
BODY = b'{"type":"hold.expired"}'
QUICK = Rules(allow_private=True, seconds=0.2)
RULES = Rules(allow_private=True)


def sent(url, rules=RULES):
    return send(url, {"webhook-id": "msg_1"}, BODY, NOW, rules)


def test_a_message_arrives_whole_and_counts_as_taken_with_any_2xx():
    with Receiver(answering(202, b"thanks")) as receiver:
        outcome = sent(f"{receiver.url}?token=a%20b")
    (request,) = receiver.got
    assert (outcome.status, outcome.error, outcome.after) == (202, "", 0)
    assert (request.path, request.body) == ("/hook?token=a%20b", BODY)
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["content-type"] == "application/json"


FAILING = [
    (answering(500, b"out of\norder"), 500, "500: out of order"),
    (answering(404), 404, "404"),
    (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"), 200, "cut off"),
    (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\nhalf"), 200, "cut off"),
    (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), 200, "cut off"),
    (saying(b""), 0, "no HTTP"),
    (saying(b"SSH-2.0-OpenSSH\r\n"), 0, "no HTTP"),
    (saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200), 0, "no HTTP"),
]


@pytest.mark.parametrize(("manners", "status", "told"), FAILING)
def test_an_answer_that_is_none_or_not_good_is_told_as_such(manners, status, told):
    with Receiver(manners) as receiver:
        outcome = sent(receiver.url)
    assert (outcome.status, told in outcome.error) == (status, True), outcome


SLOW = [
    silent,
    dribbling(b""),
    dribbling(b"HTTP/1.1 200 OK\r\nx-filler: "),
    dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
]


@pytest.mark.parametrize("manners", SLOW)
def test_who_answers_a_byte_at_a_time_holds_nobody_longer_than_who_is_silent(manners):
    with Receiver(manners) as receiver:
        outcome = sent(receiver.url, QUICK)
    assert "too slowly" in outcome.error or "timed out" in outcome.error


def test_the_answers_before_the_last_one_do_not_prolong_a_try():
    def endless(receiver, connection, _):
        while not receiver.ended.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 64)

    with Receiver(endless) as receiver:
        assert "no answer within" in sent(receiver.url, QUICK).error


def test_a_huge_answer_is_read_to_its_bound_and_left():
    left = []

    def huge(receiver, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * ANSWER_MAX)
                left.append(ANSWER_MAX)
        except OSError:
            receiver.ended.set()

    with Receiver(huge) as receiver:
        outcome = sent(receiver.url)
        assert receiver.ended.wait(30)
    assert (outcome.status, outcome.error) == (200, "")
    assert sum(left) < 1_000_000_000


def test_a_redirect_is_not_followed_wherever_it_leads():
    with Receiver() as inside, Receiver(answering(307, Location=inside.url)) as receiver:
        outcome = sent(receiver.url)
        assert (outcome.status, "redirect" in outcome.error) == (307, True)
        assert (len(receiver.got), inside.got) == (1, [])


def test_an_address_where_nobody_listens_is_told():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = sent(f"http://127.0.0.1:{port}/")
    assert (outcome.status, outcome.error) == (0, "no connection: Connection refused")


RETRY_AFTER = [
    ("120", 120_000), (" 7 ", 7_000), ("0", 0), ("Mon, 02 Mar 2026 09:01:00 GMT", 60_000),
    ("Mon, 02 Mar 2026 08:00:00 GMT", 0), ("-5", 0), ("1.5", 0), ("soon", 0), (None, 0), ("9" * 40, 0),
    ("Mon, 02 Mar 9999999 09:01:00 GMT", 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "waits"), RETRY_AFTER)
def test_retry_after_is_read_as_seconds_or_as_a_date(text, waits):
    assert retry_after(text, NOW) == waits


def test_retry_after_comes_with_the_outcome():
    with Receiver(answering(503, Retry_After="30")) as receiver:
        assert sent(receiver.url).after == 30_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certified("hooks.example", tmp_path_factory.mktemp("certificates"))


def here(*_):
    return ["127.0.0.1"]


def test_over_tls_the_name_is_asked_for_and_its_certificate_checked(certificate):
    rules = Rules(allow_private=True, lookup=here, tls=certificate.client)
    with Receiver(tls=certificate.server) as receiver:
        outcome = sent(f"https://hooks.example:{receiver.port}/in", rules)
        assert (outcome.status, outcome.error) == (204, "")
        assert receiver.names == ["hooks.example"]
        assert receiver.got[0].headers["host"] == f"hooks.example:{receiver.port}"
        wrong = sent(f"https://other.example:{receiver.port}/in", rules)
        assert "certificate: " in wrong.error
        assert "certificate: " in sent(f"https://hooks.example:{receiver.port}/in", Rules(True, lookup=here)).error
        assert len(receiver.got) == 1


def test_a_receiver_at_the_usual_port_is_called_by_its_bare_name(certificate, monkeypatch):
    rules = Rules(allow_private=True, lookup=here, tls=certificate.client)
    with Receiver(tls=certificate.server) as receiver:
        monkeypatch.setitem(PORTS, "https", receiver.port)
        assert sent("https://hooks.example/in", rules).error == ""
        assert receiver.got[0].headers["host"] == "hooks.example"


def test_a_handshake_that_never_ends_is_over_with_the_try():
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connections are taken, and nobody reads from them
        outcome = sent(f"https://127.0.0.1:{deaf.getsockname()[1]}/", QUICK)
    assert "no answer within" in outcome.error


def test_the_name_is_resolved_once_and_what_was_judged_is_connected_to(certificate):
    asked = []

    def turning(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.9"]

    with Receiver(tls=certificate.server) as receiver:
        rules = Rules(allow_private=True, lookup=turning, tls=certificate.client)
        assert sent(f"https://hooks.example:{receiver.port}/", rules).error == ""
    assert asked == ["hooks.example"]


def test_the_next_address_of_a_name_is_tried_where_the_first_takes_no_connection(certificate):
    with Receiver(tls=certificate.server) as receiver:
        rules = Rules(allow_private=True, lookup=lambda *_: ["127.0.0.2", "127.0.0.1"], tls=certificate.client)
        assert sent(f"https://hooks.example:{receiver.port}/", rules).error == ""


def test_a_name_that_takes_too_long_to_resolve_is_over_with_the_try():
    with Receiver() as receiver:
        rules = Rules(seconds=0.2, lookup=lambda *_: receiver.ended.wait(30) and [])
        assert "not resolved in time" in sent("https://slow.example/", rules).error
