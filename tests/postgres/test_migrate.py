"""Migrations run once, in order, whole or not at all, and never change silently.

Functions run again when their text has changed.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.migrate import (
    SQL,
    Migration,
    is_current,
    migrate,
    read_migrations,
)
from discreet.postgres.server import Database

Conn = psycopg.Connection[Any]


def migration(name: str, text: str) -> Migration:
    return Migration(name, text, hashlib.sha256(text.encode()).hexdigest(), "/" in name)


FIRST = migration(
    "0001_first", "CREATE TABLE public.steps (n int); INSERT INTO public.steps VALUES (1);"
)
SECOND = migration("0002_second", "INSERT INTO public.steps VALUES (2);")


def function(text: str, name: str = "functions/last.sql") -> Migration:
    return migration(name, text)


def last(plus: int, *grants: str) -> Migration:
    lines = [
        "CREATE OR REPLACE FUNCTION public.last() RETURNS int LANGUAGE sql AS"
        f" 'SELECT max(n) + {plus} FROM public.steps';",
        "REVOKE ALL ON FUNCTION public.last FROM PUBLIC;",
        *(f"GRANT EXECUTE ON FUNCTION public.last TO {role};" for role in grants),
    ]
    return function("\n".join(lines))


@pytest.fixture
def conn(empty_database: str) -> Any:
    with psycopg.connect(empty_database, autocommit=True) as conn:
        yield conn


def steps(conn: Conn) -> list[int]:
    return [n for (n,) in conn.execute("SELECT n FROM public.steps ORDER BY n")]


def value(conn: Conn, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_each_file_runs_once_and_in_order(conn: Conn) -> None:
    assert not is_current(conn, [FIRST])
    assert migrate(conn, [FIRST]) == ["0001_first"]
    assert is_current(conn, [FIRST])
    assert not is_current(conn, [FIRST, SECOND])
    assert migrate(conn, [FIRST, SECOND]) == ["0002_second"]
    assert migrate(conn, [FIRST, SECOND]) == []
    assert steps(conn) == [1, 2]


def test_a_file_that_was_changed_after_it_was_applied_is_refused(conn: Conn) -> None:
    migrate(conn, [FIRST, SECOND])
    changed = migration(SECOND.name, SECOND.text + "-- more")
    for attempt in (is_current, migrate):
        with pytest.raises(Unavailable, match="0002_second was changed"):
            attempt(conn, [FIRST, changed])
    assert steps(conn) == [1, 2]


def test_a_database_of_a_newer_version_is_refused(conn: Conn) -> None:
    migrate(conn, [FIRST, SECOND])
    for attempt in (is_current, migrate):
        with pytest.raises(Unavailable, match="newer version"):
            attempt(conn, [FIRST])


@pytest.mark.parametrize(
    "before",
    [migration("0001_schemas", FIRST.text), migration("0001_first", FIRST.text + " ")],
    ids=["another first file", "the first file as it was"],
)
def test_a_database_older_than_the_baseline_is_told_what_to_do_in_one_line(
    conn: Conn, before: Migration
) -> None:
    migrate(conn, [before])
    for attempt in (is_current, migrate):
        with pytest.raises(Unavailable, match="created before 0001_first") as raised:
            attempt(conn, [FIRST, SECOND])
        assert "empty DISCREET_HOME" in str(raised.value)
        assert "\n" not in str(raised.value)
    assert steps(conn) == [1]


def test_a_file_that_fails_leaves_nothing_and_can_be_mended(conn: Conn) -> None:
    broken = migration("0002_second", SECOND.text + " SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(conn, [FIRST, broken])
    assert steps(conn) == [1]
    assert migrate(conn, [FIRST, SECOND]) == ["0002_second"]


def test_a_role_that_a_file_takes_on_does_not_outlive_it(conn: Conn) -> None:
    migrate(conn, [migration("0001_role", "SET ROLE discreet_schema;"), FIRST])
    assert steps(conn) == [1]


def test_two_migrations_at_once_apply_each_file_once(empty_database: str) -> None:
    def run(_: int) -> list[str]:
        with psycopg.connect(empty_database, autocommit=True) as conn:
            return migrate(conn, [FIRST, SECOND, last(0)])

    with ThreadPoolExecutor(4) as pool:
        done = [name for names in pool.map(run, range(4)) for name in names]
    assert sorted(done) == ["0001_first", "0002_second", "functions/last.sql"]


def test_functions_are_applied_after_the_migrations_and_again_when_they_changed(conn: Conn) -> None:
    migrate(conn, [FIRST, last(0)])
    assert value(conn, "SELECT public.last()") == 1
    assert migrate(conn, [FIRST, last(0)]) == []
    assert not is_current(conn, [FIRST, last(10)])
    assert migrate(conn, [FIRST, SECOND, last(10)]) == ["0002_second", "functions/last.sql"]
    assert value(conn, "SELECT public.last()") == 12


def test_a_function_has_the_rights_that_its_file_says_and_no_other(conn: Conn) -> None:
    may = "SELECT has_function_privilege('{}', 'public.last()', 'EXECUTE')"
    migrate(conn, [FIRST, last(0, "discreet_owner", "discreet_contact")])
    assert value(conn, may.format("discreet_contact"))
    migrate(conn, [FIRST, last(0, "discreet_owner")])
    assert value(conn, may.format("discreet_owner"))
    assert not value(conn, may.format("discreet_contact"))
    assert not value(conn, may.format("discreet_worker"))


def test_functions_that_call_each_other_are_applied_in_any_order_or_not_at_all(
    conn: Conn,
) -> None:
    first = "CREATE OR REPLACE FUNCTION public.a() RETURNS int LANGUAGE sql AS 'SELECT public.b()';"
    other = "CREATE OR REPLACE FUNCTION public.b() RETURNS int LANGUAGE sql AS 'SELECT 7';"
    broken = function(other + " SELECT 1/0;", "functions/b.sql")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(conn, [FIRST, function(first, "functions/a.sql"), broken])
    assert value(conn, "SELECT to_regproc('public.a')") is None
    migrate(conn, [FIRST, function(first, "functions/a.sql"), function(other, "functions/b.sql")])
    assert value(conn, "SELECT public.a()") == 7


def test_a_file_of_functions_that_is_gone_is_forgotten(conn: Conn) -> None:
    migrate(conn, [FIRST, last(0)])
    assert is_current(conn, [FIRST])
    migrate(conn, [FIRST])
    assert value(conn, "SELECT count(*) FROM public.schema_migrations") == 1


def test_our_own_files_are_applied_and_recorded(database: Database) -> None:
    with psycopg.connect(database.conninfo("discreet_worker"), autocommit=True) as conn:
        assert is_current(conn, read_migrations())
        assert value(conn, "SELECT to_regclass('queue.procrastinate_jobs')") is not None


def test_the_numbers_of_our_files_ascend_from_one_without_a_gap_or_a_double() -> None:
    found = [migration for migration in read_migrations() if not migration.repeatable]
    assert [int(migration.name[:4]) for migration in found] == list(range(1, len(found) + 1))
    assert len(found) == len(list(SQL.glob("migrations/*.sql")))


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / "migrations" / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="same number"):
        read_migrations(tmp_path)
