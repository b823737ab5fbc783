"""Set up a PostgreSQL server of your own with an admin's URL, which isn't stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

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
from discreet.postgres.installation import DEFAULT_INSTALLATION, check_database_name
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE

__all__ = [
    "admin_conninfo",
    "external_credentials",
    "initialise_external",
    "migrate_external",
    "read_write",
    "refuse_other_server",
]


def initialise_external(
    home: Path,
    admin_url: str,
    *,
    name: str | None = None,
    dbname: str | None = None,
    reset_roles: bool = False,
) -> Credentials:
    """Create roles, database and schema on the server; store the passwords in ``home``.

    Repeating it does no harm, and needs no names: ``home`` has them. In a new home the default is
    ``DEFAULT_INSTALLATION``, and a database that is called as the installation is. ``reset_roles``
    gives new passwords to roles that another installation of the same name may be using.

    Raises:
        BadInput: the URL can't be read, or a name can't be used.
        Conflict: ``home`` has another database, or the roles have unknown passwords.
        Unavailable: as for ``initialise``.
    """
    known = load_credentials(home)
    if name is None:
        name = DEFAULT_INSTALLATION if known is None else known.installation
    if dbname is None:
        dbname = name if known is None else known.dbname
    wanted = external_credentials(admin_url, dbname, name)
    if known is None:
        check_database_name(dbname)
    make_layout(home)
    if has_cluster(home) or (known is not None and not known.same_place(wanted)):
        raise Conflict(
            f"{home} already has a database.",
            hint="Choose another home with DISCREET_HOME, or move that one away (sb backup FILE).",
        )
    if known is not None and known.installation != name:
        raise Conflict(
            f"{home} belongs to the installation {known.installation}, not {name}.",
            hint="Choose another home with DISCREET_HOME, or omit --name.",
        )
    if known is not None:
        wanted = replace(wanted, passwords=known.passwords, ticket_key=known.ticket_key)
    admin = read_write(admin_url)
    prepare_roles(admin, wanted, reset_roles=reset_roles)
    save_credentials(home, wanted)
    prepare_database(admin, wanted, read_migrations())
    return wanted


def migrate_external(home: Path, admin_url: str) -> None:
    """Migrate the database of ``home``, on a server of your own.

    Raises:
        BadInput: the URL can't be parsed, or is of another server than the one ``home`` uses.
        Unavailable: as for ``initialise``.
    """
    known = load_credentials(home)
    if known is None or known.embedded:
        raise BadInput(
            f"{home} uses the embedded server.",
            hint="The embedded server is migrated when it starts.",
        )
    refuse_other_server(home, known, admin_url)
    initialise(read_write(admin_url), known)


def refuse_other_server(home: Path, known: Credentials, admin_url: str) -> None:
    """Refuse the URL of another server than the one that ``home`` uses.

    Raises:
        BadInput: the URL is of another server.
    """
    if not known.same_place(external_credentials(admin_url, known.dbname)):
        raise BadInput(f"That server is not the one that {home} uses ({', '.join(known.places)}).")


def external_credentials(
    admin_url: str, dbname: str, installation: str = DEFAULT_INSTALLATION
) -> Credentials:
    """Return fresh credentials for the server of the URL.

    Raises:
        BadInput: the URL can't be parsed or names no host; or the name isn't valid for an
            installation.
    """
    ignore_libpq_variables(embedded=False)
    try:
        given = conninfo_to_dict(admin_url)
    except psycopg.ProgrammingError as error:
        raise BadInput(
            f"Invalid admin URL: {str(error).strip()}.",
            hint="Use the form postgresql://admin:password@host:5432/postgres",
        ) from None
    hosts = str(given.get("host") or "").split(",")
    ports = [port or "5432" for port in str(given.get("port") or "").split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if not all(hosts) or len(ports) != len(hosts) or not all(map(str.isdecimal, ports)):
        raise BadInput(
            "The admin URL must name a host, and each port that isn't 5432.",
            hint="Use the form postgresql://admin:password@host:5432/postgres, "
            "or postgresql://admin:password@one:5432,two:5432/postgres",
        )
    certificate = given.get("sslrootcert")
    return new_credentials(
        embedded=False,
        host=",".join(hosts),
        port=",".join(ports),
        dbname=dbname,
        sslmode=str(given.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"),
        sslrootcert=str(certificate) if certificate else None,
        target_session_attrs=str(given.get("target_session_attrs") or _attrs_for(hosts)),
        installation=installation,
    )


def _attrs_for(hosts: Sequence[str]) -> str:
    """Return the target_session_attrs that select the primary, if there are several hosts."""
    return "read-write" if len(hosts) > 1 else "any"


def read_write(admin_url: str) -> str:
    """Return the admin's conninfo, which selects the primary if the URL names several hosts.

    Its texts are UTF-8, also in a database without an encoding (SQL_ASCII), as clusters have that
    were made without a locale; psycopg would return bytes there.

    Raises:
        BadInput: as for ``external_credentials``.
    """
    wanted = external_credentials(admin_url, "postgres").target_session_attrs
    return make_conninfo(admin_url, target_session_attrs=wanted, client_encoding="UTF8")


def admin_conninfo(credentials: Credentials, admin_url: str | None) -> str:
    """Return the admin's conninfo: the embedded server's own, or the given URL.

    Raises:
        BadInput: the URL is missing.
    """
    if credentials.embedded:
        return credentials.conninfo(ADMIN_ROLE, dbname="postgres")
    if admin_url is None:
        raise BadInput(
            "The database is on a server of your own, and only its admin can read all of it.",
            hint="Add --admin-url postgresql://admin:password@host/postgres, or set"
            " DISCREET_ADMIN_URL.",
        )
    return read_write(admin_url)
