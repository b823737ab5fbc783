"""Runs the numbered SQL files of a folder, each once, in order, each in its own transaction."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from discreet.domain.errors import Unavailable

__all__ = ["MIGRATIONS", "Migration", "is_current", "migrate", "read_migrations"]

MIGRATIONS = Path(__file__).parent / "migrations"

INCLUDE_PROCRASTINATE = "-- include: procrastinate\n"
"""Stands for the schema of the installed procrastinate, which is not ours to copy."""

# In `public`: it is needed before the first file makes our schemas. It holds nobody's data.
LEDGER = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
  name       text PRIMARY KEY,
  checksum   text NOT NULL,
  includes   text NOT NULL DEFAULT '',
  applied_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON public.schema_migrations FROM PUBLIC;
GRANT SELECT ON public.schema_migrations TO discreet_worker;
"""
APPLIED = "SELECT name, checksum FROM public.schema_migrations ORDER BY name"
RECORD = "INSERT INTO public.schema_migrations (name, checksum, includes) VALUES (%s, %s, %s)"
LOCK = "SELECT pg_advisory_lock(hashtextextended('discreet: migrations', 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('discreet: migrations', 0))"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. ``checksum`` is the SHA-256 of its text as hex."""

    name: str
    text: str
    checksum: str


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The files ``NNNN_name.sql`` of a folder, in order.

    Raises:
        ValueError: two files have the same number.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        if not re.fullmatch(r"\d{4}_\w+\.sql", path.name):
            continue
        text = path.read_text(encoding="utf-8")
        found.append(Migration(path.stem, text, hashlib.sha256(text.encode()).hexdigest()))
    numbers = [migration.name[:4] for migration in found]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two migrations in {folder} have the same number")
    return found


def is_current(conn: psycopg.Connection[Any], migrations: list[Migration]) -> bool:
    """Whether exactly these were applied; one small query, which discreet_worker may ask too.

    Raises:
        Unavailable: the database is newer than this program, or an applied file was changed.
    """
    try:
        applied = dict(conn.execute(APPLIED).fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False
    return not _missing(applied, migrations)


def migrate(conn: psycopg.Connection[Any], migrations: list[Migration]) -> list[str]:
    """Applies what is missing; returns the names. Whoever comes second waits and finds it done.

    ``conn`` is an admin's, in autocommit mode.

    Raises:
        Unavailable: as for ``is_current``.
        psycopg.Error: a file failed; it left nothing, those before it stay applied.
    """
    conn.execute(LOCK)
    try:
        conn.execute(LEDGER)
        missing = _missing(dict(conn.execute(APPLIED).fetchall()), migrations)
        for migration in missing:
            text, includes = _with_includes(migration.text)
            with conn.transaction():
                conn.execute(text, prepare=False)
                conn.execute("RESET ROLE")
                conn.execute(RECORD, [migration.name, migration.checksum, includes])
        return [migration.name for migration in missing]
    finally:
        if not conn.broken:
            conn.execute(UNLOCK)


def _missing(applied: dict[str, str], migrations: list[Migration]) -> list[Migration]:
    unknown = set(applied) - {migration.name for migration in migrations}
    if unknown:
        raise Unavailable(
            f"The database was made by a newer version ({max(unknown)}).",
            hint="Update Discreet, or restore a backup made by this version.",
        )
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise Unavailable(
                f"The migration {migration.name} was changed after it was applied.",
                hint="Put the file back as it was; changes go into a new one.",
            )
    return [migration for migration in migrations if migration.name not in applied]


def _with_includes(text: str) -> tuple[str, str]:
    """The text with procrastinate's schema in its place, and the version that was included."""
    if INCLUDE_PROCRASTINATE not in text:
        return text, ""
    from importlib.metadata import version

    from procrastinate.schema import SchemaManager

    schema = SchemaManager.get_schema()
    return text.replace(INCLUDE_PROCRASTINATE, schema), f"procrastinate {version('procrastinate')}"
