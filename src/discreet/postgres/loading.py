"""Load a dump into a new database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from discreet.postgres.binaries import run_client
from discreet.postgres.bootstrap import prepare_database
from discreet.postgres.credentials import Credentials
from discreet.postgres.installation import (
    DEFAULT_INSTALLATION,
    check_installation_name,
    rename_roles,
)
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import check_roles

__all__ = ["NOT_DUMPED", "count_rows", "load_dump"]

NOT_DUMPED = (
    "gate.secrets",  # the key is stored with the credentials
    "discreet.events",  # their order is that of transactions in one cluster
)
"""The tables whose rows aren't in a dump."""
LEFT_OUT = ("\\restrict", "\\unrestrict", "ALTER TABLE public.schema_migrations OWNER TO ")
"""The beginnings of lines that are for psql alone, or that name the admin of the dumped server."""
TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('discreet', 'gate', 'queue') AND c.relkind = 'r'
   AND n.nspname || '.' || c.relname <> ALL (%s)
 ORDER BY 1
"""


def load_dump(admin: str, beside: Credentials, dump: Path, installation: str) -> dict[str, int]:
    """Load a dump into the new database that ``beside`` names, and migrate and check it.

    Return the rows of each table as they were loaded. ``installation``: the dump's.

    Raises:
        Unavailable: it can't be loaded, or the server refuses.
    """
    prepare_database(admin, beside, [])
    inside = make_conninfo(admin, dbname=beside.dbname)
    with psycopg.connect(inside, autocommit=True) as conn:
        conn.execute("DROP TABLE public.schema_migrations")  # the dump contains its own
        _load(conn, inside, dump, installation, beside)
        rows = count_rows(conn)
        prepare_database(admin, beside, read_migrations())
        check_roles(conn, beside.installation)
    return rows


def count_rows(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Count the rows of each of our tables, however many people's they are.

    Raises:
        psycopg.errors.InsufficientPrivilege: not all rows can be seen.
    """
    names = [name for (name,) in conn.execute(TABLES, [list(NOT_DUMPED)])]
    with conn.transaction():
        conn.execute("SET LOCAL row_security = off")  # fails where rows would be left out
        counts = {}
        for name in names:
            row = conn.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()
            counts[name] = int(row[0]) if row else 0
    return counts


def _load(
    conn: psycopg.Connection[Any], inside: str, dump: Path, before: str, beside: Credentials
) -> None:
    """Load a dump, maybe of another installation or of a server whose admin has another name.

    The roles are renamed in the schema only; rows contain people's texts and are loaded as they
    are. The one table that belongs to the admin goes to the admin here.
    """
    if before != DEFAULT_INSTALLATION:
        check_installation_name(before)

    def run_section(section: str) -> None:
        script = dump.with_suffix(".sql")
        run_client("pg_restore", inside, f"--section={section}", f"--file={script}", str(dump))
        lines = script.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = (line for line in lines if not line.startswith(LEFT_OUT))
        conn.execute(rename_roles("".join(kept), before, beside.installation).encode())

    run_section("pre-data")
    words = ["--section=data", "--exit-on-error", "--single-transaction", str(dump)]
    run_client("pg_restore", inside, f"--dbname={beside.dbname}", *words)
    run_section("post-data")
    conn.execute("RESET ALL")
