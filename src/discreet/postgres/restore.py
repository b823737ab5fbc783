"""Restore an installation from a backup file.

The data is loaded into a new database next to the one in use, which it replaces at the end in one
transaction: an interrupted restore changes nothing. A home without data is closed until then, so
that it isn't mistaken for a new installation.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict
from discreet.postgres.archive import Manifest, extract_dump, read_archive
from discreet.postgres.backup_encryption import Unlocking
from discreet.postgres.backup_file import opened_backup
from discreet.postgres.bootstrap import prepare_roles
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    load_restoring,
    new_credentials,
    set_restored,
    set_restoring,
)
from discreet.postgres.embedded import Progress, embedded_server
from discreet.postgres.erasure_list import ERASURES, read_list, read_receipts
from discreet.postgres.external import (
    admin_conninfo,
    external_credentials,
    refuse_other_server,
)
from discreet.postgres.folders import make_layout
from discreet.postgres.installation import check_database_name
from discreet.postgres.loading import load_dump
from discreet.postgres.migrate import read_migrations
from discreet.postgres.other_databases import end_connections, refuse_other_database
from discreet.postgres.restored_secrets import keep_secrets, reseal
from discreet.postgres.roles import ADMIN_ROLE
from discreet.settings import Settings

__all__ = ["Restored", "restore_backup"]

Erase = Callable[[Credentials, Sequence[str]], int]
"""Erases the contacts with these digests in a database; returns how many there were."""

UNLOCKED = Unlocking()
SWAP_ATTEMPTS = 5
SCRATCH = "restoring-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Attributes:
        made_at: When the backup was made, as ISO 8601 in UTC.
        erased_again: Contacts that the backup still contained although they had been erased.
        erasures_listed: Whether the list of erasures was there.
    """

    made_at: str
    erased_again: int
    erasures_listed: bool


@dataclass(frozen=True, slots=True)
class _Erasing:
    digests: Sequence[str]
    erase: Erase | None


def restore_backup(
    settings: Settings,
    file: Path,
    *,
    admin_url: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    reset_roles: bool = False,
    unlocking: Unlocking = UNLOCKED,
    erasures: Path | None = None,
    without_erasures: bool = False,
    erase: Erase | None = None,
    progress: Progress = lambda _: None,
) -> Restored:
    """Restore a backup into ``settings.home``: its embedded server, or the one of ``admin_url``.

    A home that has credentials keeps them. A new one gets those of the backup, or fresh ones if
    ``name`` differs from the backup's installation. An older backup is migrated. Processes that use
    the database meanwhile lose their connections. If it fails, a home with data is unchanged, and
    one without stays closed until another restore.

    Contacts that were erased after the backup are erased again with ``erase``, before the database
    is put in its place: those in the list of ``erasures`` (by default the one beside ``file``) and
    those that the replaced database knows of.

    Raises:
        BadInput: ``file`` isn't a backup, is damaged, was made by a newer version, or
            ``unlocking`` doesn't decrypt it; the list of erasures is damaged; or ``name`` isn't a
            valid installation name.
        Conflict: there is already data and ``overwrite`` is false; or the roles of a server of your
            own have other passwords and ``reset_roles`` is false; or ``home`` or the database
                belongs
            to another installation.
        Unavailable: the server can't be reached or refuses.
    """
    listed = None if without_erasures else read_list(erasures or file.parent / ERASURES)
    with opened_backup(settings.home, file, unlocking) as plain:
        manifest, saved = read_archive(plain)
        _check_migrations(file, manifest)
        erased = _restore(
            settings.home,
            plain,
            saved,
            _Erasing(listed or (), erase),
            admin_url=admin_url,
            name=name,
            overwrite=overwrite,
            reset_roles=reset_roles,
            progress=progress,
        )
    return Restored(manifest.made_at, erased, erasures_listed=listed is not None)


