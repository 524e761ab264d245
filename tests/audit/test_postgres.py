"""Books in PostgreSQL have the same findings and the same digest as the same books in a SQLite file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

import spillover
from spillover.audit import AuditReport, audit, crew
from spillover.audit.report import CHECKS
from spillover.model.errors import InvalidInput, NewerSchema, NotADatabase, StoreUnavailable, UnknownName
from spillover.policy import read_policy_text
from spillover.postgres.layout import SEARCH_PATH
from tests.audit.copying import copy_books, make_tables
from tests.audit.forger import Forger
from tests.audit.forgeries import FORGED
from tests.audit.planting import ACME, expect
from tests.audit.stories import POLICY
from tests.audit.studio_forgeries import FORGED as STUDIO_FORGED
from tests.audit.test_planted import ROWS
from tests.audit.worlds import World
from tests.servers import Databases

ELSEWHERE = {"text that is no UTF-8"}
"""What PostgreSQL does not take."""
ONLY_A_FILE = ", where its event is in the stream"
"""Keys say that only in SQLite."""
LOOSER = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT conrelid::regclass AS table, conname FROM pg_constraint
               WHERE contype = 'c' AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)
               AND connamespace::regnamespace::text LIKE 'spillover%' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.table, one.conname);
    END LOOP;
END $$
"""
BY_A_READER = {"schema", "pages"}
"""Checks of the database itself: see the tests below, and test_postgres_damage.py."""


def first_of_each(planted: Mapping[str, tuple[object, tuple[str, str, str]]]) -> list[Any]:
    """One for each check; the others are for `make soak`."""
    seen: set[str] = set()
    found = []
    for what, (_, (check, _, _)) in planted.items():
        if what not in ELSEWHERE:
            found.append(pytest.param(what, marks=[pytest.mark.soak] if check in seen else []))
            seen.add(check)
    return found


@pytest.fixture(scope="module")
def tables(postgres_server: Databases) -> str:
    """A database whose rows each test replaces; so loose that it takes what a forger can do to a file."""
    url = postgres_server.new_database(make_tables)
    run(url, LOOSER)
    return url


@pytest.fixture
def url(postgres_server: Databases) -> str:
    """A database of its own, with empty tables."""
    return postgres_server.new_database(make_tables)


