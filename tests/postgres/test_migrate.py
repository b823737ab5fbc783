"""Migrations run once, in order, whole or not at all, and never silently change."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.migrate import (
    MIGRATIONS,
    Migration,
    is_current,
    migrate,
    read_migrations,
)
from discreet.postgres.server import Database


def migration(name: str, text: str) -> Migration:
    return Migration(name, text, hashlib.sha256(text.encode()).hexdigest())


FIRST = migration(
    "0001_first", "CREATE TABLE public.steps (n int); INSERT INTO public.steps VALUES (1);"
)
SECOND = migration("0002_second", "INSERT INTO public.steps VALUES (2);")


@pytest.fixture
def conn(empty_database: str) -> Any:
    with psycopg.connect(empty_database, autocommit=True) as conn:
        yield conn


def steps(conn: psycopg.Connection[Any]) -> list[int]:
    return [n for (n,) in conn.execute("SELECT n FROM public.steps ORDER BY n")]


def test_each_file_runs_once_and_in_order(conn: psycopg.Connection[Any]) -> None:
    assert not is_current(conn, [FIRST])
    assert migrate(conn, [FIRST]) == ["0001_first"]
    assert is_current(conn, [FIRST])
    assert not is_current(conn, [FIRST, SECOND])
    assert migrate(conn, [FIRST, SECOND]) == ["0002_second"]
    assert migrate(conn, [FIRST, SECOND]) == []
    assert steps(conn) == [1, 2]


def test_a_file_that_was_changed_after_it_was_applied_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    migrate(conn, [FIRST])
    changed = migration(FIRST.name, FIRST.text + "-- more")
    for attempt in (is_current, migrate):
        with pytest.raises(Unavailable, match="0001_first was changed"):
            attempt(conn, [changed, SECOND])
    assert steps(conn) == [1]


def test_a_database_of_a_newer_version_is_refused(conn: psycopg.Connection[Any]) -> None:
    migrate(conn, [FIRST, SECOND])
    for attempt in (is_current, migrate):
        with pytest.raises(Unavailable, match="newer version"):
            attempt(conn, [FIRST])


def test_a_file_that_fails_leaves_nothing_and_can_be_mended(
    conn: psycopg.Connection[Any],
) -> None:
    broken = migration("0002_second", SECOND.text + " SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(conn, [FIRST, broken])
    assert steps(conn) == [1]
    assert migrate(conn, [FIRST, SECOND]) == ["0002_second"]


def test_a_role_that_a_file_takes_on_does_not_outlive_it(conn: psycopg.Connection[Any]) -> None:
    migrate(conn, [migration("0001_role", "SET ROLE discreet_schema;"), FIRST])
    assert steps(conn) == [1]


def test_two_who_migrate_at_once_apply_each_file_once(empty_database: str) -> None:
    def run(_: int) -> list[str]:
        with psycopg.connect(empty_database, autocommit=True) as conn:
            return migrate(conn, [FIRST, SECOND])

    with ThreadPoolExecutor(4) as pool:
        done = [name for names in pool.map(run, range(4)) for name in names]
    assert sorted(done) == ["0001_first", "0002_second"]


def test_our_own_files_are_applied_and_recorded_with_the_queues_version(
    database: Database,
) -> None:
    with psycopg.connect(database.conninfo("discreet_worker"), autocommit=True) as conn:
        assert is_current(conn, read_migrations())
        rows = conn.execute("SELECT includes FROM public.schema_migrations WHERE includes <> ''")
        assert [text.split()[0] for (text,) in rows] == ["procrastinate"]
        assert conn.execute("SELECT to_regclass('queue.procrastinate_jobs')").fetchone() != (None,)


def test_the_numbers_of_our_files_ascend_from_one_without_a_double() -> None:
    numbers = [int(found.name[:4]) for found in read_migrations()]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
    assert len(numbers) == len(list(MIGRATIONS.glob("*.sql")))


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="same number"):
        read_migrations(tmp_path)
