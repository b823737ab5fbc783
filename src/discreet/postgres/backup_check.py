"""Check a backup by restoring it into a temporary database."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import BadInput
from discreet.postgres.archive import extract_dump, read_archive
from discreet.postgres.backup_encryption import Unlocking
from discreet.postgres.backup_file import opened_backup
from discreet.postgres.bootstrap import prepare_roles
from discreet.postgres.credentials import new_credentials
from discreet.postgres.embedded import embedded_server, wait_until_stopped
from discreet.postgres.external import admin_conninfo
from discreet.postgres.folders import make_layout
from discreet.postgres.loading import load_dump
from discreet.postgres.roles import ADMIN_ROLE

__all__ = ["Checked", "check_backup"]

SCRATCH = "checking-"


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that was restored as a trial. ``made_at`` is ISO 8601 in UTC."""

    made_at: str
    version: str
    rows: int


def check_backup(home: Path, file: Path, unlocking: Unlocking) -> Checked:
    """Restore a backup into an embedded database below ``home``, compare it, and remove it.

    Needs as much space there as the database. The installation isn't touched.

    Raises:
        BadInput: the file is damaged, can't be decrypted, or lacks rows.
        Unavailable: it can't be restored; the message says why.
    """
    with (
        opened_backup(home, file, unlocking) as plain,
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=make_layout(home).run) as scratch,
    ):
        manifest, saved = read_archive(plain)
        trial = Path(scratch) / "home"
        password = new_credentials(embedded=True).passwords[ADMIN_ROLE]
        try:
            with embedded_server(trial, password, durable=False, grace_seconds=0) as sockets:
                credentials = new_credentials(
                    embedded=True, host=str(sockets), installation=saved.installation
                ).with_password(ADMIN_ROLE, password)
                admin = admin_conninfo(credentials, None)
                prepare_roles(admin, credentials)
                dump = extract_dump(plain, Path(scratch))
                found = load_dump(admin, credentials, dump, saved.installation)
        finally:
            wait_until_stopped(trial)
    for table, rows in manifest.rows.items():
        if found.get(table) != rows:
            raise BadInput(
                f"{file} is incomplete: {table} has {found.get(table, 0):,} of {rows:,} rows.",
                hint="Use another backup, and make a new one.",
            )
    return Checked(manifest.made_at, manifest.discreet, sum(found.values()))
