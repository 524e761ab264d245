"""Every command on servers: what docs/COMMANDS.md shows on SQLite is the same on PostgreSQL, and with Valkey."""

import re
import shlex
from pathlib import Path

import apsw
import pytest

import spillover
from spillover.bootstrap import examining
from tests.cli.support import run

PAGE = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
DAY = re.findall(r"^    spillover (.+)$", PAGE.partition("## Support and finance")[2].partition("\n## ")[0], re.M)


@pytest.fixture(params=["postgres", "valkey"])
def server(request, folder, monkeypatch):
    """What `init` makes, on a server whose address stands in SPILLOVER_DB; nothing is there before."""
    books = request.getfixturevalue("postgres_url")
    url = books if request.param == "postgres" else f"{request.getfixturevalue('valkey_url')}?ledger={books}"
    assert run("init").status == 0
    monkeypatch.setenv("SPILLOVER_DB", url)
    assert "without Spillover's tables" in run("account", "list").complaint
    assert run("policy", "publish", "policy.yaml", "--create").status == 0
    assert run("account", "put", "acme", "--plan", "starter").status == 0
    assert run("account", "credits", "acme", "500", "--key", "welcome").status == 0
    return url


def test_the_day_of_support_and_finance_runs_as_on_a_file(server):
    assert len(DAY) > 10
    for line in DAY:
        command, _, printed = line.partition("#")
        done = run(*shlex.split(command))
        assert (done.status, done.error) == (0, ""), line
        assert printed.strip().removesuffix(" ...") in done.out or "all of it" in printed, line
    report = run("audit", "--json").document
    assert (report["ok"], report["findings"], report["unsettled"]) == (True, [], 0)
    reading = [
        "explain acme video.seconds 1", "explain --account acme --key clip-1", "account show acme", "account list",
        "account overview acme", "account usage acme", "account denials acme", "account statement acme",
        "balance acme", "statement acme --jsonl", "lots list acme", "holds list acme", "policy list",
        "policy check policy.yaml --against 7d", "proof statement acme", "backtest --policy policy.yaml",
        "reconcile", "rebuild --all --check", "doctor",
    ]  # fmt: skip
    for line in reading:
        done = run(*line.split())
        assert (done.status, done.error) == (0, ""), line
        assert done.out, line


def test_the_audit_looks_at_hot_state_wherever_it_lies(server):
    assert run("consume", "acme", "video.seconds", "8", "--key", "clip").status == 0
    before = run("audit", "--json").document
    assert (before["ok"], before["unsettled"] > 0) == (True, True)
    run("settle")
    with spillover.connect(server, settle=False) as access:
        (account,) = [row.account for row in access.accounts.list().rows]
    if "?ledger=" not in server:
        import psycopg

        with psycopg.connect(server) as connection:
            connection.execute("UPDATE spillover_hot.cells SET value = value + 1 WHERE name LIKE 'lot:%'")
    else:
        import redis

        from tests.servers import plain
        from tests.valkey.support import key_of

        with redis.Redis.from_url(plain(server.partition("?")[0])) as client:
            lot = next(name for name in client.hkeys(key_of("a", account)) if b"lot:" in name)
            client.hincrby(key_of("a", account), lot, 1)
    done = run("audit", "--json")
    assert (done.status, done.document["ok"]) == (1, False)
    assert {finding["check"] for finding in done.document["findings"]} == {"hot-state"}


def test_a_trace_is_replayed_into_a_server_and_nothing_else_is_changed(server, postgres_server, folder):
    (folder / "map.yaml").write_text(
        "spillover_map: 1\ntime: {column: time}\naccount: {column: account}\nfeature: {is: video.seconds}\n"
        "usage: {seconds: {column: seconds}}\naccounts: {plan: {is: starter}}\n"
    )
    (folder / "trace.csv").write_text("time,account,seconds\n2026-03-02T10:00:00Z,ada,4\n2026-03-02T10:00:01Z,ada,1\n")
    replay = ("replay", "trace.csv", "--map", "map.yaml", "--policy", "policy.yaml", "--db", server, "--json")
    assert run(*replay).document["granted"] == 2
    assert run("audit").status == 0
    (folder / "other.yaml").write_text((folder / "policy.yaml").read_text().replace("max: 45", "max: 46"))
    complaint = run(*replay[:5], "other.yaml", *replay[6:]).complaint
    assert "which decides by another policy" in complaint


SECRET = "s3cret"
ADDRESSES = [
    "postgresql://ada:{}@localhost:1/x",
    "postgresql://ada:{}%2F@localhost:1/x",
    "postgresql://ada:a/{}@localhost:1/x",
    "postgresql://ada:a {}@localhost:1/x",
    "postgresql://localhost:1/x?user=ada&password={}",
    "valkey://ada:{}@localhost:1/0?ledger=postgresql://ada:{}@localhost:1/x",
    "valkey://ada:{}@localhost:1/0",
    "valkey://ada:a@{}@localhost:1/0?ledger=mysql://ada:{}@x",
    "mysql://ada:{}@localhost/x",
    "sqlite://ada:{}@localhost/x",
]


@pytest.mark.parametrize(
    "command",
    ["account list", "settle --follow", "audit", "doctor", "doctor --json", "reconcile",
     "backtest --policy policy.yaml", "policy publish policy.yaml --create", "move --to sqlite:///new.db --from"],
)  # fmt: skip
def test_no_error_shows_a_password(shop, command, monkeypatch):
    monkeypatch.setattr(examining, "TIMEOUT_MS", 100)  # how long the doctor asks a server that is not there
    for address in ADDRESSES:
        url = address.replace("{}", SECRET)
        words = [*command.split(), url] if command.endswith("--from") else [*command.split(), "--db", url]
        done = run(*words)
        assert done.status in (1, 2), (address, done)
        assert SECRET not in done.error + done.out, address


def test_a_database_of_an_older_version_is_upgraded_by_an_engine_and_only_told_by_the_doctor(shop):
    connection = apsw.Connection("spillover.db")
    connection.execute("UPDATE spillover_schema SET version = version - 1 WHERE component = 'rules'")
    rows = list(connection.execute("SELECT * FROM spillover_schema"))
    done = run("doctor")
    assert (done.status, "older than this program: rules" in done.out) == (0, True)
    assert list(connection.execute("SELECT * FROM spillover_schema")) == rows
    connection.close()
    assert run("settle").status == 0
    assert "older" not in run("doctor").out
