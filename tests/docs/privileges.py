"""Rights from the catalogue, in the format of docs/roles-and-privileges.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

Admin = psycopg.Connection[Any]
Row = tuple[str, ...]

ROLES = ("contact", "shared", "owner", "intake", "worker", "gate", "schema")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
NONE = "–"
ALL = "all"
KEYS = ("owner_key", "scope_key")
"""Columns that policies compare; an owner may read them, a sender may not."""

RELATION_RIGHTS = """
SELECT n.nspname || '.' || c.relname, replace(a.grantee::regrole::text, 'discreet_', ''),
       a.privilege_type, 0, NULL
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
 WHERE n.nspname IN ('discreet', 'gate', 'queue', 'public') AND c.relkind = ANY(%(kinds)s)
   AND a.grantee <> c.relowner
UNION ALL
SELECT n.nspname || '.' || c.relname, replace(a.grantee::regrole::text, 'discreet_', ''),
       a.privilege_type, t.attnum, t.attname
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
 WHERE n.nspname IN ('discreet', 'gate', 'queue', 'public') AND c.relkind = ANY(%(kinds)s)
   AND a.grantee <> c.relowner
 ORDER BY 1, 2, 3, 4
"""
RELATIONS = """
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relnamespace = ANY(ARRAY['discreet', 'gate', 'queue']::regnamespace[])
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL SELECT 'public.schema_migrations'
"""
SEQUENCE_RIGHTS = """
SELECT 'every sequence of ' || n.nspname, replace(a.grantee::regrole::text, 'discreet_', ''),
       string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
 WHERE n.nspname IN ('discreet', 'gate', 'queue', 'public') AND c.relkind = 'S'
   AND a.grantee <> c.relowner
 GROUP BY 1, 2
"""
SCHEMA_RIGHTS = """
SELECT 'schema ' || n.nspname, replace(a.grantee::regrole::text, 'discreet_', ''),
       string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
  FROM pg_namespace n, aclexplode(n.nspacl) a
 WHERE n.nspname IN ('discreet', 'gate', 'queue') AND a.grantee <> n.nspowner
 GROUP BY 1, 2
UNION ALL
SELECT 'the database', replace(a.grantee::regrole::text, 'discreet_', ''),
       string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
  FROM pg_database d, aclexplode(d.datacl) a
 WHERE d.datname = current_database() AND a.grantee <> d.datdba
 GROUP BY 1, 2
"""
FUNCTION_RIGHTS = """
SELECT CASE WHEN n.nspname = 'queue' THEN 'every function of queue'
            ELSE n.nspname || '.' || p.proname END,
       CASE a.grantee WHEN 0 THEN 'everybody'
                      ELSE replace(a.grantee::regrole::text, 'discreet_', '') END
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN LATERAL (
    SELECT e.grantee FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) e
     WHERE e.grantee <> p.proowner) a ON true
 WHERE n.nspname IN ('discreet', 'gate', 'queue')
"""
POLICIES = """
SELECT c.relname, coalesce(array_agg(replace(r.rolname, 'discreet_', '')), '{}')
  FROM pg_class c
  LEFT JOIN pg_policy p ON p.polrelid = c.oid
  LEFT JOIN pg_roles r ON r.oid = ANY(p.polroles)
 WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind IN ('r', 'p')
 GROUP BY 1
"""


def table_rights(admin: Admin) -> set[Row]:
    """Return (table, roles, select, insert, update, delete); equal roles share a row."""
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    kinds = {"kinds": ["r", "p", "v", "m", "f"]}
    columns = _columns_of(admin, [row[0] for row in admin.execute(RELATIONS).fetchall()])
    for table, role, right, _, column in admin.execute(RELATION_RIGHTS, kinds).fetchall():
        found[table, role][right].append(ALL if column is None else column)
    for (table, _), rights in found.items():
        _shorten(rights["SELECT"], columns[table])
        if not rights["SELECT"]:
            del rights["SELECT"]
    alike: dict[tuple[str, Row], list[str]] = defaultdict(list)
    for (table, role), rights in found.items():
        extra = sorted(set(rights) - set(RIGHTS))
        assert not extra, f"{role} has {extra} on {table}; the page has no column for that"
        alike[table, tuple(_columns(rights.get(right, [])) for right in RIGHTS)].append(role)
    rows = {(table, _in_order(roles), *cells) for (table, cells), roles in alike.items()}
    for (table,) in admin.execute(RELATIONS).fetchall():
        if all(row[0] != table for row in rows):
            rows.add((table, NONE, NONE, NONE, NONE, NONE))
    return rows


def other_rights(admin: Admin) -> set[Row]:
    """Return (object, right, roles) of the database, its schemas and its sequences."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for query in (SCHEMA_RIGHTS, SEQUENCE_RIGHTS):
        for name, role, rights in admin.execute(query).fetchall():
            alike[name, rights].append(role)
    return {(name, rights, _in_order(roles)) for (name, rights), roles in alike.items()}


def function_rights(admin: Admin) -> set[Row]:
    """Return (function, roles that may execute it)."""
    alike: dict[str, set[str]] = defaultdict(set)
    for name, role in admin.execute(FUNCTION_RIGHTS).fetchall():
        alike[name].update([role] if role else [])
    return {(name, _in_order(roles)) for name, roles in alike.items()}


def policies(admin: Admin) -> Mapping[str, set[str]]:
    """Return the roles to which a policy shows rows, for each table of ``discreet``."""
    return {table: set(filter(None, roles)) for table, roles in admin.execute(POLICIES).fetchall()}


def _columns_of(admin: Admin, tables: list[str]) -> Mapping[str, list[str]]:
    found = admin.execute(
        "SELECT c.relnamespace::regnamespace || '.' || c.relname,"
        "       array_agg(a.attname::text ORDER BY a.attnum)"
        "  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.oid = ANY (%s::regclass[]) AND a.attnum > 0"
        "   AND NOT a.attisdropped AND a.attname <> ALL (%s) GROUP BY 1",
        (tables, list(KEYS)),
    )
    return dict(found.fetchall())


def _shorten(names: list[str], columns: list[str]) -> None:
    """Replace a full list of columns, except the policies' keys, by one word."""
    if ALL not in names and set(columns) <= set(names):
        names[:] = [ALL, *(name for name in names if name not in {*columns, *KEYS})]


def _columns(names: list[str]) -> str:
    if not names:
        return NONE
    return ", ".join(names)


def _in_order(roles: Iterable[str]) -> str:
    known = {role: place for place, role in enumerate(ROLES)}
    return ", ".join(sorted(roles, key=lambda role: (known.get(role, len(known)), role))) or NONE
