"""The files that describe the schema agree."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest

from discreet.postgres.migrate import SQL, read_migrations
from tests.conftest import Server as Shared
from tests.schema.__main__ import (
    FROZEN,
    MAX_BYTES,
    PAGE,
    SCHEMA,
    VERSIONS,
    changed_since_frozen,
)
from tests.schema.diagram import page_of
from tests.schema.dump import schema_of
from tests.schema.scratch import Server

AGAIN = "run scripts/schema and commit what it writes"


@pytest.fixture(scope="module")
def sources(server: Shared) -> Iterator[str]:
    """Yield the schema that ``tables/`` and ``functions/`` make."""
    place = Server(server.admin_conninfo, server.credentials)
    name = f"{server.credentials.dbname}_{secrets.token_hex(6)}"
    try:
        yield schema_of(place.from_sources(name))
    finally:
        place.drop(name)


def test_tables_and_functions_make_what_the_migrations_make(server: Shared, sources: str) -> None:
    place = Server(server.admin_conninfo, server.credentials)
    assert schema_of(place.inside(server.credentials.dbname)).splitlines() == sources.splitlines()


def test_the_committed_schema_is_the_one_that_the_files_make(sources: str) -> None:
    assert SCHEMA.read_text(encoding="utf-8") == sources, AGAIN


def test_the_page_of_the_tables_is_drawn_from_the_committed_schema() -> None:
    page = page_of(SCHEMA.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page, AGAIN
    tables = re.findall(r"^CREATE TABLE (?:discreet|gate)\.(\w+)", SCHEMA.read_text(), re.MULTILINE)
    assert len(tables) > 30
    assert [table for table in tables if f"    {table} {{\n" not in page] == []


def test_no_frozen_migration_was_changed() -> None:
    text = FROZEN.read_text(encoding="utf-8")
    frozen = [line.split("  ")[1] for line in text.splitlines()]
    files = {path.name: path.read_bytes() for path in sorted(SQL.glob("migrations/*.sql"))}
    assert frozen == list(files)[: len(frozen)]
    assert changed_since_frozen(text, files) == [], "these are frozen: add another"
    changed = {**files, frozen[0]: b"SELECT 1", frozen[1]: files[frozen[1]] + b"\n"}
    assert changed_since_frozen(text, changed) == frozen[:2]
    assert changed_since_frozen(text, {}) == frozen


def test_the_newest_frozen_version_is_stored_and_small() -> None:
    frozen = [line.split("  ")[1] for line in FROZEN.read_text(encoding="utf-8").splitlines()]
    stored = sorted(path.name.removesuffix(".sql.gz") for path in VERSIONS.glob("*.gz"))
    assert f"{stored[-1]}.sql" == frozen[-1], "run scripts/freeze-schema"
    assert {f"{name}.sql" for name in stored} <= set(frozen)
    assert [p.name for p in VERSIONS.glob("*.gz") if p.stat().st_size > MAX_BYTES] == []


def test_each_function_is_defined_once_in_a_file_that_says_its_owner_and_its_rights() -> None:
    defined: list[str] = []
    for migration in read_migrations():
        if migration.repeatable:
            names = re.findall(
                r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) ([\w.]+)", migration.text, re.MULTILINE
            )
            assert names, migration.name
            assert re.search(r"^SET ROLE discreet_\w+;", migration.text, re.MULTILINE)
            assert migration.text.count("CREATE OR REPLACE ") == len(names), migration.name
            [revoked] = re.findall(r"REVOKE ALL ON FUNCTION ([^;]*) FROM PUBLIC;", migration.text)
            assert sorted(re.split(r",\s+", revoked.strip())) == sorted(names), migration.name
            defined += names
    assert len(defined) == len(set(defined)) > 100
