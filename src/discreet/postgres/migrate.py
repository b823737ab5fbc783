"""Bring a database up to date from the SQL files of a folder.

``migrations/NNNN_name.sql`` change tables and data. Each runs once, in order, in a transaction of
its own, and never changes once it is frozen. ``functions/**/*.sql`` are repeatable: each runs again
whenever its text has changed, after all migrations.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from discreet.domain.errors import Unavailable

__all__ = ["SQL", "Migration", "is_current", "migrate", "read_migrations"]

SQL = Path(__file__).parent / "sql"

# In `public`, because it is needed before the first migration creates our schemas. It holds no
# personal data.
LEDGER = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
  name       text PRIMARY KEY,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON public.schema_migrations FROM PUBLIC;
"""
APPLIED = "SELECT name, checksum FROM public.schema_migrations ORDER BY name"
RECORD = """
INSERT INTO public.schema_migrations (name, checksum) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()
"""
FORGET = "DELETE FROM public.schema_migrations WHERE name LIKE '%%/%%' AND name <> ALL(%s)"
LOCK = "SELECT pg_advisory_lock(hashtextextended('discreet: migrations', 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('discreet: migrations', 0))"

# CREATE OR REPLACE keeps an existing function's rights. They are revoked first, so that its file
# states all of them.
RIGHTS = """
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text,
       array_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'public'
                                         ELSE a.grantee::regrole::text END)
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace,
       aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE n.nspname || '.' || p.proname = ANY(%s) AND a.grantee <> p.proowner
 GROUP BY 1, 2
"""
_DEFINED = re.compile(r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) (\w+\.\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. ``checksum``: the SHA-256 of its text as hex.

    A ``repeatable`` one is named by its path, and its number is ignored.
    """

    name: str
    text: str
    checksum: str
    repeatable: bool = False


def read_migrations(folder: Path = SQL) -> list[Migration]:
    """Read the migrations of a folder in order, then its functions.

    Raises:
        ValueError: two migrations have the same number.
    """
    found = [
        _read(path, path.stem)
        for path in sorted(folder.glob("migrations/*.sql"))
        if re.fullmatch(r"\d{4}_\w+\.sql", path.name)
    ]
    numbers = [migration.name[:4] for migration in found]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two migrations in {folder} have the same number")
    functions = sorted(folder.glob("functions/**/*.sql"))
    return found + [
        _read(path, path.relative_to(folder).as_posix(), repeatable=True) for path in functions
    ]


def _read(path: Path, name: str, *, repeatable: bool = False) -> Migration:
    text = path.read_text(encoding="utf-8")
    return Migration(name, text, hashlib.sha256(text.encode()).hexdigest(), repeatable)


def is_current(conn: psycopg.Connection[Any], migrations: Sequence[Migration]) -> bool:
    """Return whether exactly these migrations are applied.

    It is one small query that discreet_worker may run too.

    Raises:
        Unavailable: the database is newer than this program, or older than its first migration, or
            an applied file was changed.
    """
    try:
        applied = dict(conn.execute(APPLIED).fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False
    return not _missing(applied, migrations)


def migrate(conn: psycopg.Connection[Any], migrations: Sequence[Migration]) -> list[str]:
    """Apply what is missing and return the names. A concurrent caller waits and finds it done.

    ``conn`` is an admin's, in autocommit mode.

    Raises:
        Unavailable: as for ``is_current``.
        psycopg.Error: a file failed and was rolled back; the migrations before it stay applied. The
            functions are applied together or not at all.
    """
    conn.execute(LOCK)
    try:
        conn.execute(LEDGER)
        missing = _missing(dict(conn.execute(APPLIED).fetchall()), migrations)
        for migration in missing:
            if not migration.repeatable:
                with conn.transaction():
                    _apply(conn, migration)
        functions = [migration for migration in missing if migration.repeatable]
        with conn.transaction():
            for function in functions:
                _take_rights(conn, function)
                _apply(conn, function)
            conn.execute(FORGET, [[m.name for m in migrations if m.repeatable]])
        return [migration.name for migration in missing]
    finally:
        if not conn.broken:
            conn.execute(UNLOCK)


def _apply(conn: psycopg.Connection[Any], migration: Migration) -> None:
    # A function may call one that is defined later.
    conn.execute("SET LOCAL check_function_bodies = off")
    conn.execute(migration.text.encode(), prepare=False)
    conn.execute("RESET ROLE")
    conn.execute(RECORD, [migration.name, migration.checksum])


def _take_rights(conn: psycopg.Connection[Any], function: Migration) -> None:
    for kind, signature, roles in conn.execute(RIGHTS, [_DEFINED.findall(function.text)]):
        conn.execute(
            sql.SQL("REVOKE ALL ON {} {} FROM {}").format(
                sql.SQL(kind), sql.SQL(signature), sql.SQL(", ").join(map(sql.SQL, roles))
            )
        )


def _missing(applied: dict[str, str], migrations: Sequence[Migration]) -> list[Migration]:
    numbered = [migration for migration in migrations if not migration.repeatable]
    known = {migration.name: migration.checksum for migration in numbered}
    before = {name: checksum for name, checksum in applied.items() if "/" not in name}
    first = numbered[0].name if numbered else ""
    if before and applied.get(first, "") != known.get(first, ""):
        raise Unavailable(
            f"The database was created before {first} and can't be migrated.",
            hint="Keep it for the version that created it, and start with a new one: an empty"
            " DISCREET_HOME, or another database.",
        )
    unknown = set(before) - set(known)
    if unknown:
        raise Unavailable(
            f"The database was created by a newer version ({max(unknown)}).",
            hint="Update Discreet, or restore a backup of this version.",
        )
    for name, checksum in before.items():
        if known[name] != checksum:
            raise Unavailable(
                f"The migration {name} was changed after it was applied.",
                hint="Restore the file; put changes into a new one.",
            )
    return [
        migration for migration in migrations if applied.get(migration.name) != migration.checksum
    ]
