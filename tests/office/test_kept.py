"""What the database itself holds to: what was done stays as written, secrets stand nowhere, other roles see nothing."""

from __future__ import annotations

from pathlib import Path

import apsw
import psycopg
import pytest

from spillover.model.errors import NewerSchema
from spillover.office.keys import rotated
from spillover.office.notice_records import NOTICE_WRITES
from spillover.ports.office import Office
from tests.office.support import DAY, NOW, act, database, execute, key_of, office_at, run

REFUSED = (apsw.ConstraintError, psycopg.errors.RestrictViolation)


@pytest.fixture
def written(url: str, shared: Office) -> str:
    """An office with an act that has ended, and one that has not."""
    run(shared.end(run(shared.begin(act(account="acme"))), "done", NOW))
    run(shared.begin(act(account="acme")))
    return url


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE office_acts SET outcome = 'failed' WHERE number = 1",
        "UPDATE office_acts SET outcome = '' WHERE number = 1",
        "UPDATE office_acts SET actor = 'eve', outcome = 'done' WHERE number = 2",
        "UPDATE office_acts SET verb = 'v', outcome = 'done' WHERE number = 2",
        "UPDATE office_acts SET reason = 'r', outcome = 'done' WHERE number = 2",
        "UPDATE office_acts SET at = 1, outcome = 'done' WHERE number = 2",
        "UPDATE office_acts SET number = 3, outcome = 'done' WHERE number = 2",
        "UPDATE office_acts SET ended = 1 WHERE number = 2",
        "DELETE FROM office_acts WHERE number = 2",
        "UPDATE office_words SET account = 'bolt'",
    ],
)
def test_of_what_was_done_only_an_ending_is_written_once(written: str, shared: Office, statement: str) -> None:
    before = run(shared.acts())
    with pytest.raises(REFUSED, match="append-only"):
        execute(written, statement)
    assert run(shared.acts()) == before
    execute(written, "UPDATE office_acts SET outcome = 'done', ended = 5 WHERE number = 2")


def test_acts_cannot_be_emptied_or_replaced(written: str, shared: Office) -> None:
    before = run(shared.acts())
    if written.startswith("sqlite"):
        with pytest.raises(REFUSED, match="append-only"):
            execute(written, "REPLACE INTO office_acts SELECT 1, x'00', 1, 'eve', 'v', '', '', 0")
    else:
        with pytest.raises(REFUSED, match="append-only"):
            execute(written, "TRUNCATE office_acts")
    assert run(shared.acts()) == before


def test_no_secret_of_a_key_is_anywhere_in_the_database_and_its_digest_is(tmp_path: Path) -> None:
    office = office_at(f"sqlite:///{tmp_path}/books.db")
    key, text = key_of(accounts=("acme",))
    key2, text2 = rotated(key, NOW + DAY, NOW + 5, NOW, lambda count: b"\x07" * count)
    for one in (key, key2):
        run(office.put_key(one))
    run(office.begin(act("keys.make", details=b'{"id":"x"}')))
    for close in (False, True):
        if close:
            run(office.close())
        found = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
        assert key.id.encode() in found
        for secret in (text, text2, text[-43:], text2[-43:], text[-43:-5], b"\x07" * 32):
            assert (secret if isinstance(secret, bytes) else secret.encode()) not in found


def test_no_row_of_any_table_holds_a_secret(url: str, shared: Office) -> None:
    key, text = key_of(accounts=("acme",), features=("video.seconds",))
    run(shared.put_key(key))
    rows = [
        row
        for table in ("office_keys", "office_bindings", "office_acts", "office_words", "office_signing")
        for row in execute(url, f"SELECT * FROM {table}")
    ]
    assert key.id in repr(rows)
    assert text[-43:] not in repr(rows)


def test_an_office_of_a_newer_program_is_refused_and_books_without_one_get_it(url: str) -> None:
    import spillover

    with spillover.connect(url, policy=_policy(), settle=False) as access:
        access.accounts.put("acme", plan="plus")
    for _ in range(2):
        run(office_at(url).close())
    with spillover.connect(url, settle=False) as access:
        assert access.accounts.list().rows[0].name == "acme"
    schema = "spillover_schema" if url.startswith("sqlite") else "spillover.spillover_schema"
    execute(url, f"UPDATE {schema} SET version = version + 1 WHERE component = 'office'")
    with pytest.raises(NewerSchema, match=r"found schema office \d+, expected at most \d+; "):
        office_at(url)
    with spillover.connect(url, settle=False):
        pass  # its books are read all the same


def _policy() -> object:
    from tests.support import policy

    return policy()


def assert_forbidden(url: str, role: str, statement: str) -> None:
    with database(url) as server:
        server.execute(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(statement)
        server.rollback()


def test_the_offices_role_sees_no_books_and_theirs_see_no_office(postgres_url: str) -> None:
    from spillover.ledgers.postgres import PostgresLedger

    run(PostgresLedger(postgres_url).close())
    run(office_at(postgres_url).close())
    tables = "office_keys", "office_bindings", "office_acts", "office_words", "office_signing", *NOTICE_WRITES
    for role in ("spillover_books", "spillover_terms", "spillover_reads", "spillover_hot", "spillover_usage_reads"):
        for table in tables:
            assert_forbidden(postgres_url, role, f"SELECT * FROM spillover_office.{table}")
    for table in ("spillover_names.names", "spillover_usage.usage_events", "spillover_ledger.accounts"):
        assert_forbidden(postgres_url, "spillover_office", f"SELECT * FROM {table}")
    with database(postgres_url) as server:  # but where accounts stand, for what is told of them
        server.execute("SET ROLE spillover_office")
        server.execute("SELECT id, epoch, settled_sequence, update_count FROM spillover_ledger.accounts")
    assert_forbidden(postgres_url, "spillover_office", "SELECT version FROM spillover_ledger.accounts")
    assert_forbidden(postgres_url, "spillover_office", "UPDATE spillover_ledger.accounts SET epoch = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM office_acts", "DELETE FROM office_words", "DELETE FROM office_keys", "DELETE FROM office_signing",
        "UPDATE office_acts SET actor = 'eve'", "UPDATE office_words SET account = 'x'",
        "UPDATE office_signing SET secret = ''", "TRUNCATE office_words",
    ],
)  # fmt: skip
def test_the_offices_role_may_delete_nothing_and_change_only_keys_and_endings(
    postgres_url: str, statement: str
) -> None:
    run(office_at(postgres_url).close())
    assert_forbidden(postgres_url, "spillover_office", statement)


def test_the_offices_connection_may_change_nothing_of_the_books(tmp_path: Path) -> None:
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.office.sqlite import SQLiteOffice

    path = tmp_path / "books.db"
    run(SQLiteLedger(path).close())
    office = SQLiteOffice(path)
    with office._opened.alone() as connection, pytest.raises(apsw.AuthError):
        connection.execute("DELETE FROM names")
    run(office.close())
