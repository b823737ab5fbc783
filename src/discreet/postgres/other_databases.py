"""Protect databases of others on the same server: another installation, or another program."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import Conflict
from discreet.postgres.credentials import Credentials
from discreet.postgres.roles import SCHEMA_ROLE

__all__ = ["end_connections", "refuse_other_database"]

# The ledger and extensions exist before our schemas do.
CONTENT = """
SELECT (SELECT r.rolname FROM pg_catalog.pg_namespace n
          JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'discreet'),
       EXISTS (SELECT FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'
                  AND NOT starts_with(n.nspname, 'pg_')
                  AND (n.nspname, c.relname) <> ('public', 'schema_migrations')
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                   WHERE d.objid = c.oid AND d.deptype = 'e'))
"""
CONNECTED = """
SELECT DISTINCT usename FROM pg_catalog.pg_stat_activity
 WHERE datname = %s AND usename <> current_user
"""
TERMINATE = """
SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity
 WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid()
   AND pg_catalog.pg_has_role(usesysid, 'USAGE')
"""


def refuse_other_database(
    admin_conninfo: str, conn: psycopg.Connection[Any], credentials: Credentials, dbname: str
) -> None:
    """Refuse an existing database that isn't this installation's, unless it is empty.

    ``conn`` is an admin's, to any database of the server.

    Raises:
        Conflict: it belongs to another installation or another program.
        psycopg.OperationalError: the admin can't connect to it.
    """
    if conn.execute("SELECT FROM pg_database WHERE datname = %s", [dbname]).fetchone() is None:
        return
    with psycopg.connect(make_conninfo(admin_conninfo, dbname=dbname), autocommit=True) as inside:
        for owner, used in inside.execute(CONTENT):
            if owner != credentials.login(SCHEMA_ROLE) and (owner is not None or used):
                whose = (
                    f"belongs to the installation {owner.removesuffix('_schema')}"
                    if owner is not None
                    else "contains tables of another program"
                )
                raise Conflict(
                    f"The database {dbname} on that server {whose}.",
                    hint="Nothing was changed. Choose another name for this one: --name or "
                    "--dbname NAME",
                )


def end_connections(conn: psycopg.Connection[Any], dbname: str) -> None:
    """End all connections to a database that the admin of ``conn`` may end.

    An admin who is no superuser may grant itself the roles that it made; here it does for a moment.
    """
    with conn.transaction(force_rollback=True):
        for (role,) in conn.execute(CONNECTED, [dbname]).fetchall():
            grant = sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE")
            with suppress(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(grant.format(sql.Identifier(role)))
        conn.execute(TERMINATE, [dbname])
