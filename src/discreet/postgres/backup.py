"""One file with everything of an installation, and back.

A restore fills a database beside the one in use and puts it in its place at the end, in one
transaction: an interrupted restore changes nothing.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.archive import DUMP, Manifest, read_archive, write_archive
from discreet.postgres.binaries import ENVIRONMENT, program
from discreet.postgres.bootstrap import initialise
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.embedded import Progress, embedded_server, has_cluster
from discreet.postgres.external import external_credentials, refuse_other_server
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE, check_roles
from discreet.postgres.server import opened_database
from discreet.settings import Settings

__all__ = ["backup", "restore"]

DUMP_WORDS = (
    "--format=custom",
    "--exclude-table-data=gate.secrets",  # the key is with the credentials
    "--exclude-extension=vector",  # these two are made by `initialise`
    "--exclude-schema=pg_catalog",
)
SWAP_ATTEMPTS = 5
TERMINATE = """
SELECT pg_catalog.pg_terminate_backend(pid, 5000)
  FROM pg_catalog.pg_stat_activity WHERE datname = %s
"""
LIBPQ_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE",
    "require_auth": "PGREQUIREAUTH",
}


def backup(
    settings: Settings,
    file: Path,
    *,
    admin_url: str | None = None,
    progress: Progress = lambda _: None,
) -> None:
    """Writes the installation to ``file`` (mode 0600), whole or not at all. It may be in use.

    ``admin_url`` is needed for a server of your own, and has to be past row-level security.

    Raises:
        BadInput: the folder of ``file`` doesn't exist, or ``admin_url`` is missing.
        Conflict: ``file`` exists.
        Unavailable: the database can't be read, or not all of it.
    """
    if file.exists():
        raise Conflict(f"{file} exists already.", hint="Choose another name.")
    if not file.parent.is_dir():
        raise BadInput(f"There is no folder {file.parent}.")
    with (
        opened_database(settings.home, progress) as database,
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch,
    ):
        admin = _admin_conninfo(database.credentials, admin_url)
        inside = make_conninfo(admin, dbname=database.credentials.dbname)
        progress("Reading the database.")
        # pg_dump sets row_security off: it fails rather than leave out rows that it may not see.
        _run("pg_dump", inside, *DUMP_WORDS, f"--file={Path(scratch, DUMP)}")
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


def restore(
    settings: Settings,
    file: Path,
    *,
    admin_url: str | None = None,
    overwrite: bool = False,
    reset_roles: bool = False,
    progress: Progress = lambda _: None,
) -> None:
    """Puts a backup into ``settings.home``: its embedded server, or the one of ``admin_url``.

    A home that has credentials keeps them; a new one gets those of the backup. An older backup is
    brought up to date. Processes that use the database meanwhile lose their connections.

    Raises:
        BadInput: ``file`` is no backup, is damaged, or was made by a newer version.
        Conflict: there are data already and ``overwrite`` is false; or the roles of a server of
            your own have other passwords and ``reset_roles`` is false.
        Unavailable: the server can't be reached or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="discreet-restore-") as scratch:
        manifest, saved = read_archive(file, Path(scratch))
        _refuse_newer(file, manifest)
        make_layout(settings.home)
        with _target(settings.home, saved, admin_url, progress) as (credentials, admin):
            beside = replace(credentials, dbname=f"{credentials.dbname}_restoring")
            with psycopg.connect(admin, autocommit=True) as conn:
                if not overwrite and _has_data(conn, admin, credentials.dbname):
                    raise Conflict(
                        f"{settings.home} has data already.",
                        hint="To replace them: sb restore --overwrite FILE. Back them up before.",
                    )
                _drop(conn, beside.dbname)
                progress("Filling a new database.")
                initialise(admin, beside, migrations=[], reset_roles=reset_roles)
                inside = make_conninfo(admin, dbname=beside.dbname)
                with psycopg.connect(inside, autocommit=True) as own:
                    own.execute("DROP TABLE public.schema_migrations")
                words = ["--exit-on-error", "--single-transaction", str(Path(scratch, DUMP))]
                _run("pg_restore", inside, f"--dbname={beside.dbname}", *words)
                initialise(admin, beside)
                with psycopg.connect(inside, autocommit=True) as own:
                    check_roles(own)
                _swap(conn, beside.dbname, credentials.dbname)


