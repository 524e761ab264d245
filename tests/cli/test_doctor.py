"""`spillover doctor`: each sign provoked, its advice a command that exists, and nothing made, upgraded or changed."""

import inspect
import re
import shlex
import time

import apsw
import psycopg
import pytest
import redis

import spillover
from spillover.bootstrap import examining
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_rung
from spillover.engine.drive import drive
from spillover.engine.examining import examine
from spillover.model.health import Sign
from tests import servers
from tests.cli.support import everything_in, files_in, run
from tests.deploy.test_files import parse
from tests.servers.process import free_port
from tests.support import policy

HOUR = 3_600_000


def signs(url: str) -> dict[str, Sign]:
    return {sign.what: sign for sign in examining.doctor(url)}


def later(url: str, by: int = 0) -> dict[str, Sign]:
    """What the ports tell, looked at so many ms later than now."""
    rung = open_rung(address_of(url), "strict", 5_000)
    try:
        return {sign.what: sign for sign in drive(examine(rung.store, rung.ledger, time.time_ns() // 1_000_000 + by))}
    finally:
        rung.close()


@pytest.fixture(params=["sqlite", "postgres", "valkey", "cluster"])
def rung(request, folder):
    """The address of a rung with one account, a decision that waits and an open hold."""
    if request.param == "sqlite":
        url = "sqlite:///spillover.db"
    elif request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    else:
        url = f"{request.getfixturevalue(f'{request.param}_url')}?ledger={request.getfixturevalue('postgres_url')}"
    with spillover.connect(url, policy=policy(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", 100, key="order")
        access.consume("acme", "video.seconds", 8, key="clip")
        access.open_hold("acme", "video.seconds", 2, key="job", lasts=60_000)
        access.settle()
        access.consume("acme", "video.seconds", 1, key="clip-2")
    return url


def test_on_every_rung_what_stands_well_is_fine_and_trouble_of_the_engine_is_told(rung):
    here = later(rung)
    assert {sign.level for sign in here.values()} == {"fine"}, here
    assert (here["settlement"].found[:9], here["holds"].found) == ("1 waiting", "none is overdue")
    soon = later(rung, 20_000)
    assert (soon["settlement"].level, soon["settlement"].advice) == ("watch", "spillover settle --follow")
    much = later(rung, HOUR)
    assert (much["settlement"].level, much["holds"].level) == ("act", "act")
    assert much["holds"].found.startswith("1 overdue, the first for 35")
    with spillover.connect(rung, settle=False) as access:
        account = drive(access.desk.account("acme"))
        drive(access.desk.store.shut(account))
    shut = signs(rung)["accounts shut"]
    assert (shut.level, shut.found) == ("act", f"1, such as id {account}")
    assert run(*shlex.split(shut.advice)[1:], "--db", rung).status == 0
    assert signs(rung)["accounts shut"].level == "fine"


def test_a_hot_state_that_is_empty_is_told_and_given_back(postgres_url, valkey_url):
    url = f"{valkey_url}?ledger={postgres_url}"
    with spillover.connect(url, policy=policy(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
        access.consume("acme", "video.seconds", 1)
        access.settle()
    assert signs(url)["hot state"].level == "fine"
    with redis.Redis.from_url(valkey_url) as server:
        server.delete(*(key for key in server.keys("*") if key not in (b"spillover:books", b"spillover:store")))
    found = signs(url)["hot state"]
    assert (found.level, found.found[:38]) == ("act", "1 of 1 looked at are behind the books,")
    assert run(*shlex.split(found.advice)[1:], "--db", url).status == 0
    assert signs(url)["hot state"].level == "fine"


def test_a_rebuild_under_way_is_no_trouble(rung):
    opened = open_rung(address_of(rung), "strict", 5_000)
    try:
        account = drive(opened.ledger.places(limit=1))[0].account
        drive(opened.store.shut(account))

        def finish() -> None:
            drive(
                spillover.engine.rebuilding.rebuild(opened.store, opened.ledger, account, now=1, reason="r", actor="")
            )

        found = drive(examine(opened.store, opened.ledger, time.time_ns() // 1_000_000, finish))
    finally:
        opened.close()
    assert Sign("accounts shut", "none for longer than a moment") in found


def test_looking_changes_nothing_in_a_file(shop):
    before, files = everything_in("spillover.db"), files_in(shop)
    done = run("doctor", "--json")
    assert (done.status, done.document["worst"]) in ((0, "fine"), (0, "watch"))
    assert (everything_in("spillover.db"), files_in(shop)) == (before, files)
    assert {sign["what"] for sign in done.document["signs"]} == {
        "address", "disk", "schema", "policy", "settlement", "holds", "accounts shut", "hot state", "new terms",
            "quarantine",
    }  # fmt: skip


def test_where_there_is_no_database_that_is_told_and_none_is_made(folder, postgres_url, postgres_server, valkey_url):
    for url in ("sqlite:///spillover.db", postgres_url, f"{valkey_url}?ledger={postgres_url}"):
        done = run("doctor", "--json", "--db", url)
        (sign,) = [sign for sign in done.document["signs"] if sign["level"] == "act"]
        assert (done.status, sign["what"], sign["advice"]) == (1, "schema", examining.CREATE)
    assert list(folder.iterdir()) == []
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'spillover%'").fetchone() == (
            0,
        )
    assert '"nowhere" does not exist' in signs(postgres_server.url_of("nowhere"))["books"].found


def test_a_newer_or_older_schema_is_told_and_left_as_it_is(rung):
    old = rung.partition("?ledger=")[2] or rung

    def write(statement: str) -> None:
        if old.startswith("sqlite"):
            connection = apsw.Connection("spillover.db")
            connection.execute(statement)
            connection.close()
        else:
            with psycopg.connect(old) as connection:
                connection.execute(statement.replace("spillover_schema", "spillover.spillover_schema"))

    write("UPDATE spillover_schema SET version = version + 1 WHERE component = 'ledger'")
    assert signs(rung)["schema"].found.startswith("newer than this program: ledger")
    assert signs(rung)["schema"].level == "act"
    write("UPDATE spillover_schema SET version = version - 2 WHERE component = 'ledger'")
    assert signs(rung)["schema"].found.startswith("older than this program: ledger")
    assert signs(rung)["schema"] == signs(rung)["schema"]  # the first look has upgraded nothing
    assert "settlement" not in signs(rung)


def test_quarantine_and_a_missing_policy_are_told(shop):
    connection = apsw.Connection("spillover.db")
    with spillover.connect("sqlite:///spillover.db", settle=False) as access:
        access.consume("acme", "video.seconds", 1, key="next")
    connection.execute("UPDATE stream SET payload = X'00'")
    assert run("settle").status == 1
    found = signs("sqlite:///spillover.db")["quarantine"]
    assert (found.level, found.advice) == ("act", "spillover quarantine list")
    assert found.found.startswith("1 not booked: ")
    named = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'publications'"
    for (trigger,) in list(connection.execute(named)):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("DELETE FROM publications")
    connection.close()
    assert signs("sqlite:///spillover.db")["policy"].level == "act"


def test_a_disk_that_is_nearly_full_is_told(shop, monkeypatch):
    monkeypatch.setattr(examining, "DISK_WATCH", 1.1)
    assert signs("sqlite:///spillover.db")["disk"].level == "watch"
    monkeypatch.setattr(examining, "DISK_ACT", 1.1)
    found = signs("sqlite:///spillover.db")["disk"]
    assert (found.level, found.advice) == ("act", f"df -h {shop}")
    monkeypatch.setattr(examining, "LOG_WATCH", 1)
    with spillover.connect("sqlite:///spillover.db", settle=False) as access:
        access.consume("acme", "video.seconds", 1)
        assert signs("sqlite:///spillover.db")["log"].level == "watch"


def test_settings_memory_and_log_of_a_valkey_are_told_with_the_command_that_mends_them(postgres_url):
    with servers.valkey(maxmemory="1gb") as server, server.client() as client:
        url = f"{server.url}?ledger={postgres_url}"
        node = f"127.0.0.1:{server.port}"
        spillover.connect(url, policy=policy(), settle=False).close()
        assert {sign.level for sign in signs(url).values() if node in sign.what} == {"fine"}
        client.config_set("appendfsync", "everysec")
        found = signs(url)[f"durability of {node}"]
        assert (found.level, found.advice[:28]) == ("watch", "CONFIG SET appendfsync alway")
        client.config_set("appendfsync", "no")
        found = signs(url)["hot state"]
        assert (found.level, "run CONFIG SET appendfsync everysec" in found.advice) == ("act", True)
        client.config_set("appendfsync", "always")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "CONFIG SET maxmemory-policy noeviction" in signs(url)["hot state"].advice
        client.config_set("maxmemory-policy", "noeviction")
        for bound, level in ((0, "watch"), (client.info("memory")["used_memory"] + 1, "act")):
            client.config_set("maxmemory", bound)
            found = signs(url)[f"memory of {node}"]
            assert found.level == level
            said = re.match(r"CONFIG SET maxmemory (\d+mb) and CONFIG REWRITE, on a machine of (.+) GiB", found.advice)
            assert said
            client.config_set("maxmemory", said[1])
            assert signs(url)[f"memory of {node}"].level == "fine"
            assert float(said[2]) == pytest.approx(int(said[1][:-2]) / 1024 / 0.6, abs=0.1)


def test_a_clock_that_is_ahead_is_told_of_every_server(rung, monkeypatch):
    if rung.startswith("sqlite"):
        return  # it has this machine's own
    real = time.time_ns
    clocks = [what for what in signs(rung) if "clock" in what]
    assert len(clocks) == 1 if "ledger" not in rung else len(clocks) in (2, 4)
    for by, level in ((600, "watch"), (5_000, "act")):
        monkeypatch.setattr(time, "time_ns", lambda by=by: real() - by * 1_000_000)
        found = signs(rung)
        assert [found[what].level for what in clocks] == [level] * len(clocks)
        assert all("ahead of this machine's" in found[what].found for what in clocks)


def test_settings_roles_and_connections_of_a_postgresql_are_told(folder):
    with servers.postgres(max_connections="12") as server:
        url = server.new_database()
        spillover.connect(url, policy=policy(), settle=False).close()
        found = signs(url)
        assert (found["connections"].level, found["settlers"].level) == ("fine", "watch")
        held = [psycopg.connect(url) for _ in range(9)]
        assert signs(url)["connections"].level == "watch"
        for connection in held:
            connection.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE stranger LOGIN")
        found = signs(url.replace("postgres@", "stranger@"))
        assert (found["roles"].level, "settlement" in found) == ("act", False)
        assert "spillover_books" in found["roles"].advice
        server.config["fsync"] = "off"
        server.restart()
        found = signs(url)["PostgreSQL durability"]
        assert (found.level, found.advice) == ("act", "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();")


def test_servers_that_cannot_be_reached_are_told_each_for_itself(postgres_url, valkey_url):
    nowhere = f"127.0.0.1:{free_port()}"
    spillover.connect(f"{valkey_url}?ledger={postgres_url}", policy=policy(), settle=False).close()
    found = signs(f"valkey://{nowhere}/0?ledger={postgres_url}")
    assert (found["hot state"].level, found["schema"].level) == ("act", "fine")
    assert nowhere in found["hot state"].found
    assert found["hot state"].advice == examining.REACH
    found = signs(f"{valkey_url}?ledger=postgresql://ada:secret@{nowhere}/x")
    assert (found["books"].level, "cannot be reached" in found["books"].found) == ("act", True)
    assert any(what.startswith("memory of") for what in found)
    assert "secret" not in str(found)
    with servers.valkey() as server:
        server.pause()
        examining_ms = examining.TIMEOUT_MS
        try:
            examining.TIMEOUT_MS = 300
            assert signs(f"{server.url}?ledger={postgres_url}")["hot state"].level == "act"
        finally:
            examining.TIMEOUT_MS = examining_ms
            server.resume()


def test_what_was_moved_away_is_told_with_where_it_lives(shop):
    assert run("move", "--from", "sqlite:///spillover.db", "--to", "sqlite:///new.db").status == 0
    found = signs("sqlite:///spillover.db")["accounts shut"]
    assert (found.level, "moved to" in found.found, "new.db" in found.found) == ("act", True, True)
    assert signs("sqlite:///new.db")["accounts shut"].level == "fine"


def test_every_command_that_is_advised_exists(shop):
    text = inspect.getsource(examining) + inspect.getsource(inspect.getmodule(examine))
    advised = set(re.findall(r'"(spillover [^"]+)"', text))
    assert len(advised) >= 6
    for command in advised:
        parse(shlex.split(command.replace("{shut[0]}", "17"))[1:])


def test_what_is_in_memory_cannot_be_looked_at(folder):
    assert "--db: found 'memory://'" in run("doctor", "--db", "memory://").complaint
