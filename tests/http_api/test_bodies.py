"""Bodies and headers on the wire: bounded in size and in time, whatever a client says and does."""

import json
import socket

import pytest

from tests.http_api.conftest import STARTER
from tests.http_api.served import Served

CHAT = b'{"account":"acme","feature":"chat.messages"}'
LINE = b"POST /v1/consume HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    flags = ("--body-max", "2000", "--body-timeout", "0.3", "--header-timeout", "1")
    with Served(tmp_path_factory.mktemp("bounded"), *flags, policy=STARTER) as found:
        found.post("accounts/put", {"account": "acme", "plan": "starter"})
        yield found


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while part := connection.recv(65_536):
        found += part
    connection.close()
    return found


def answer_to(service, sent: bytes) -> tuple[int, bytes]:
    """What is answered to these bytes, on a connection that the server closes."""
    found = all_of(service.raw(sent))
    return int(found.split(b" ", 2)[1]), found


def test_a_body_beyond_the_bound_is_refused_before_it_is_read(bounded):
    status, found = answer_to(bounded, LINE + b"Content-Length: 2001\r\n\r\n")
    assert status == 413
    assert b"urn:spillover:problem:too-large" in found
    assert b"connection: close" in found.lower()


def test_a_chunked_body_beyond_the_bound_is_refused_as_soon_as_it_is(bounded):
    chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
    status, _ = answer_to(bounded, LINE + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
    assert status == 413


@pytest.mark.parametrize("head", [b"Content-Length: 44\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"])
def test_a_body_that_does_not_come_is_not_waited_for(bounded, head):
    status, found = answer_to(bounded, LINE + head + b'{"acc')
    assert status == 408
    assert b"urn:spillover:problem:body-timeout" in found


def test_a_chunked_body_within_the_bound_is_taken(bounded):
    sent = LINE + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, found = answer_to(bounded, sent + f"{len(CHAT):x}\r\n".encode() + CHAT + b"\r\n0\r\n\r\n")
    assert status == 200
    assert b'"allowed":true' in found


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_request_is_answered_400_and_closed(bounded, sent):
    assert answer_to(bounded, sent)[0] == 400


def test_headers_beyond_the_bound_are_refused(bounded):
    assert answer_to(bounded, LINE + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n")[0] in (400, 431)


def test_headers_that_do_not_come_and_silence_end_the_connection(bounded):
    assert all_of(bounded.raw(LINE)) in (b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    assert all_of(bounded.raw(b"")) == b""


def test_a_client_who_leaves_in_the_middle_leaves_no_traceback(bounded):
    bounded.raw(LINE + b"Content-Length: 44\r\n\r\n" + b'{"acc').close()
    bounded.raw(LINE + f"Content-Length: {len(CHAT)}\r\n\r\n".encode() + CHAT).close()
    seen = ""
    while 'endpoint="/v1/consume",status="400"' not in seen and 'endpoint="/v1/consume",status="500"' not in seen:
        seen = bounded.ask("GET", "/metrics").body.decode()  # the one that left in the middle is done with
    lines = [json.loads(line) for line in bounded.errors.read_text().splitlines()]
    assert not [line for line in lines if "traceback" in line]


def test_a_key_that_is_no_text_is_refused_and_not_taken_for_none(bounded):
    length = f"Content-Length: {len(CHAT)}\r\nConnection: close\r\n".encode()
    assert answer_to(bounded, LINE + length + b"Idempotency-Key: \xff\r\n\r\n" + CHAT)[0] == 400
    assert answer_to(bounded, LINE + length + b"Authorization: \xff\r\n\r\n" + CHAT)[0] == 400
    assert answer_to(bounded, LINE + length + b"traceparent: \xff\r\n\r\n" + CHAT)[0] == 200


def test_one_connection_carries_many_requests(bounded):
    connection = bounded.connection()
    for _ in range(20):
        connection.request("POST", "/v1/check", CHAT)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()