def _restore(
    home: Path,
    plain: Path,
    saved: Credentials,
    erasing: _Erasing,
    *,
    admin_url: str | None,
    name: str | None,
    overwrite: bool,
    reset_roles: bool,
    progress: Progress,
) -> int:
    """Restore the plain archive and return how many contacts were erased again."""
    layout = make_layout(home)
    for left in layout.run.glob(f"{SCRATCH}*"):  # left by a restore that was killed
        shutil.rmtree(left, ignore_errors=True)
    unfinished = load_restoring(home)
    known = unfinished or load_credentials(home)
    with (
        _target(home, known, saved, admin_url, name, progress) as (credentials, admin),
        psycopg.connect(admin, autocommit=True) as conn,
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=layout.run) as scratch,
    ):
        check_database_name(credentials.dbname)
        has_data = _has_data(conn, admin, credentials.dbname)
        # Nobody has used the database that an unfinished restore left on a server of its own.
        if has_data and not overwrite and (unfinished is None or not credentials.embedded):
            raise Conflict(
                f"{_place(home, credentials)} already has data.",
                hint="To replace it: sb restore --overwrite FILE. Back it up first."
                + ("" if credentials.embedded else "To put the backup next to it: --name NAME"),
            )
        beside = replace(credentials, dbname=f"{credentials.dbname}_restoring")
        for dropped in (beside.dbname, f"{credentials.dbname}_replaced"):
            refuse_other_database(admin, conn, credentials, dropped)
        prepare_roles(admin, credentials, reset_roles=reset_roles)
        if unfinished or known is None or not has_data:
            set_restoring(home, _as_saved(credentials))
        progress("Filling a new database.")
        _drop(conn, beside.dbname)
        load_dump(admin, beside, extract_dump(plain, Path(scratch)), saved.installation)
        _take_secrets(conn, admin, beside, saved, credentials)
        erased = _erase_again(conn, admin, beside, credentials, erasing)
        _swap(conn, beside.dbname, credentials.dbname)
        set_restored(home)
    return erased


def _erase_again(
    conn: psycopg.Connection[Any],
    admin: str,
    beside: Credentials,
    replaced: Credentials,
    erasing: _Erasing,
) -> int:
    """Erase the contacts that were erased since the backup, and return their number."""
    digests = set(erasing.digests)
    if _exists(conn, replaced.dbname):
        with psycopg.connect(make_conninfo(admin, dbname=replaced.dbname)) as there:
            digests |= {digest for one in read_receipts(there) for digest in one.digests}
    if erasing.erase is None or not digests:
        return 0
    return erasing.erase(beside, sorted(digests))


def _check_migrations(file: Path, manifest: Manifest) -> None:
    """Refuse a backup that this program can't migrate.

    Raises:
        BadInput: the backup is older than the baseline, or newer than this program.
    """
    known = [migration.name for migration in read_migrations() if not migration.repeatable]
    saved = {name for name in manifest.migrations if "/" not in name}
    if saved and known[0] not in saved:
        raise BadInput(
            f"{file} was made before {known[0]} and can't be migrated.",
            hint=f"Restore it with the version that made it ({manifest.discreet}).",
        )
    if saved - set(known):
        raise BadInput(
            f"{file} was made by a newer version ({manifest.discreet}).", hint="Update Discreet."
        )


def _place(home: Path, credentials: Credentials) -> str:
    if credentials.embedded:
        return str(home)
    return f"The database {credentials.dbname} on {', '.join(credentials.places)}"


def _take_secrets(
    conn: psycopg.Connection[Any],
    admin: str,
    beside: Credentials,
    saved: Credentials,
    credentials: Credentials,
) -> None:
    """Make the backup's channel secrets readable here, and keep those that it lacks."""
    inside = make_conninfo(admin, dbname=beside.dbname)
    with psycopg.connect(inside, autocommit=True) as restored:
        reseal(restored, saved.sealing_key, credentials.sealing_key)
        if _exists(conn, credentials.dbname):
            there = make_conninfo(admin, dbname=credentials.dbname)
            with psycopg.connect(there, autocommit=True) as replaced:
                keep_secrets(replaced, restored)


