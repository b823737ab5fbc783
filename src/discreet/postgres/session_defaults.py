"""Find what a server sets for the sessions of our roles, by whatever way, and what limits them.

Stored settings of our roles and database are compared one by one (``role_changes.py``). These come
from elsewhere: ``ALTER ROLE ALL``, ``ALTER SYSTEM``, ``postgresql.conf`` or a pooler.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import psycopg

__all__ = ["limits_of_roles", "unsuitable_defaults"]

NEEDED = {
    "array_nulls": "on",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "IntervalStyle": "postgres",
    "lo_compat_privileges": "off",
    "row_security": "on",
    "session_replication_role": "origin",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}
"""Defaults without which statements fail, triggers don't run, or conditions mean something else."""

UNSUITABLE = """
SELECT p.name, p.setting FROM pg_catalog.pg_settings p
  JOIN unnest(%s::text[], %s::text[]) AS n (name, setting) ON n.name = p.name
 WHERE p.setting <> n.setting
UNION ALL
SELECT p.name, p.setting FROM pg_catalog.pg_settings p
 WHERE p.name = 'DateStyle' AND p.setting !~ '^ISO'
ORDER BY 1
"""
LIMITS = """
SELECT format('the password of the role %%s is valid until %%s UTC only', rolname,
              to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
  FROM pg_catalog.pg_roles WHERE rolname = ANY (%(roles)s) AND rolvaliduntil < 'infinity'
UNION ALL
SELECT format('the role %%s may have %%s connections only', rolname, rolconnlimit)
  FROM pg_catalog.pg_roles WHERE rolname = ANY (%(roles)s) AND rolconnlimit >= 0
UNION ALL
SELECT format('the database may have %%s connections only', datconnlimit)
  FROM pg_catalog.pg_database WHERE datname = %(dbname)s AND datconnlimit >= 0
ORDER BY 1
"""


def unsuitable_defaults(conn: psycopg.Connection[Any], *, without: Collection[str]) -> list[str]:
    """Return a line for each default of this session that we can't work with.

    ``without``: settings that are known to be changed.
    """
    rows = conn.execute(UNSUITABLE, [list(NEEDED), list(NEEDED.values())])
    return [
        f"the server sets {name} to {value} for every role (ALTER ROLE ALL, or postgresql.conf)"
        for name, value in rows
        if name not in without
    ]


def limits_of_roles(conn: psycopg.Connection[Any], roles: Sequence[str], dbname: str) -> list[str]:
    """Return a line for each limit of a role or the database that may end connections later."""
    return [line for (line,) in conn.execute(LIMITS, {"roles": list(roles), "dbname": dbname})]
