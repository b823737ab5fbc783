"""Compare a database's schema with the committed one, as any login role may read it.

``schema_state.txt`` has one line for each object: its kind, its name, and a digest of everything
about it: owner, definition, rights. ``scripts/schema`` writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from discreet.postgres.installation import DEFAULT_INSTALLATION, rename_roles

__all__ = ["STATE_FILE", "differences", "expected_state", "read_state"]

STATE_FILE = Path(__file__).with_name("schema_state.txt")

_ROLE = "CASE WHEN r.rolname ~ '_(schema|gate|contact|shared|owner|intake|worker)$' THEN r.rolname"
_ROLE += " ELSE 'admin' END"
"""Whichever role migrates a database is the admin: the embedded server's superuser, or yours."""
_OURS = "n.nspname IN ('discreet', 'gate', 'queue', 'public')"
_RIGHTS = """
  (SELECT string_agg(coalesce(g.rolname, 'public') || '=' || a.privilege_type
                     || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ','
                     ORDER BY coalesce(g.rolname, 'public'), a.privilege_type)
     FROM aclexplode(coalesce({acl}, acldefault('{kind}', {owner}))) a
     LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE a.grantee <> {owner})
"""
_STATE = f"""
SELECT 'schema', n.nspname::text,
       concat_ws(' ', {_ROLE}, {_RIGHTS.format(acl="n.nspacl", kind="n", owner="n.nspowner")})
  FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
 WHERE {_OURS} AND n.nspname <> 'public'
UNION ALL
SELECT 'schema', 'public', CASE WHEN has_schema_privilege('public', 'public', 'CREATE')
       THEN 'everybody may create' ELSE 'closed' END
UNION ALL
SELECT 'database', 'rights of everybody', coalesce(string_agg(a.privilege_type, ',' ORDER BY 1), '')
  FROM (SELECT a.privilege_type FROM pg_database d,
               aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
         WHERE d.datname = current_database() AND a.grantee = 0) a
UNION ALL
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
       n.nspname || '.' || c.relname,
       concat_ws(' ', c.relkind, {_ROLE}, c.relrowsecurity, c.relforcerowsecurity,
                 {_RIGHTS.format(acl="c.relacl", kind="r", owner="c.relowner")})
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles r ON r.oid = c.relowner
 WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
   SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'column', n.nspname || '.' || c.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                 pg_get_expr(v.adbin, v.adrelid),
                 (SELECT string_agg(coalesce(g.rolname, 'public') || '=' || x.privilege_type, ','
                                    ORDER BY coalesce(g.rolname, 'public'), x.privilege_type)
                    FROM aclexplode(a.attacl) x LEFT JOIN pg_roles g ON g.oid = x.grantee))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
 WHERE n.nspname IN ('discreet', 'gate', 'queue') AND c.relkind IN ('r', 'p', 'v')
   AND NOT a.attisdropped AND (a.attnum > 0 OR a.attacl IS NOT NULL)
UNION ALL
SELECT 'policy', p.polrelid::regclass::text || '/' || p.polname,
       concat_ws(' ', p.polcmd, p.polpermissive,
                 (SELECT string_agg(coalesce(g.rolname, 'public'), ',' ORDER BY g.rolname)
                    FROM unnest(p.polroles) o (oid) LEFT JOIN pg_roles g ON g.oid = o.oid),
                 'USING ' || pg_get_expr(p.polqual, p.polrelid),
                 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
  FROM pg_policy p
UNION ALL
SELECT 'constraint', k.conrelid::regclass::text || '/' || k.conname,
       pg_get_constraintdef(k.oid) || ' ' || k.convalidated
  FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
 WHERE {_OURS} AND k.contype <> 'n'
UNION ALL
SELECT 'index', n.nspname || '.' || c.relname, pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
UNION ALL
SELECT 'trigger', t.tgrelid::regclass::text || '/' || t.tgname,
       pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS} AND NOT t.tgisinternal
UNION ALL
SELECT 'function', n.nspname || '.' || p.proname || '('
       || pg_get_function_identity_arguments(p.oid) || ')',
       concat_ws(' ', {_ROLE}, l.lanname, p.prokind, p.prosecdef, p.provolatile, p.proparallel,
                 p.proleakproof, p.proisstrict, p.proconfig::text, pg_get_function_result(p.oid),
                 p.prosrc, pg_get_function_sqlbody(p.oid),
                 {_RIGHTS.format(acl="p.proacl", kind="f", owner="p.proowner")})
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles r ON r.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang
 WHERE {_OURS} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def read_state(conn: psycopg.Connection[Any], installation: str) -> dict[str, str]:
    """Return the digest of each object of the schema, by its kind and name. Reads no rows."""
    conn.execute("SET search_path TO pg_catalog")
    try:
        rows = conn.execute(_STATE.encode()).fetchall()
    finally:
        conn.execute("RESET search_path")
    found: dict[str, str] = {}
    for kind, name, text in rows:
        said = rename_roles(f"{kind} {name}\n{text}", installation, DEFAULT_INSTALLATION)
        head, _, body = said.partition("\n")
        found[head] = hashlib.sha256(body.encode()).hexdigest()[:16]
    return found


def expected_state() -> dict[str, str]:
    """Return the committed state."""
    lines = STATE_FILE.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def written(state: dict[str, str]) -> Iterable[str]:
    """Yield the lines of ``schema_state.txt``."""
    return (f"{digest}  {name}\n" for name, digest in sorted(state.items()))


def differences(live: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Return a line for each object that is missing, unknown or different."""
    return [
        *(f"{name} is missing" for name in sorted(expected.keys() - live.keys())),
        *(f"{name} isn't part of this version" for name in sorted(live.keys() - expected.keys())),
        *(
            f"{name} differs from this version"
            for name in sorted(live.keys() & expected.keys())
            if live[name] != expected[name]
        ),
    ]
