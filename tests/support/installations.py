"""Another installation on the server that tests share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.postgres.credentials import Credentials
from discreet.postgres.external import initialise_external
from discreet.postgres.roles import ADMIN_ROLE, ROLES


def admin_url(server: Credentials) -> str:
    """The URL of the superuser of an embedded server, as an admin gives it."""
    return make_conninfo(
        host=server.host, port=server.port, dbname="postgres", user=ADMIN_ROLE,
        password=server.passwords[ADMIN_ROLE],
    )  # fmt: skip


def new_name() -> str:
    """A name that no other test uses; roles belong to the whole server."""
    return f"shop_{secrets.token_hex(4)}"


@contextmanager
def installation(url: str, home: Path, name: str | None = None) -> Iterator[Credentials]:
    """Make an installation as ``sb db init --name`` does, and remove it at the end."""
    name = name or new_name()
    try:
        yield initialise_external(home, url, name=name)
    finally:
        remove_installation(url, name)


def remove_installation(url: str, name: str) -> None:
    """Remove the database and the roles of a name, as docs/data.md tells to."""
    with psycopg.connect(url, autocommit=True) as admin:
        drop(admin, name)
        for role in ROLES:
            login = sql.Identifier(role.replace("discreet", name))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(login))


def drop(admin: psycopg.Connection[Any], dbname: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(dbname)))
