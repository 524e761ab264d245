"""The servers that tests rely on do what they say, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from tests import servers
from tests.servers import KeyValue, Proxy, ServerError
from tests.servers.keyvalue import plain
from tests.servers.process import STARTING, wait_for

ROOT = Path(__file__).parents[2]
OWNER = """
from tests import servers
with servers.postgres() as one, servers.valkey() as two:
    {then}
    print(one.pid, two.pid, one.data.parent, flush=True)
    try:
        input()
    finally:
        print("left", flush=True)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("then", ["pass", "one.pause()"])
def test_nothing_is_left_of_servers_whose_owner_was_killed(number, then):
    command = [sys.executable, "-c", OWNER.format(then=then)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        *pids, folder = owner.stdout.readline().split()
        owner.send_signal(number)
        owner.wait(STARTING)
    wait_for(lambda: all(gone(int(pid)) for pid in pids), "found servers without an owner")
    wait_for(lambda: not Path(folder).exists(), f"found {folder}")


def test_a_database_is_new_and_its_own_and_a_copy_of_what_was_prepared(postgres_server):
    ran = []

    def prepare(url: str) -> None:
        ran.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE made (a int)")

    urls = [postgres_server.new_database(prepare) for _ in range(2)]
    for url in urls:
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "INSERT INTO made VALUES (1) RETURNING (SELECT count(*) FROM made)"
            ).fetchone() == (0,)
    assert len(ran) == 1
    with psycopg.connect(urls[0]) as open_connection:
        postgres_server.drop_database(urls[0])
        with pytest.raises(psycopg.OperationalError):
            open_connection.execute("SELECT 1")
        open_connection.close()
    postgres_server.drop_database(urls[0])
    postgres_server.drop_database(urls[1])


def test_what_a_killed_server_had_answered_is_there_when_it_is_started_again():
    with servers.postgres() as sql, servers.valkey() as pairs, servers.redis62() as old:
        with psycopg.connect(sql.url) as connection:
            connection.execute("CREATE TABLE made ()")
        for one in (pairs, old):
            with one.client() as client:
                client.set("a", 1)
        before = [server.pid for server in (sql, pairs, old)]
        for server in (sql, pairs, old):
            server.kill()
            assert not server.running
            server.start()
        assert not set(before) & {server.pid for server in (sql, pairs, old)}
        with psycopg.connect(sql.url) as connection:
            assert connection.execute("SELECT to_regclass('made')::text").fetchone() == ("made",)
        for one in (pairs, old):
            with one.client() as client:
                assert client.get("a") == b"1"


def test_a_setting_counts_from_the_next_start():
    with servers.valkey(maxmemory="10mb") as server, server.client() as client:
        assert client.config_get("maxmemory*") | {"maxmemory": "10485760"} == client.config_get("maxmemory*")
        server.config["appendfsync"] = "everysec"
        server.restart()
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_a_paused_server_answers_when_it_is_resumed():
    with servers.valkey() as server, server.client(socket_timeout=0.1, retry=None) as client:
        client.ping()
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert wait_for(lambda: answers(server), "found no answer")


def answers(server: KeyValue) -> bool:
    with server.client(socket_timeout=1) as client:
        return bool(client.ping())


def test_the_servers_are_strict_and_of_the_versions_that_are_promised(
    postgres_server, valkey_server, redis_server, cluster_url
):
    assert postgres_server.version >= 15
    with psycopg.connect(postgres_server.url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
    for server, version in ((valkey_server, "9."), (redis_server, "6.2.")):
        with server.client() as client:
            info = client.info("server")
            assert info.get("valkey_version", info["redis_version"]).startswith(version)
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.RedisCluster.from_url(plain(cluster_url)) as cluster:
        assert len(cluster.get_primaries()) == 3
        assert cluster.set("a", 1)


@pytest.mark.soak
def test_a_cluster_with_replicas_is_whole_when_it_is_entered():
    with servers.valkey_cluster(nodes=3, replicas=1) as cluster:
        for node in cluster.nodes[3:]:
            with node.client() as client:
                assert client.info("replication")["master_link_status"] == "up"


def test_a_server_that_cannot_start_says_why():
    with pytest.raises(ServerError, match="maxmemory"), servers.valkey(maxmemory="as much as there is"):
        pass
    with pytest.raises(ServerError, match="shared_buffers"), servers.postgres(shared_buffers="none"):
        pass


@pytest.fixture
def proxied():
    with servers.valkey() as server, Proxy(server.port) as proxy:
        yield server, proxy


def ask(proxy: Proxy, **options) -> redis.Redis:
    return redis.Redis(port=proxy.port, retry=None, **{"socket_timeout": STARTING} | options)


def test_a_lost_reply_is_of_a_request_that_was_done_and_comes_once(proxied):
    server, proxy = proxied
    with ask(proxy) as client, server.client() as beside:
        client.set("a", 1)
        proxy.lose_reply(after=b"INCRBY")
        client.set("b", 1)
        with pytest.raises(redis.ConnectionError):
            client.incr("a")
        assert proxy.lost.wait(STARTING)
        assert beside.get("a") == b"2"
        assert client.incr("a") == 3


def test_a_silent_network_answers_when_it_is_healed(proxied):
    server, proxy = proxied
    with ask(proxy, socket_timeout=0.1) as client, server.client() as beside:
        client.set("a", 1)
        proxy.blackhole()
        with pytest.raises(redis.TimeoutError):
            client.incr("a")
        assert beside.get("a") == b"1"
        proxy.heal()
        wait_for(lambda: beside.get("a") == b"2", "found the request held, after the network was healed")


def test_a_cut_network_refuses_until_it_is_healed(proxied):
    _, proxy = proxied
    with ask(proxy) as client:
        client.ping()
        proxy.cut()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.ping()
        proxy.heal()
        assert client.ping()
    with socket.create_connection(("127.0.0.1", proxy.port), STARTING) as line:
        line.sendall(b"PING\r\n")
        assert line.recv(100) == b"+PONG\r\n"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            line.recv(100)


def test_a_slow_network_passes_everything(proxied):
    _, proxy = proxied
    with ask(proxy) as client:
        proxy.delay(0.02)
        assert client.set("a", b"x" * 200_000)
        assert client.get("a") == b"x" * 200_000
