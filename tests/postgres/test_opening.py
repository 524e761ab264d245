"""Opening: what the server must keep, who may upgrade, and whose schemas are left alone."""

from __future__ import annotations

import threading

import pytest

from spillover.model.errors import NewerRules, NewerSchema, NotADatabase, StoreError, WrongSettings
from spillover.postgres import Database
from spillover.sql import Component
from tests.postgres.support import HOT, HOT_2, ROLE, add, as_admin, ids, login, opened
from tests.servers import Databases, postgres

OURS = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'spillover%'"


def setting(database: Database, name: str) -> str:
    row = database.read(lambda c: c.execute("SELECT current_setting($1)", (name,)).fetchone())
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_strict_is_refused_where_the_server_would_lose_pages_and_the_command_mends_it(name: str) -> None:
    with postgres(**{name: "off"}) as server:
        url = server.new_database()
        with pytest.raises(WrongSettings, match=f"{name} = off.*ALTER SYSTEM SET {name} = on") as caught:
            opened(url)
        opened(url, durability="fast").close()
        server.config.pop(name)
        server.stop()
        server.start()
        as_admin(server.url, *(part for part in str(caught.value).split("run: ")[1].split(";") if part.strip()))
        opened(url).close()


def test_strict_waits_for_the_disk_though_the_server_does_not_by_default(url: str) -> None:
    as_admin(url, "ALTER ROLE postgres SET synchronous_commit = off")
    try:
        database = opened(url)
        assert setting(database, "synchronous_commit") == "on"
        database.close()
    finally:
        as_admin(url, "ALTER ROLE postgres RESET synchronous_commit")


def test_what_the_server_says_of_standbys_stays_as_it_is(url: str, server: Databases) -> None:
    name = url.rsplit("/", 1)[1]
    as_admin(url, f'ALTER DATABASE "{name}" SET synchronous_commit = remote_apply')
    database = opened(url)
    assert setting(database, "synchronous_commit") == "remote_apply"
    database.close()


def test_fast_does_not_wait_for_the_disk(url: str) -> None:
    database = opened(url, durability="fast")
    assert setting(database, "synchronous_commit") == "off"
    database.close()


def test_every_session_has_limits(things: Database) -> None:
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        assert setting(things, name) == "2s"


def test_a_database_of_another_encoding_is_refused(server: Databases) -> None:
    as_admin(
        server.url,
        "DROP DATABASE IF EXISTS latin",
        "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(WrongSettings, match=r"encoding LATIN1, expected UTF8.*createdb"):
        opened(server.url_of("latin"))
    server.drop_database(server.url_of("latin"))


def test_a_schema_that_is_not_ours_is_left_alone(url: str) -> None:
    as_admin(url, "CREATE SCHEMA spillover_hot", "CREATE TABLE spillover_hot.theirs (a int)")
    with pytest.raises(NotADatabase, match="schema spillover_hot of another program"):
        opened(url)
    assert as_admin(url, OURS) == [(1,)], "nothing of ours was left behind"


def test_what_else_is_in_the_database_stays_and_is_never_found_by_a_plain_name(url: str) -> None:
    as_admin(url, "CREATE TABLE public.things (id bigint)", "CREATE SCHEMA usage", "CREATE TABLE usage.mine (a int)")
    database = opened(url)
    database.write(add(1))
    assert as_admin(url, "SELECT count(*) FROM public.things") == [(0,)]
    assert database.read(ids) == [1]
    with pytest.raises(StoreError, match='"mine" does not exist'):
        database.read(lambda c: c.execute("SELECT * FROM mine").fetchall())
    database.close()


def test_an_upgrade_goes_on_from_where_the_database_stands(url: str) -> None:
    first = opened(url)
    first.write(add(1))
    second = opened(url, HOT_2)
    assert second.read(lambda c: c.execute("SELECT id, more FROM things").fetchall()) == [(1, 7)]
    assert first.read(ids) == [1], "a session of before goes on"
    first.close()
    second.close()


def test_newer_schemas_and_rules_are_refused(url: str) -> None:
    opened(url, HOT_2, rules=2).close()
    with pytest.raises(NewerSchema, match="found schema hot 2, expected at most 1"):
        opened(url, HOT)
    with pytest.raises(NewerRules, match="found decisions of rules version 2, expected at most 1"):
        opened(url, HOT_2, rules=1)


def test_an_upgrade_that_fails_leaves_nothing(url: str) -> None:
    broken = Component("hot", (HOT.scripts[0], "CREATE TABLE spillover_hot.more (a int); SELECT 1 / 0"))
    with pytest.raises(StoreError, match="division by zero"):
        opened(url, broken)
    assert as_admin(url, OURS) == [(0,)]
    opened(url, HOT).close()


def test_programs_that_start_at_once_upgrade_once() -> None:
    slow = Component("hot", (f"{HOT.scripts[0]} SELECT pg_sleep(0.05)",))
    with postgres() as server:  # a new server: databases of one server also make the same roles at once
        urls = [server.new_database() for _ in range(3)] * 3
        broken, meet = list[BaseException](), threading.Barrier(len(urls), timeout=30)

        def start(url: str) -> None:
            try:
                meet.wait()
                opened(url, slow).close()
            except BaseException as error:
                broken.append(error)

        threads = [threading.Thread(target=start, args=(url,)) for url in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert broken == []


def test_a_login_without_rights_is_told_what_to_run_and_that_is_enough() -> None:
    with postgres() as server:
        url = server.new_database()
        name = url.rsplit("/", 1)[1]
        as_admin(url, "CREATE ROLE app LOGIN", f'GRANT CREATE ON DATABASE "{name}" TO app')
        with pytest.raises(WrongSettings, match="as an administrator run once: CREATE ROLE spillover_owner") as caught:
            opened(login(url, "app"))
        assert "\n" not in str(caught.value)
        as_admin(url, *str(caught.value).split("run once: ")[1].rstrip(";").split("; "))
        database = opened(login(url, "app"))
        database.write(add(1))
        assert database.read(ids) == [1]
        database.close()


def test_a_login_that_may_create_roles_and_owns_the_database_needs_nobody(server: Databases) -> None:
    with postgres() as own:
        as_admin(own.url, "CREATE ROLE app LOGIN CREATEROLE", "CREATE DATABASE mine OWNER app")
        first = opened(login(own.url_of("mine"), "app"))
        second = opened(login(own.url_of("mine"), "app"))
        first.write(add(1))
        assert second.read(ids) == [1]
        first.close()
        second.close()


def test_a_second_login_must_be_let_in_by_name(url: str) -> None:
    opened(url).close()
    as_admin(url, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    with pytest.raises(WrongSettings, match=r'GRANT spillover_owner.* TO "guest"'):
        opened(login(url, "guest"))
    as_admin(url, "DROP ROLE guest")


def test_a_session_may_do_what_its_role_may_and_no_more(things: Database) -> None:
    assert things.read(lambda c: c.execute("SELECT current_user::text").fetchone()) == (ROLE,)
    with pytest.raises(StoreError, match="right missing"):
        things.write(lambda c: c.execute("DROP TABLE things"))