def run(url: str, *statements: str) -> None:
    """As whoever may do anything, behind the triggers' back."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"SET search_path = {SEARCH_PATH}".encode())
        for statement in statements:
            connection.execute(statement.encode())


def told(report: AuditReport) -> list[str]:
    return [str(one) for one in report.findings]


def alike(path: Path, url: str, processes: int = 1) -> AuditReport:
    """The report of both, which is the same."""
    copy_books(path, url)
    one, other = audit(path), audit(url, processes=processes)
    assert told(other) == [text for text in told(one) if ONLY_A_FILE not in text]
    assert (other.digest, other.checked, other.books) == (one.digest, one.checked, one.books)
    assert (other.events, other.charges, other.updates, other.unsettled) == (
        one.events, one.charges, one.updates, one.unsettled,
    )  # fmt: skip
    return other


@pytest.mark.parametrize("processes", [1, 2])
def test_honest_books_are_whole_with_the_digest_of_the_file(
    shop: Path, studio: Path, tables: str, processes: int
) -> None:
    for path in (shop, studio):
        report = alike(path, tables, processes)
        assert (report.ok, report.processes, report.notes) == (True, processes, ())


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_engine_does_has_the_same_report(tmp_path: Path, tables: str, seed: int) -> None:
    path = World(tmp_path / "x.db", seed, accounts=5).play(160).close(settle=seed % 2 > 0)
    assert alike(path, tables, 1 + seed % 2).ok


@pytest.mark.parametrize("what", first_of_each(ROWS))
def test_what_is_planted_is_found_alike(shop: Path, tables: str, what: str) -> None:
    plant, wanted = ROWS[what]
    with Forger(shop) as forger:
        plant(forger)
    expect(alike(shop, tables), *wanted)


@pytest.mark.parametrize("what", first_of_each(FORGED))
def test_forged_books_with_right_hashes_are_found_alike(shop: Path, tables: str, what: str) -> None:
    forge, wanted = FORGED[what]
    with Forger(shop) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        forge(forger, forger.one(f"SELECT {ACME}"))
        forger.resum()
        forger.rechain()
    expect(alike(shop, tables), *wanted)


@pytest.mark.parametrize("what", first_of_each(STUDIO_FORGED))
def test_forged_holds_and_orders_are_found_alike(studio: Path, tables: str, what: str) -> None:
    forge, wanted = STUDIO_FORGED[what]
    with Forger(studio) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        forge(forger, forger.one(f"SELECT {ACME}"))
        forger.rechain()
    expect(alike(studio, tables), *wanted)


def test_a_lot_that_loses_something_is_found_alike(shop: Path, tables: str) -> None:
    with Forger(shop) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        assert forger.run(f"UPDATE lots SET spent = spent + 1 WHERE account = {ACME} AND lot = 1")
    expect(alike(shop, tables), "conservation", "lots", "lot 1")


def test_every_check_is_planted_for_in_both_databases() -> None:
    forged = [*FORGED.values(), *STUDIO_FORGED.values(), *(ROWS[what] for what in ROWS.keys() - ELSEWHERE)]
    assert {wanted[0] for _, wanted in forged} == CHECKS.keys() - BY_A_READER - {"conservation"}


SCHEMA = {
    "no trigger": ("DROP TRIGGER stays ON quarantine", "no trigger that refuses UPDATE"),
    "no trigger that keeps a table from being emptied": (
        "DROP TRIGGER stays_whole ON orders", "no trigger that refuses TRUNCATE"
    ),
    "a trigger that is off in one partition": (
        "ALTER TABLE usage_events_3 DISABLE TRIGGER stays", "no trigger that refuses UPDATE on usage_events_3"
    ),
    "a toothless trigger": (
        "CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OR DELETE ON profiles FOR EACH ROW WHEN (old.version > 100)"
        " EXECUTE FUNCTION stays('profiles')", "no trigger that refuses DELETE"
    ),
    "another trigger": (
        "CREATE FUNCTION spillover_ledger.odd() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER odd BEFORE INSERT ON lots FOR EACH ROW EXECUTE FUNCTION odd()", "the trigger odd on lots"
    ),
    "a rule": ("CREATE RULE odd AS ON DELETE TO profiles DO INSTEAD NOTHING", "the rule odd on profiles"),
    "another type": ("ALTER TABLE settled_cells ALTER value TYPE numeric", "value of type numeric"),
    "a column that may be null": ("ALTER TABLE lots ALTER paid DROP NOT NULL", "paid that may be null"),
    "a function that refuses nothing": (
        "CREATE OR REPLACE FUNCTION spillover_ledger.stays() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'", "the trigger stays on usage_events"
    ),
    "a missing table": ("DROP TABLE refunded", "no column account"),
}  # fmt: skip


def test_a_schema_that_protects_less_is_found(url: str, shop: Path) -> None:
    copy_books(shop, url)
    assert audit(url).ok
    for what, (statement, found) in SCHEMA.items():
        before = told(audit(url))
        run(url, statement)
        after = told(audit(url))
        assert [one for one in after if one not in before and f": found {found}, expected" in one], (what, after)


def test_an_event_settled_twice_is_found_where_no_key_forbids_it(url: str, shop: Path) -> None:
    copy_books(shop, url)
    run(
        url,
        "ALTER TABLE usage_events DROP CONSTRAINT usage_events_account_key_key",
        f"INSERT INTO usage_events SELECT account, epoch, 13, key, payload, hash FROM usage_events"
        f" WHERE account = {ACME} AND sequence = 12",
    )
    report = audit(url)
    expect(report, "schema", "usage_events", "")
    expect(report, "once", "usage_events", "key 'video")


def test_an_engine_on_postgres_is_audited_beside_its_hot_state(url: str) -> None:
    with spillover.connect(url, policy=read_policy_text(POLICY), settle=False) as access:
        access.accounts.put("acme", "plus", billing_day=1_780_000_000_000)
        access.credits.add("acme", "20", key="k")
        access.consume("acme", "video", 2, key="a")
        access.settle()
        access.consume("acme", "video", 1, key="b")
        report = audit(url)
    assert report.ok, told(report)
    assert (report.events, report.unsettled) == (3, 1)
    assert not any("hot state" in note for note in report.notes)
    run(url, "UPDATE cells SET value = value + 1 WHERE name = 'lot:1'", "DELETE FROM keys WHERE key = 'a'")
    run(url, "UPDATE cells SET value = value + 1 WHERE name = 't'")
    assert set(audit(url).found) == {"hot-state", "keys"}


def test_books_without_a_hot_state_beside_them_say_so(url: str, shop: Path) -> None:
    copy_books(shop, url)
    run(url, "DROP SCHEMA spillover_hot CASCADE")
    report = audit(url)
    assert report.ok, told(report)
    assert "hot state" in report.notes[0]


def test_what_is_oldest_of_the_keys_may_have_been_forgotten(tables: str, shop: Path) -> None:
    copy_books(shop, tables)
    run(tables, f"DELETE FROM keys WHERE account = {ACME} AND sequence < 7")
    assert audit(tables).ok
    run(tables, f"DELETE FROM keys WHERE account = {ACME} AND sequence = 9")
    expect(audit(tables), "keys", "keys", "key 'video 09:05:05'")


def test_one_account_alone_by_name_or_id(tables: str, shop: Path) -> None:
    copy_books(shop, tables)
    report = audit(tables, accounts=["zeta"])
    assert (report.ok, report.accounts, report.events) == (True, 1, 2)
    assert report.digest == audit(shop, accounts=["zeta"]).digest
    with pytest.raises(UnknownName, match="nobody"):
        audit(tables, accounts=["nobody"])


def test_progress_is_told_alike(tables: str, shop: Path) -> None:
    copy_books(shop, tables)
    seen: list[tuple[int, int]] = []
    audit(tables, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (14, 14)


def test_what_is_no_ledger_is_refused(postgres_url: str, url: str) -> None:
    with pytest.raises(NotADatabase, match="no ledger"):
        audit(postgres_url)
    run(url, "UPDATE spillover.spillover_schema SET version = 99 WHERE component = 'ledger'")
    with pytest.raises(NewerSchema, match="found schema ledger 99"):
        audit(url)


def test_errors_name_no_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        audit("postgresql://someone:secret@127.0.0.1:1/nowhere")
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInput) as refused:
        audit("postgresql://someone:secret@[::/x")
    assert "secret" not in str(refused.value)


def test_a_password_is_no_argument_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    class Seen(Exception):
        pass

    def popen(command: list[str], **_: object) -> None:
        commands.append(command)
        raise Seen

    monkeypatch.setattr(crew.subprocess, "Popen", popen)
    with pytest.raises(Seen):
        crew.Crew("postgresql://host/db", "postgresql://user:secret@host/db", 2)
    assert commands
    assert not any("secret" in word for word in commands[0])
