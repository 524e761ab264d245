"""A URL names servers; its password goes to them and nowhere else."""

import pytest

from spillover.model.errors import InvalidInput, StoreError
from spillover.stores.valkey.address import Address, parse
from tests.servers import valkey
from tests.valkey.support import open_store, store


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("valkey://example", Address((("example", 6379),))),
        ("redis://example:7000/3", Address((("example", 7000),), db=3)),
        ("valkeys://user:p%40ss@example", Address((("example", 6379),), tls=True, username="user", password="p@ss")),
        ("rediss://:secret@[::1]:7000/0", Address((("::1", 7000),), tls=True, password="secret")),
        ("valkey+cluster://one:1,two:2", Address((("one", 1), ("two", 2)), cluster=True)),
        ("rediss+cluster://:p@one", Address((("one", 6379),), cluster=True, tls=True, password="p")),
    ],
)
def test_every_form_of_address_is_understood(url, address):
    assert parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@example", "valkey:user:secret@example", "valkey://user:secret@one,two",
        "valkey://user:secret@example:port", "valkey://user:secret@example/name", "redis+cluster://:secret@example/1",
        "valkey://user:secret@example?db=1", "secret",
    ],
)  # fmt: skip
def test_a_mistake_in_an_address_is_told_without_its_password(url):
    with pytest.raises(InvalidInput) as caught:
        parse(url)
    assert "secret@" not in str(caught.value)
    assert "user" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_the_text_of_an_address_has_no_password():
    address = parse("valkey+cluster://user:secret@one:1,two:2")
    assert repr(address) == str(address) == f"{address}" == "valkey+cluster://one:1,two:2"


def test_a_wrong_password_is_an_error_at_once_that_does_not_tell_it():
    with valkey() as server, server.client() as client:
        client.config_set("requirepass", "right")
        for url in (f"valkey://:wrong-one@127.0.0.1:{server.port}", f"valkey://127.0.0.1:{server.port}"):
            with pytest.raises(StoreError, match="correct user and password in the address") as caught:
                open_store(url)
            assert "wrong-one" not in str(caught.value)
        with store(f"valkey://:right@127.0.0.1:{server.port}") as hot:
            assert hot.read() == []
