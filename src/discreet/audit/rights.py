"""Rights by which a sender's role could learn about others or block them.

Read from the catalogue: rights on whole tables, on system columns, and keys that reveal whether an
id exists.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

__all__ = ["open_rights"]

WHOSE = ("id", "owner_id", "agent_id", "contact_id", "shared", "party", "owner_key", "scope_key")
"""Columns for the party of a row, which only the database fills in."""
KEYS = ("owner_key", "scope_key")
"""Columns that policies compare first; an index that depends on one can't be used without it."""

_TABLES: LiteralString = """
  pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND has_schema_privilege(n.oid, 'USAGE') AND c.relkind IN ('r', 'p', 'm', 'f')
"""
_CHECKS: tuple[LiteralString, ...] = (
    "SELECT format('%%s can be read whole, and so by ctid and currtid2', c.oid::regclass) FROM "
    + _TABLES
    + " WHERE has_table_privilege(c.oid, 'SELECT')",
    "SELECT format('%%s can be locked', c.oid::regclass) FROM "
    + _TABLES
    + " WHERE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, MAINTAIN')",
    "SELECT format('%%s.%%s can be read', c.oid::regclass, a.attname) FROM "
    + _TABLES
    + " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped"
    " WHERE (a.attnum < 0 OR a.attname = ANY (%(keys)s))"
    "   AND has_column_privilege(c.oid, a.attnum, 'SELECT')",
    "SELECT format('%%s.%%s can be written', c.oid::regclass, a.attname) FROM "
    + _TABLES
    + " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped"
    " WHERE a.attname = ANY (%(whose)s)"
    "   AND has_column_privilege(c.oid, a.attnum, 'INSERT, UPDATE')",
    "SELECT format('%%s of %%s can be deferred', k.conname, c.oid::regclass) FROM "
    + _TABLES
    + " JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.condeferrable"
    " WHERE has_any_column_privilege(c.oid, 'INSERT, UPDATE')"
    "    OR has_table_privilege(c.oid, 'DELETE')",
)


def open_rights(conn: psycopg.Connection[Any]) -> list[str]:
    """List what this connection's role may do that a sender's must not. Reads no people's rows."""
    values = {"keys": list(KEYS), "whose": list(WHOSE)}
    return sorted(line for check in _CHECKS for (line,) in conn.execute(check, values))
