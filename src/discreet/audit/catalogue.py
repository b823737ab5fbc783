"""Read which tables, columns, operators and functions a login role may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

__all__ = ["Catalogue", "CatalogueColumn", "Function", "Key", "Table", "read_catalogue"]


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """A column, with ``name`` and ``type`` as written in SQL."""

    name: str
    type: str
    nullable: bool
    readable: bool
    writable: bool
    insertable: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index on columns. ``where``: the condition of a partial one, else empty."""

    columns: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, with ``name`` qualified. ``columns``: those that the role has any right on."""

    name: str
    columns: tuple[CatalogueColumn, ...]
    deletable: bool
    keys: tuple[Key, ...] = ()

    def readable(self) -> tuple[CatalogueColumn, ...]:
        return tuple(column for column in self.columns if column.readable)


@dataclass(frozen=True, slots=True)
class Function:
    """A function, with ``name`` qualified.

    ``arguments`` and ``named``: the types and the names of the required ones. ``returns``: a type.
    """

    name: str
    arguments: tuple[str, ...]
    named: tuple[str, ...] = ()
    returns: str = "void"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a role may use. ``operators``: the names of comparison operators by type."""

    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    operators: Mapping[str, tuple[str, ...]]


COLUMNS = """
SELECT n.nspname || '.' || quote_ident(c.relname), quote_ident(a.attname),
       format_type(a.atttypid, NULL), NOT a.attnotnull,
       has_column_privilege(c.oid, a.attnum, 'SELECT'),
       has_column_privilege(c.oid, a.attnum, 'UPDATE') AND a.attgenerated = '',
       has_column_privilege(c.oid, a.attnum, 'INSERT') AND a.attgenerated = '',
       has_table_privilege(c.oid, 'DELETE')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum <> 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND has_schema_privilege(n.oid, 'USAGE')
   AND has_column_privilege(c.oid, a.attnum, 'SELECT, INSERT, UPDATE')
 ORDER BY 1, a.attnum
"""

KEYS = """
SELECT n.nspname || '.' || quote_ident(c.relname),
       ARRAY(SELECT quote_ident(a.attname)
               FROM unnest(i.indkey[:i.indnkeyatts - 1]) WITH ORDINALITY AS part (number, place)
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
              ORDER BY place),
       coalesce(pg_get_expr(i.indpred, i.indrelid), '')
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indisunique AND i.indexprs IS NULL
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY i.indexrelid::regclass::text
"""

# Operators that an index supports or that are leakproof: they may run before a policy.
OPERATORS = """
SELECT format_type(o.oprleft, NULL), array_agg(DISTINCT o.oprname::text ORDER BY o.oprname::text)
  FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
 WHERE o.oprleft = o.oprright AND o.oprresult = 'bool'::regtype
   AND (p.proleakproof OR EXISTS (
         SELECT FROM pg_amop m JOIN pg_am a ON a.oid = m.amopmethod
          WHERE m.amopopr = o.oid AND m.amoppurpose = 's' AND a.amname IN ('btree', 'hash', 'gin')))
 GROUP BY 1
"""

FUNCTIONS = """
SELECT n.nspname || '.' || quote_ident(p.proname),
       ARRAY(SELECT format_type(t, NULL)
               FROM unnest(p.proargtypes) WITH ORDINALITY AS given (t, place)
              WHERE place <= p.pronargs - p.pronargdefaults ORDER BY place),
       coalesce(p.proargnames[:p.pronargs - p.pronargdefaults], '{}'),
       format_type(p.prorettype, NULL)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
   AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
   AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
 ORDER BY 1, 2
"""


def read_catalogue(conn: psycopg.Connection[Any]) -> Catalogue:
    """Return what the role of this connection may use. Reads no rows of people."""
    tables: dict[str, list[CatalogueColumn]] = {}
    deletable: dict[str, bool] = {}
    for table, *column, may_delete in conn.execute(COLUMNS).fetchall():
        tables.setdefault(table, []).append(CatalogueColumn(*column))
        deletable[table] = may_delete
    keys: dict[str, list[Key]] = {}
    for table, columns, where in conn.execute(KEYS).fetchall():
        keys.setdefault(table, []).append(Key(tuple(columns), where))
    return Catalogue(
        tuple(
            Table(name, tuple(columns), deletable[name], tuple(keys.get(name, ())))
            for name, columns in tables.items()
        ),
        tuple(
            Function(name, tuple(types), tuple(named), returns)
            for name, types, named, returns in conn.execute(FUNCTIONS).fetchall()
        ),
        {kind: tuple(names) for kind, names in conn.execute(OPERATORS).fetchall()},
    )
