"""A PostgreSQL server of your own: made ready with an admin's URL, which isn't kept."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from discreet.domain.errors import BadInput, Conflict
from discreet.postgres.bootstrap import initialise, prepare_database, prepare_roles
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.embedded import has_cluster
from discreet.postgres.environment import ignore_libpq_variables
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE

__all__ = [
    "admin_conninfo",
    "external_credentials",
    "initialise_external",
    "migrate_external",
    "refuse_other_server",
]


def initialise_external(
    home: Path, admin_url: str, *, dbname: str = "discreet", reset_roles: bool = False
) -> Credentials:
    """Makes roles, database and schema on the server; keeps the passwords in ``home``.

    Repeating it does no harm. ``reset_roles`` gives new passwords to roles that another
    installation may be using.

    Raises:
        BadInput: the URL can't be read.
        Conflict: ``home`` has another database, or the roles have unknown passwords.
        Unavailable: as for ``initialise``.
    """
    wanted = external_credentials(admin_url, dbname)
    make_layout(home)
    known = load_credentials(home)
    if has_cluster(home) or (known is not None and not _same_place(known, wanted)):
        raise Conflict(
            f"{home} already has a database.",
            hint="Choose another home with DISCREET_HOME, or move that one away (sb backup FILE).",
        )
    if known is not None:
        wanted = replace(wanted, passwords=known.passwords, ticket_key=known.ticket_key)
    prepare_roles(admin_url, wanted, reset_roles=reset_roles)
    save_credentials(home, wanted)
    prepare_database(admin_url, wanted, read_migrations())
    return wanted


def migrate_external(home: Path, admin_url: str) -> None:
    """Brings the schema of the server of ``home`` up to date.

    Raises:
        BadInput: the URL can't be read, or leads to another server than ``home`` uses.
        Unavailable: as for ``initialise``.
    """
    known = load_credentials(home)
    if known is None or known.embedded:
        raise BadInput(
            f"{home} uses the embedded server.",
            hint="The embedded server updates itself when it starts.",
        )
    refuse_other_server(home, known, admin_url)
    initialise(admin_url, known)


def refuse_other_server(home: Path, known: Credentials, admin_url: str) -> None:
    """Raises:
    BadInput: the URL leads to another server than the credentials of ``home``.
    """
    if not _same_place(known, external_credentials(admin_url, known.dbname)):
        raise BadInput(f"That is another server than {home} uses ({known.host}:{known.port}).")


def external_credentials(admin_url: str, dbname: str) -> Credentials:
    """Fresh credentials for the server that the URL leads to.

    Raises:
        BadInput: the URL can't be read or names no host.
    """
    ignore_libpq_variables(embedded=False)
    try:
        given = conninfo_to_dict(admin_url)
    except psycopg.ProgrammingError as error:
        raise BadInput(
            f"Invalid admin URL: {str(error).strip()}.",
            hint="It looks like postgresql://admin:password@host:5432/postgres",
        ) from None
    host, port = str(given.get("host") or ""), str(given.get("port") or "5432")
    if not host or "," in host or not port.isdecimal():
        raise BadInput(
            "The admin URL has to name one host, and a port where it isn't 5432.",
            hint="It looks like postgresql://admin:password@host:5432/postgres",
        )
    certificate = given.get("sslrootcert")
    return new_credentials(
        embedded=False,
        host=host,
        port=int(port),
        dbname=dbname,
        sslmode=str(given.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"),
        sslrootcert=str(certificate) if certificate else None,
    )


def _same_place(one: Credentials, other: Credentials) -> bool:
    return (one.embedded, one.host, one.port, one.dbname) == (
        other.embedded,
        other.host,
        other.port,
        other.dbname,
    )


def admin_conninfo(credentials: Credentials, admin_url: str | None) -> str:
    """Where the admin logs in: the embedded server's own, or the one whose URL was given.

    Raises:
        BadInput: the URL is missing.
    """
    if credentials.embedded:
        return credentials.conninfo(ADMIN_ROLE, dbname="postgres")
    if admin_url is None:
        raise BadInput(
            "The database is on a server of your own, and only its admin sees all of it.",
            hint="Add --admin-url postgresql://admin:password@host/postgres",
        )
    return admin_url
