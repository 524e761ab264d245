"""Both adapters of the books have the same statements, with the same parameters and the same columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import apsw
import pytest
from psycopg.pq import ExecStatus

from spillover.ledgers.postgres.binding import SQL as BINDING
from spillover.ledgers.postgres.claims import SQL as CLAIMS
from spillover.ledgers.postgres.tables import BY_COLUMN, FILES, LOCKING
from spillover.ledgers.postgres.tables import SQL as POSTGRES
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.ledgers.sqlite.tables import FILES as SQLITE_FILES
from spillover.ledgers.sqlite.tables import SQL as SQLITE
from spillover.postgres.layout import SEARCH_PATH
from spillover.postgres.session import SQL as SESSION
from tests.ledger.support import run
from tests.postgres.books import TABLES, PostgresBooks, administrator, upgraded
from tests.servers import Databases

PLANNED = (
    POSTGRES
    | {f"claims.{name}": text for name, text in CLAIMS.items()}
    | {f"binding.{name}": text for name, text in BINDING.items()}
    | {"locking.lock": LOCKING["lock"]}
)


@pytest.fixture(scope="module")
def one_database(postgres_server: Databases) -> Iterator[PostgresBooks]:
    """Nothing is written to it."""
    url = postgres_server.new_database(upgraded)
    books = PostgresBooks(url)
    yield books
    books.close()
    postgres_server.drop_database(url)


def described(books: PostgresBooks, statement: str) -> tuple[int, list[str]]:
    """How many parameters PostgreSQL finds in a statement, and its columns."""
    with administrator(books.url) as connection:
        connection.pgconn.prepare(b"", statement.encode())
        found = connection.pgconn.describe_prepared(b"")
        assert found.status == ExecStatus.COMMAND_OK, found.error_message
        return found.nparams, [(found.fname(n) or b"").decode() for n in range(found.nfields)]


def described_by_sqlite(statement: str) -> tuple[int, int]:
    """The same by SQLite, which says it before a statement's first step."""
    ledger = SQLiteLedger.in_memory()
    found: list[tuple[int, int]] = []

    def note(cursor: apsw.Cursor, *_: object) -> bool:
        found.append((cursor.bindings_count, len(cursor.get_description() or ())))
        return False

    with ledger._desks.books.alone() as connection:
        connection.exec_trace = note
        count = len(set(re.findall(r"\?\d+", statement))) or statement.count("?")
        with suppress(apsw.ExecTraceAbort):
            connection.execute(statement, (None,) * count)
        connection.exec_trace = None
    run(ledger.close())
    return found[0]


def test_the_same_files_and_sections() -> None:
    assert set(FILES) == set(SQLITE_FILES)
    assert set(POSTGRES) == set(SQLITE)


@pytest.mark.parametrize("name", sorted(set(SQLITE) | set(POSTGRES)))
def test_as_many_parameters_and_columns(one_database: PostgresBooks, name: str) -> None:
    parameters, columns = described(one_database, POSTGRES[name])
    assert (parameters, len(columns)) == described_by_sqlite(SQLITE[name])


@pytest.mark.parametrize("name", sorted(SQLITE))
def test_the_same_columns_in_the_same_order(one_database: PostgresBooks, name: str) -> None:
    wanted = re.match(r"SELECT ((?:\w+\.)?[a-z_]+(?:,\s+(?:\w+\.)?[a-z_]+)*)\s+FROM", SQLITE[name])
    if wanted is None:
        return  # it has none, or some that are computed: their number is compared above
    names = [column.strip().split(".")[-1] for column in wanted[1].split(",")]
    assert described(one_database, POSTGRES[name])[1] == names


def inserted(statement: str) -> str | None:
    found = re.match(r"INSERT INTO (\w+ \([\w,\s]+?\))", statement)
    return " ".join(found[1].split()) if found else None


@pytest.mark.parametrize("name", sorted(name for name, text in SQLITE.items() if text.startswith("INSERT")))
def test_rows_are_written_in_the_same_columns(name: str) -> None:
    assert inserted(POSTGRES[name]) == inserted(SQLITE[name]) is not None


def test_a_statement_for_many_rows_names_the_type_of_each_column() -> None:
    for name in BY_COLUMN:
        arrays = re.findall(r"\$(\d+)::(?:bigint|text|bytea)\[\]", POSTGRES[name])
        assert sorted(map(int, arrays)) == list(range(1, len(arrays) + 1)), name
        assert len(re.findall(r"\$\d+", POSTGRES[name])) == len(arrays), name


@pytest.mark.parametrize("name", sorted(PLANNED))
def test_every_statement_finds_its_rows_by_an_index_however_few_there_are(
    one_database: PostgresBooks, name: str
) -> None:
    with administrator(one_database.url) as connection:
        connection.execute(SESSION["limits"], (SEARCH_PATH, "0", "on"))
        plan = [row[0].strip() for row in connection.execute(f"EXPLAIN (GENERIC_PLAN) {PLANNED[name]}").fetchall()]
    small = re.compile(r"Seq Scan on (claims|settlers|publications)\b")
    scans = [
        step for step in plan if re.search("Seq Scan|Bitmap|Hash Join|Merge Join", step) and not small.search(step)
    ]
    assert scans == []


def test_the_same_tables_with_the_same_columns(one_database: PostgresBooks) -> None:
    ledger = SQLiteLedger.in_memory()
    with ledger._desks.books.alone() as connection:
        sqlite = {
            str(name): [str(row[1]) for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
        }
    run(ledger.close())
    columns = (
        "SELECT attname::text FROM pg_attribute WHERE attrelid = ?1::text::regclass AND attnum > 0 ORDER BY attnum"
    )
    names = [name for (name,) in one_database.rows(TABLES)] + ["usage_facts"]
    postgres = {name: [column for (column,) in one_database.rows(columns, name)] for name in names}
    assert postgres.pop("claims") == ["shard", "owner", "until"]
    assert postgres.pop("settlers") == ["owner", "until"]
    assert postgres.pop("hot_stores") == ["number", "id", "at", "reason", "actor"]
    sqlite.pop("spillover_schema")
    assert postgres == sqlite


def test_texts_compare_byte_by_byte_and_numbers_are_whole(one_database: PostgresBooks) -> None:
    wrong = one_database.rows(
        "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
        " WHERE c.relnamespace::regnamespace::text LIKE 'spillover%' AND c.relkind IN ('r', 'p') AND a.attnum > 0"
        " AND NOT (a.atttypid = 'text'::regtype AND l.collname = 'C'"
        "          OR a.atttypid IN ('bigint'::regtype, 'smallint'::regtype, 'bytea'::regtype))"
    )
    assert wrong == []
