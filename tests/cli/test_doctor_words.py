"""`spillover doctor`: what it says of replicas, and how it stands on a terminal of 80 columns."""

import itertools

import spillover
from spillover.bootstrap import examining
from spillover.model.health import Sign
from tests import servers
from tests.cli.support import run
from tests.cli.test_doctor import signs
from tests.servers.process import wait_for
from tests.support import policy


def test_a_primary_that_would_go_on_when_cut_off_from_its_replicas_is_told_with_the_command(postgres_url):
    with servers.valkey(maxmemory="1gb") as primary, servers.valkey() as replica, primary.client() as client:
        url, what = f"{primary.url}?ledger={postgres_url}", f"Valkey 127.0.0.1:{primary.port}"
        spillover.connect(url, policy=policy(), settle=False).close()
        assert (signs(url)[what].level, signs(url)[what].found[-12:]) == ("fine", ", no replica")
        with replica.client() as other:
            other.replicaof("127.0.0.1", primary.port)
            wait_for(lambda: client.wait(1, 100) == 1, "found a replica that does not follow")
        found = signs(url)[what]
        assert (found.level, "1 replica; cut off" in found.found) == ("watch", True)
        command = found.advice.partition(" and ")[0]
        assert command == "CONFIG SET min-replicas-to-write 1"
        client.execute_command(*command.split())
        assert (signs(url)[what].level, signs(url)[what].found[-11:]) == ("fine", ", 1 replica")


def test_long_addresses_leave_columns_in_their_places_and_nothing_is_cut_off(folder, monkeypatch):
    node = "ip-10-0-113-201.eu-central-1.compute.internal:6379"
    long = [
        Sign("address", f"valkey+cluster://default:***@{node},{node}?ledger=postgresql://app@{node}/shop"),
        Sign(f"durability of {node}", "appendfsync everysec, enough for fast alone", "watch",
             "CONFIG SET appendfsync always and CONFIG REWRITE, unless engines are fast"),
        Sign("settlers", "1 alive, 64 of 64 shards taken"),
        Sign("accounts shut", f"3, moved to postgresql://spillover_app@{node}/shop", "act", "x" * 50),
    ]  # fmt: skip
    monkeypatch.setattr(examining, "doctor", lambda *_: long)
    first, head, *lines = run("doctor", "--db", "sqlite:///x.db", environment={"COLUMNS": "80"}).out.splitlines()
    assert first == f"address: {long[0].found}"
    begins = [0, *(head.index(name) for name in ("what", "found", "next")), 81]
    assert (max(map(len, lines)) <= 80, begins[2] - begins[1] <= 30) == (True, True)
    columns = [""] * 4
    for line in (line.ljust(80) for line in lines):
        for at, (begin, end) in enumerate(itertools.pairwise(begins)):
            assert not line[:begin][-2:].strip(), line  # a gap before each column
            columns[at] += line[begin:end].strip()
    for at, texts in enumerate(zip(*((s.what, s.found, s.advice) for s in long[1:]), strict=True), 1):
        assert columns[at].replace(" ", "") == "".join(texts).replace(" ", "")
    shown = " ".join(lines).split()
    for word in " ".join(f"{sign.what} {sign.found} {sign.advice}" for sign in long[1:]).split():
        assert word in shown or len(word) > 18, word  # a command is not broken within a word
    document = run("doctor", "--db", "sqlite:///x.db", "--json").document
    assert [sign["what"] for sign in document["signs"]] == [sign.what for sign in long]
    assert [sign["found"] for sign in document["signs"]] == [sign.found for sign in long]


def test_a_bound_that_is_advised_leaves_as_much_room_as_is_used_and_names_the_machine():
    found = examining._memory("here:1", 3 * 2**30, 4 * 2**30)
    assert (found.level, found.advice) == (
        "watch", "CONFIG SET maxmemory 6144mb and CONFIG REWRITE, on a machine of 10.0 GiB or more; or add nodes",
    )  # fmt: skip
