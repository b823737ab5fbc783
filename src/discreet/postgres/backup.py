"""Write a whole installation to one file: data, roles, passwords, ticket key."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict
from discreet.postgres.archive import DUMP, write_archive
from discreet.postgres.backup_list import note_backup
from discreet.postgres.binaries import run_client
from discreet.postgres.embedded import Progress
from discreet.postgres.external import admin_conninfo
from discreet.postgres.server import opened_database
from discreet.settings import Settings

__all__ = ["backup"]

DUMP_WORDS = (
    "--format=custom",
    "--exclude-table-data=gate.secrets",  # the key is stored with the credentials
    "--exclude-extension=vector",  # `initialise` creates these two
    "--exclude-schema=pg_catalog",
)


def backup(
    settings: Settings,
    file: Path,
    *,
    admin_url: str | None = None,
    progress: Progress = lambda _: None,
) -> None:
    """Write the installation to ``file`` (mode 0600), whole or not at all. It may be in use.

    ``admin_url`` is needed for a server of your own, and must be a role that bypasses row-level
    security.

    Raises:
        BadInput: the folder of ``file`` doesn't exist, or ``admin_url`` is missing.
        Conflict: ``file`` exists.
        Unavailable: the database can't be read, or not all of it.
    """
    if file.exists():
        raise Conflict(f"{file} already exists.", hint="Choose another name.")
    if not file.parent.is_dir():
        raise BadInput(f"The folder {file.parent} does not exist.")
    with (
        opened_database(settings.home, progress) as database,
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch,
    ):
        admin = admin_conninfo(database.credentials, admin_url)
        inside = make_conninfo(admin, dbname=database.credentials.dbname)
        progress("Reading the database.")
        # pg_dump sets row_security off: it fails instead of leaving out rows that it can't see.
        run_client("pg_dump", inside, *DUMP_WORDS, f"--file={Path(scratch, DUMP)}")
        with psycopg.connect(inside, autocommit=True) as conn:
            names = conn.execute("SELECT name FROM public.schema_migrations ORDER BY name")
            migrations = [name for (name,) in names]
            server = conn.info.parameter_status("server_version") or ""
        draft = Path(scratch, "draft")
        write_archive(
            draft,
            Path(scratch),
            database.credentials,
            discreet=version("discreet"),
            postgres=server,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            migrations=migrations,
        )
        draft.rename(file)
    note_backup(settings.home, file)
