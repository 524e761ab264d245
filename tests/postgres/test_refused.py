"""A fault that lasts is told with what mends it: nobody is asked to do in vain the same again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from spillover.bootstrap import examining
from spillover.ledgers.postgres import PostgresLedger
from spillover.model.errors import StoreUnavailable
from spillover.postgres.facts import facts_of, identity_of, is_there
from tests.servers import Databases
from tests.servers.process import free_port

ASKED: tuple[Callable[[str], object], ...] = (
    PostgresLedger, lambda url: is_there(url, 2_000), lambda url: identity_of(url, 2_000),
    lambda url: facts_of(url, 2_000),
)  # fmt: skip


def said(url: str) -> str:
    """What opening it says, whoever does, on one line."""
    texts = set()
    for asked in ASKED:
        with pytest.raises(StoreUnavailable) as caught:
            asked(url)
        texts.add(str(caught.value))
    (text,) = texts
    assert "\n" not in text
    assert "again" not in text
    return text


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}"))


@pytest.mark.parametrize("name", ["nope", "two words", 'it"s'])
def test_a_database_that_is_not_there_is_told_with_the_command_that_makes_it(server: Databases, name: str) -> None:
    text = said(server.url_of(name.replace(" ", "%20").replace('"', "%22")))
    assert "found no such database" in text
    found, _, command = text.partition("expected one; correct its name, or make it: ")
    assert found
    assert shlex.split(command) == ["createdb", name]


def test_the_doctor_says_it_too(server: Databases) -> None:
    signs = {sign.what: sign for sign in examining.doctor(server.url_of("nope"))}
    assert (signs["books"].level, signs["books"].advice) == ("act", "correct its name, or make it: createdb nope")


def test_a_login_that_is_refused(server: Databases) -> None:
    refused = "expected one that is let in; check user and password"
    assert refused in said(as_user(server.url, "nobody_knows"))
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE locked_out NOLOGIN")
    try:
        assert refused in said(as_user(server.url, "locked_out:secret"))
    finally:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("DROP ROLE locked_out")


def test_a_wrong_password(server: Databases) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        row = admin.execute("SHOW hba_file").fetchone()
        assert row is not None
        with open(row[0], encoding="utf-8") as file:
            before = file.read()
        admin.execute("CREATE ROLE careful LOGIN PASSWORD 'right'")
        try:
            with open(row[0], "w", encoding="utf-8") as file:
                file.write(f"host all careful 127.0.0.1/32 scram-sha-256\n{before}")
            admin.execute("SELECT pg_reload_conf()")
            while not admin.execute("SELECT 1 FROM pg_hba_file_rules WHERE 'careful' = ANY (user_name)").fetchone():
                pass
            with psycopg.connect(as_user(server.url, "careful:right")):
                pass
            for user in ("careful:wrong", "careful"):
                text = said(as_user(server.url, user))
                assert "found the login refused" in text
                assert "wrong" not in text
        finally:
            with open(row[0], "w", encoding="utf-8") as file:
                file.write(before)
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("DROP ROLE careful")


def test_a_place_where_nobody_listens_or_that_nobody_knows() -> None:
    for place in (f"127.0.0.1:{free_port()}", "nobody.invalid"):
        assert said(f"postgresql://{place}/shop").endswith("; check that it runs, and address and network")
