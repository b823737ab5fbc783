"""Support for poolers such as pgbouncer, in session mode only."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import Credentials
from discreet.postgres.roles import LOGIN_ROLES

__all__ = ["refuse_transaction_pooling", "refuse_transaction_pooling_of_admin"]


def refuse_transaction_pooling(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    """Refuse a pooler that assigns each transaction or statement another server process.

    ``conn`` is an autocommit connection of one of the login roles.

    Raises:
        Unavailable: there is such a pooler.
        psycopg.OperationalError: the server can't be reached.
    """
    [role] = [one for one in LOGIN_ROLES if credentials.login(one) == conn.info.user]
    _refuse(conn, credentials.conninfo(role), credentials)


def refuse_transaction_pooling_of_admin(
    conn: psycopg.Connection[Any], conninfo: str, credentials: Credentials
) -> None:
    """Do the same before anything is created. ``conninfo`` is the admin's, of ``conn``.

    Raises:
        Unavailable: there is such a pooler.
        psycopg.OperationalError: the server can't be reached.
    """
    _refuse(conn, conninfo, credentials)


def _refuse(conn: psycopg.Connection[Any], conninfo: str, credentials: Credentials) -> None:
    # The process id that a pooler reports at first is made up: no server process is assigned yet.
    if _process_of(conn) == conn.info.backend_pid:
        return
    with psycopg.connect(conninfo, autocommit=True) as other:
        if _keep_their_processes(conn, other):
            return
    raise Unavailable(
        f"The pooler at {', '.join(credentials.places)} assigns each transaction another "
        "connection to PostgreSQL, which loses locks, notifications and prepared statements.",
        hint="Use session mode: pool_mode = session in pgbouncer.ini.",
    )


def _keep_their_processes(one: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> bool:
    """Return whether two open connections have separate processes.

    While one is in a transaction, the other's process must not be lent to it.
    """
    try:
        first = _process_of(one)
        with other.transaction():
            return _process_of(other) != first and _process_of(one) == first
    except psycopg.errors.Error as error:
        if isinstance(error, psycopg.OperationalError) and one.broken:
            raise
        return False  # a statement pooler accepts no transaction


def _process_of(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None  # noqa: S101 - a function without FROM gives a row
    return int(row[0])
