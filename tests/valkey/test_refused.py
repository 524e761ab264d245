"""A fault that lasts is told with what mends it: nobody is asked to do in vain the same again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spillover.model.errors import StoreUnavailable
from tests.servers import KeyValue, redis62, valkey
from tests.servers.process import free_port
from tests.valkey.support import open_store


@pytest.fixture(params=[valkey, redis62])
def server(request: pytest.FixtureRequest) -> Iterator[KeyValue]:
    with request.param() as server:
        yield server


def said(url: str) -> str:
    """What opening it says, on one line."""
    with pytest.raises(StoreUnavailable) as caught:
        open_store(url, timeout_ms=300)
    text = str(caught.value)
    assert "\n" not in text
    assert "again" not in text
    return text


def test_a_database_number_that_the_server_does_not_have(server: KeyValue) -> None:
    assert "no database of that number, expected one that the server has; correct the number" in said(
        f"{server.url}/99"
    )


def test_a_wrong_password_and_one_that_is_lacking_or_too_much(server: KeyValue) -> None:
    refused = "found the user or password refused, expected access; correct user and password in the address"
    secret = server.url.replace("://", "://:letmein@")
    assert refused in said(secret)
    with server.client() as client:
        client.config_set("requirepass", "another")
    for url in (server.url, secret, server.url.replace("://", "://bob:letmein@")):
        assert refused in said(url)
        assert "letmein" not in said(url)


def test_a_place_where_nobody_listens_or_that_nobody_knows() -> None:
    port = free_port()
    for place in (f"valkey://127.0.0.1:{port}", f"valkey+cluster://127.0.0.1:{port}", "valkey://nobody.invalid"):
        assert said(place).endswith("expected one; check that it runs, and address and network")