@contextmanager
def _target(
    home: Path,
    known: Credentials | None,
    saved: Credentials,
    admin_url: str | None,
    name: str | None,
    progress: Progress,
) -> Iterator[tuple[Credentials, str]]:
    """Yield the home's credentials, or else the backup's, and the admin's conninfo."""
    if known is not None and name not in (None, known.installation):
        raise Conflict(
            f"{home} belongs to the installation {known.installation}, not {name}.",
            hint="Choose another home with DISCREET_HOME, or omit --name.",
        )
    installation = saved.installation if name is None else name
    dbname = saved.dbname if installation == saved.installation else installation
    if known is None and admin_url is None:
        fresh = new_credentials(embedded=True, dbname=dbname, installation=installation)
        known = _with_secrets(fresh, saved)
        set_restoring(home, known)  # a database needs them next
    elif known is None:
        known = _with_secrets(external_credentials(admin_url or "", dbname, installation), saved)
    if known.embedded:
        if admin_url is not None:
            raise Conflict(f"{home} uses the embedded server.", hint="Omit --admin-url.")
        with embedded_server(home, known.passwords[ADMIN_ROLE], progress=progress) as sockets:
            known = replace(known, host=str(sockets))
            yield known, admin_conninfo(known, None)
        return
    admin = admin_conninfo(known, admin_url)
    refuse_other_server(home, known, admin)
    yield known, admin


def _as_saved(credentials: Credentials) -> Credentials:
    """Return the credentials without the socket folder, which is determined at each start."""
    return replace(credentials, host="") if credentials.embedded else credentials


def _with_secrets(place: Credentials, saved: Credentials) -> Credentials:
    """Return the credentials with the secrets of the backup, which belong to one installation."""
    if place.installation != saved.installation:
        return place
    passwords = {role: saved.passwords.get(role, new) for role, new in place.passwords.items()}
    return replace(place, passwords=passwords, ticket_key=saved.ticket_key)


def _has_data(conn: psycopg.Connection[Any], admin: str, dbname: str) -> bool:
    if not _exists(conn, dbname):
        return False
    with psycopg.connect(make_conninfo(admin, dbname=dbname), autocommit=True) as own:
        if own.execute("SELECT to_regclass('discreet.owners')").fetchone() == (None,):
            return False
        return own.execute("SELECT FROM discreet.owners LIMIT 1").fetchone() is not None


def _exists(conn: psycopg.Connection[Any], dbname: str) -> bool:
    found = conn.execute("SELECT FROM pg_database WHERE datname = %s", [dbname])
    return found.fetchone() is not None


def _swap(conn: psycopg.Connection[Any], new: str, place: str) -> None:
    """Rename ``new`` to ``place`` and drop what was there, in one transaction.

    Raises:
        Conflict: clients keep connecting to the old database.
    """
    old = f"{place}_replaced"
    _drop(conn, old)
    exists = _exists(conn, place)
    for _ in range(SWAP_ATTEMPTS):
        try:
            with conn.transaction():
                end_connections(conn, new)  # a pooler keeps those that were closed here
                if exists:
                    end_connections(conn, place)
                    _rename(conn, place, old)
                _rename(conn, new, place)
            break
        except psycopg.errors.ObjectInUse:
            continue
    else:
        raise Conflict(
            "The database is in use.", hint="Stop the processes that use it and try again."
        )
    _drop(conn, old)


def _rename(conn: psycopg.Connection[Any], name: str, to: str) -> None:
    words = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    conn.execute(words.format(sql.Identifier(name), sql.Identifier(to)))


def _drop(conn: psycopg.Connection[Any], name: str) -> None:
    end_connections(conn, name)
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
