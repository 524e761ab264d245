"""A Valkey without room: it takes nothing new, and keeps nobody from opening, reading and settling."""

import threading

import pytest

import spillover
from spillover.bootstrap import following
from spillover.model.errors import StoreFull
from tests import servers
from tests.cli.support import run
from tests.support import policy

FULL = "expected room; raise maxmemory, or settle the stream"
SAID = "booked, and not in force yet: that comes by itself as soon as it can, or when the same is sent again: "


@pytest.fixture
def full(postgres_url, monkeypatch):
    """The address of a shop with an event that waits and an order for which there was no room, and the server."""
    with servers.valkey() as server, server.client() as client:
        url = f"{server.url}?ledger={postgres_url}"
        monkeypatch.setenv("SPILLOVER_DB", url)
        with spillover.connect(url, policy=policy(), settle=False) as access:
            for name in ("acme", "other"):
                access.accounts.put(name, plan="plus")
                access.credits.add(name, 100, key="first")
            assert access.consume("acme", "video.seconds", 8, key="clip")
            assert access.open_hold("other", "video.seconds", 1, key="job", lasts=1_000)
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreFull) as refused:
                access.credits.add("acme", 7, key="order")
        assert str(refused.value).startswith(SAID)
        assert "nothing was changed" not in str(refused.value)
        yield url, client


def test_an_order_without_room_is_booked_and_keeps_nobody_from_opening_reading_and_settling(full):
    url, client = full
    for line in ("statement acme", "account list", "balance acme", "account statement acme", "lots list acme"):
        done = run(*line.split())
        assert (done.status, done.error) == (0, ""), line
    servers.process.wait_for(lambda: told(url)["holds"].startswith("1 overdue"), "found no hold that is due")
    assert told(url)["new terms"] == "1 not in force yet"
    done = run("settle")
    assert (done.status, done.error) == (0, "")
    assert run("audit", "--json").document["unsettled"] == 0
    for command in ("account credits acme 7 --key order", "account suspend other --reason fraud"):
        done = run(*command.split())
        assert done.status == 2
        assert SAID in done.error.replace("\n", " "), command
    client.config_set("maxmemory", "0")
    assert run("account", "credits", "acme", "7", "--key", "order").status == 0  # the same key: it is in force, once
    assert run("settle").status == 0
    assert "all in force" in run("doctor").out
    assert run("balance", "acme", "--json").document["measures"][0]["available"]["credits"] == "77"
    assert run("account", "show", "other", "--json").document["state"] == "suspended"
    assert run("audit", "--json").document["ok"] is True


def test_a_settler_of_a_full_server_settles_and_brings_orders_into_force_when_there_is_room(full):
    url, client = full
    said: list[following.Following] = []
    stop = threading.Event()
    settler = threading.Thread(target=lambda: following.follow(url, stop, said.append))
    settler.start()
    try:
        servers.process.wait_for(lambda: any(now.settled and not now.waiting for now in said), "found events that wait")
        assert told(url)["new terms"] == "1 not in force yet"
        servers.process.wait_for(lambda: "script" in said[-1].trouble, "found no trouble with the hold that is due")
        begun = len(said)
        servers.process.wait_for(lambda: len(said) > begun + 3, "found it silent")
        assert {now.trouble[-len(FULL) :] for now in said[begun:]} == {FULL}
        client.config_set("maxmemory", "0")
        servers.process.wait_for(lambda: not said[-1].trouble, "found trouble that does not end")
        servers.process.wait_for(lambda: told(url)["new terms"] == "all in force", "found terms that wait")
    finally:
        stop.set()
        settler.join()


def told(url: str) -> dict[str, str]:
    return {sign["what"]: sign["found"] for sign in run("doctor", "--json", "--db", url).document["signs"]}