@contextmanager
def _target(
    home: Path, saved: Credentials, admin_url: str | None, progress: Progress
) -> Iterator[tuple[Credentials, str]]:
    """The credentials of the home, kept there from now on, and its server's admin conninfo."""
    known = load_credentials(home)
    if admin_url is not None or (known is not None and not known.embedded):
        if known is None:
            place = external_credentials(admin_url or "", saved.dbname)
            known = _with_secrets(place, saved)
        if known.embedded or has_cluster(home):
            raise Conflict(f"{home} uses the embedded server.", hint="Leave --admin-url out.")
        if admin_url is not None:
            refuse_other_server(home, known, admin_url)
        yield known, _admin_conninfo(known, admin_url)
        save_credentials(home, known)
        return
    if known is None:
        known = _with_secrets(new_credentials(embedded=True, dbname=saved.dbname), saved)
        save_credentials(home, known)
    with embedded_server(home, known.passwords[ADMIN_ROLE], progress=progress) as sockets:
        known = replace(known, host=str(sockets))
        yield known, known.conninfo(ADMIN_ROLE, dbname="postgres")


def _with_secrets(place: Credentials, saved: Credentials) -> Credentials:
    passwords = {role: saved.passwords.get(role, new) for role, new in place.passwords.items()}
    return replace(place, passwords=passwords, ticket_key=saved.ticket_key)


def _admin_conninfo(credentials: Credentials, admin_url: str | None) -> str:
    if credentials.embedded:
        return credentials.conninfo(ADMIN_ROLE, dbname="postgres")
    if admin_url is None:
        raise BadInput(
            "The database is on a server of your own, and only its admin sees all of it.",
            hint="Add --admin-url postgresql://admin:password@host/postgres",
        )
    return admin_url


def _refuse_newer(file: Path, manifest: Manifest) -> None:
    if set(manifest.migrations) - {migration.name for migration in read_migrations()}:
        raise BadInput(
            f"{file} was made by a newer version ({manifest.discreet}).", hint="Update discreet."
        )


def _has_data(conn: psycopg.Connection[Any], admin: str, dbname: str) -> bool:
    if conn.execute("SELECT FROM pg_database WHERE datname = %s", [dbname]).fetchone() is None:
        return False
    with psycopg.connect(make_conninfo(admin, dbname=dbname), autocommit=True) as own:
        if own.execute("SELECT to_regclass('discreet.owners')").fetchone() == (None,):
            return False
        return own.execute("SELECT FROM discreet.owners LIMIT 1").fetchone() is not None


def _swap(conn: psycopg.Connection[Any], new: str, place: str) -> None:
    """Renames ``new`` to ``place``, in one transaction with what was there, which is dropped then.

    Raises:
        Conflict: somebody connects to what was there again and again.
    """
    old = f"{place}_replaced"
    _drop(conn, old)
    exists = conn.execute("SELECT FROM pg_database WHERE datname = %s", [place]).fetchone()
    for _ in range(SWAP_ATTEMPTS):
        try:
            with conn.transaction():
                if exists is not None:
                    conn.execute(TERMINATE, [place])
                    _rename(conn, place, old)
                _rename(conn, new, place)
            break
        except psycopg.errors.ObjectInUse:
            continue
    else:
        raise Conflict("The database is in use.", hint="End the processes that use it, try again.")
    _drop(conn, old)


def _rename(conn: psycopg.Connection[Any], name: str, to: str) -> None:
    words = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    conn.execute(words.format(sql.Identifier(name), sql.Identifier(to)))


def _drop(conn: psycopg.Connection[Any], name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(name: str, conninfo: str, *words: str) -> None:
    """Runs a program of PostgreSQL. How it logs in isn't among its words, which anybody can see."""
    given = conninfo_to_dict(conninfo)
    variables = {
        variable: str(given[key])
        for key, variable in LIBPQ_VARIABLES.items()
        if given.get(key) is not None
    }
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        [program(name), "--no-password", *words],
        env={**ENVIRONMENT, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or ["error: none"]
        raise Unavailable(f"{name} failed: {lines[0].split('error:', 1)[1].strip()}")
