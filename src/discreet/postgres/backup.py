"""Write a whole installation to one file: data, roles, passwords, ticket key."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.archive import DUMP, write_archive
from discreet.postgres.backup_check import check_backup
from discreet.postgres.backup_encryption import (
    BackupKeys,
    Plain,
    Unlocking,
    encrypt,
    one_time_keys,
)
from discreet.postgres.backup_list import note_backup
from discreet.postgres.binaries import run_client
from discreet.postgres.embedded import Progress
from discreet.postgres.erasure_list import append_receipts, read_receipts
from discreet.postgres.external import admin_conninfo
from discreet.postgres.folders import make_layout
from discreet.postgres.loading import NOT_DUMPED, count_rows
from discreet.postgres.private_files import sync_folder
from discreet.postgres.server import opened_database
from discreet.settings import Settings

__all__ = ["backup"]

log = structlog.get_logger(__name__)

DUMP_WORDS = (
    "--format=custom",
    *(f"--exclude-table-data={table}" for table in NOT_DUMPED),
    "--exclude-extension=vector",  # `initialise` creates these two
    "--exclude-schema=pg_catalog",
)
SCRATCH = "backing-up-"
MAY_SHARE = "SELECT has_function_privilege('pg_export_snapshot()', 'EXECUTE')"


def backup(
    settings: Settings,
    file: Path,
    *,
    keys: BackupKeys | Plain,
    check: bool = False,
    admin_url: str | None = None,
    progress: Progress = lambda _: None,
) -> None:
    """Write the installation to ``file`` (mode 0600), whole or not at all. It may be in use.

    ``check``: restore it as a trial before it gets its name. ``admin_url`` is needed for a server
    of your own, and must be a role that bypasses row-level security. What isn't encrypted yet
    stays below the home.

    Raises:
        BadInput: the folder of ``file`` doesn't exist, or ``admin_url`` is missing.
        Conflict: ``file`` exists.
        Unavailable: the database can't be read, or not all of it; the disk is full; or the trial
            failed.
    """
    if file.exists():
        raise Conflict(f"{file} already exists.", hint="Choose another name.")
    if not file.parent.is_dir():
        raise BadInput(f"The folder {file.parent} does not exist.")
    unlocking = Unlocking()
    if isinstance(keys, BackupKeys) and check:
        keys, unlocking = one_time_keys(keys)
    with (
        opened_database(settings.home, progress) as database,
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=make_layout(settings.home).run) as scratch,
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as beside,
    ):
        admin = admin_conninfo(database.credentials, admin_url)
        inside = make_conninfo(admin, dbname=database.credentials.dbname)
        progress("Reading the database.")
        dump = Path(scratch, DUMP)
        with psycopg.connect(inside, autocommit=True) as conn:
            names = conn.execute("SELECT name FROM public.schema_migrations ORDER BY name")
            migrations = [name for (name,) in names]
            server = conn.info.parameter_status("server_version") or ""
            rows = _dump(conn, inside, dump)
            receipts = read_receipts(conn)
        plain = Path(scratch, "plain")
        write_archive(
            plain,
            Path(scratch),
            database.credentials,
            discreet=version("discreet"),
            postgres=server,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            migrations=migrations,
            rows=rows,
        )
        dump.unlink()
        draft = Path(beside, "draft")
        with _new_file(draft) as written:
            if isinstance(keys, BackupKeys):
                encrypt(keys, plain, written)
            else:
                with plain.open("rb") as read:
                    shutil.copyfileobj(read, written)
        plain.unlink()
        if check:
            progress("Checking the backup by restoring it.")
            check_backup(settings.home, draft, unlocking)
        draft.rename(file)
        sync_folder(file.parent)
    note_backup(settings.home, file)
    for unlisted in append_receipts(settings.home, receipts):
        log.warning("erasures could not be listed", file=str(unlisted.file), why=unlisted.why)


def _dump(conn: psycopg.Connection[Any], inside: str, dump: Path) -> dict[str, int]:
    """Dump the database and return the rows of each table, both as of one moment.

    An admin without the right to share a snapshot gets no counts.
    """
    # pg_dump sets row_security off: it fails instead of leaving out rows that it can't see.
    words = [*DUMP_WORDS, f"--file={dump}"]
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = {}
        if conn.execute(MAY_SHARE).fetchone() == (True,):
            snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            words.append(f"--snapshot={snapshot[0]}")
            with suppress(psycopg.errors.InsufficientPrivilege):  # pg_dump says it better
                rows = count_rows(conn)
        run_client("pg_dump", inside, *words)
    return rows


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """Open a new private file, and sync it at the end.

    Raises:
        Unavailable: the disk is full.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"The backup can't be written: {error.strerror or error}.") from None
