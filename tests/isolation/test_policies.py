"""Row-level security by itself, with all keys between tables removed.

Each role sees and changes only the rows of its own scope in every table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from discreet.postgres.server import Database
from discreet.scope import ContactScope, OwnerScope, Scope, SharedScope
from tests.support.tickets import show_ticket

Admin = psycopg.Connection[Any]
Part = Literal["owner", "agent", "contact", "shared"]
Ids = dict[Part, UUID | bool | None]

OWNERS, AGENTS, CONTACTS = (tuple(uuid4() for _ in range(2)) for _ in range(3))
# In these tables a row is itself the object that others refer to.
SELF = {"owners": "owner", "agents": "agent", "contacts": "contact"}
FILLED = {
    "uuid": "gen_random_uuid()",
    "text": "gen_random_uuid()::text",
    "integer": "1",
    "boolean": "false",
    "bigint": "1",
    "bytea": "''",
    "text[]": "'{}'",
    "jsonb": "'{}'",
    "timestamp with time zone": "now()",
    "timestamp without time zone": "now()",
}
CHECKED = {
    "direction": "'in'",
    "change": "'update'",
    "salience": "'low'",
    "type": "'external'",
    "access_log.did": "'read'",
    "access_log.place": "'terminal'",
    "retention.kind": "'messages'",
    "attachments.kind": "'photo'",
    "limit_hits.kind": "'waiting'",
    "owner_notices.kind": "'stranger'",
    "held_answers.state": "'waiting'",
    "tool_servers.name": "'shop'",
    "tools.called": "'shop__find'",
    "early_receipts.stage": "'read'",
    "linked_rows.kind": "'session'",
    "links.proof": "'owner'",
    "mcp_sessions.digest": "sha256(gen_random_uuid()::text::bytea)",
    "tokens.digest": "sha256(gen_random_uuid()::text::bytea)",
}

SCOPES: dict[str, Any] = {
    "discreet_contact": ContactScope(OWNERS[0], AGENTS[0], CONTACTS[0]),
    "discreet_shared": SharedScope(OWNERS[0], AGENTS[0]),
    "discreet_owner": OwnerScope(OWNERS[0], AGENTS[0]),
}


@dataclass(frozen=True, slots=True)
class Table:
    """``parts``: the column for each part of a scope; ``rows``: the table's rows.

    ``needed``: expressions for the other columns that must have a value.
    """

    name: str
    parts: dict[Part, str]
    rows: tuple[Ids, ...]
    needed: dict[str, str]

    def of(self, scope: Scope) -> int:
        """Return how many of the rows belong to a scope."""
        return sum(self.is_in(scope, row) for row in self.rows)

    def is_in(self, scope: Scope, row: Ids) -> bool:
        match scope:
            case ContactScope(owner, agent, contact):
                wanted: Ids = {"owner": owner, "agent": agent, "contact": contact}
            case SharedScope(owner, agent):
                wanted = {"owner": owner, "agent": agent, "contact": None, "shared": True}
            case _:
                wanted = {"owner": OWNERS[0]}
        return all(row[part] == wanted[part] for part in wanted if part in self.parts)

    def insert(self, conn: Admin, row: Ids) -> None:
        extra = dict(self.needed)
        if self.name == "tool_servers":
            extra["url"] = "'https://shop.example'"
        if self.name == "web_chats":
            extra["public_key"] = "'a key'"
        if self.name == "addresses":
            extra["of_owner"] = "true" if row["contact"] is None else "false"
        conn.execute(
            f"INSERT INTO discreet.{self.name} ({', '.join([*self.parts.values(), *extra])})"
            f" VALUES ({', '.join(['%s'] * len(self.parts) + list(extra.values()))})",
            list(row.values()),
        )


@pytest.fixture
def tables(admin: Admin) -> list[Table]:
    """Fill every table with a row per combination of two owners, two agents, two contacts and none.

    Rows are shared and not, including combinations that no key allows.
    """
    keys = admin.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = 'discreet'::regnamespace AND contype IN ('p', 'u', 'f')"
        " ORDER BY contype"
    ).fetchall()
    for table, key in keys:
        admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
    indexes = admin.execute(
        "SELECT i.indexrelid::regclass::text FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND i.indisunique"
    ).fetchall()
    for (index,) in indexes:
        admin.execute(f"DROP INDEX {index}")
    triggers = admin.execute(
        "SELECT format('%I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND NOT t.tgisinternal"
    ).fetchall()
    for (trigger,) in triggers:
        admin.execute(f"DROP TRIGGER {trigger}")
    names = admin.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'discreet'::regnamespace"
        " AND relkind = 'r' ORDER BY 1"
    ).fetchall()
    return [_fill(admin, name) for (name,) in names]


def _fill(admin: Admin, table: str) -> Table:
    columns = admin.execute(
        "SELECT attname, format_type(atttypid, NULL), attnotnull, atthasdef FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        (f"discreet.{table}",),
    ).fetchall()
    there = {name for name, *_ in columns}
    parts: dict[Part, str] = {}
    for part in ("owner", "agent", "contact"):
        column = "id" if SELF.get(table) == part else f"{part}_id"
        if column in there:
            parts[part] = column
    if "shared" in there:
        parts["shared"] = "shared"
    needed = {
        name: CHECKED.get(name) or CHECKED.get(f"{table}.{name}") or FILLED[kind]
        for name, kind, not_null, default in columns
        if not_null and not default and name not in parts.values()
    }
    needs_contact = any(
        not_null and name == parts.get("contact") for name, _, not_null, _ in columns
    )
    nobody = () if needs_contact else (None,)
    values: dict[Part, tuple[Any, ...]] = {
        "owner": OWNERS,
        "agent": AGENTS,
        "contact": (*CONTACTS, *nobody),
        "shared": (False, True),
    }
    rows = tuple(dict(zip(parts, mix, strict=True)) for mix in product(*(values[p] for p in parts)))
    filled = Table(table, parts, rows, needed)
    for row in rows:
        filled.insert(admin, row)
    return filled


@pytest.fixture(params=SCOPES)
def entered(request: pytest.FixtureRequest, database: Database) -> Iterator[tuple[str, Admin]]:
    """Yield a connection of a role in its scope, in a transaction that is rolled back."""
    role = request.param
    with psycopg.connect(database.conninfo(role)) as conn:
        show_ticket(conn, SCOPES[role], database.ticket_key)
        yield role, conn
        conn.rollback()


def _columns(conn: Admin, table: str, privilege: str) -> list[str]:
    found = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %(t)s::regclass AND attnum > 0"
        " AND attgenerated = '' AND has_column_privilege(%(t)s, attname, %(p)s) ORDER BY attnum",
        {"t": f"discreet.{table}", "p": privilege},
    )
    return [name for (name,) in found]


def test_each_role_sees_the_rows_of_its_scope_and_no_others(
    tables: list[Table], entered: tuple[str, Admin]
) -> None:
    role, conn = entered
    seen = 0
    for table in tables:
        columns = _columns(conn, table.name, "SELECT")
        if not columns:
            continue
        found = conn.execute(f"SELECT {', '.join(columns)} FROM discreet.{table.name}").fetchall()
        assert len(found) == table.of(SCOPES[role]), (role, table.name)
        for part, column in table.parts.items():
            if column in columns and role != "discreet_owner":
                at = columns.index(column)
                wanted = getattr(SCOPES[role], f"{part}_id", None)
                if part != "shared":
                    assert {row[at] for row in found} <= {wanted}, (role, table.name, column)
        seen += len(found)
    assert seen >= 9


def test_each_role_changes_and_deletes_the_rows_of_its_scope_and_no_others(
    tables: list[Table], entered: tuple[str, Admin]
) -> None:
    role, conn = entered
    touched = 0
    for table in tables:
        changeable = _columns(conn, table.name, "UPDATE")
        if changeable:
            column = sql.Identifier(changeable[0])
            update = sql.SQL("UPDATE {} SET {} = {}").format(
                sql.Identifier("discreet", table.name), column, column
            )
            assert conn.execute(update).rowcount == table.of(SCOPES[role]), (role, table.name)
            touched += 1
        may_delete = conn.execute(
            "SELECT has_table_privilege(%s, 'DELETE')", (f"discreet.{table.name}",)
        ).fetchone()
        if may_delete == (True,):
            deleted = conn.execute(f"DELETE FROM discreet.{table.name}").rowcount
            assert deleted == table.of(SCOPES[role]), (role, table.name)
            touched += 1
    assert touched >= 7


def test_whatever_rights_a_role_had_it_would_write_rows_of_its_scope_and_no_others(
    tables: list[Table], admin: Admin, entered: tuple[str, Admin]
) -> None:
    role, conn = entered
    admin.execute(f"GRANT INSERT ON ALL TABLES IN SCHEMA discreet TO {role}")
    governed = admin.execute(
        "SELECT tablename FROM pg_policies WHERE schemaname = 'discreet' AND %s = ANY (roles)",
        (role,),
    ).fetchall()
    refused = 0
    for table in (table for table in tables if (table.name,) in governed):
        for row in table.rows:
            if table.is_in(SCOPES[role], row):
                continue
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
                conn.transaction(),
            ):
                table.insert(conn, row)
            refused += 1
    assert refused >= 20


@pytest.mark.parametrize("ticket", ["", None])
def test_without_a_ticket_there_is_no_row_in_any_table(
    tables: list[Table], database: Database, ticket: str | None
) -> None:
    for role in SCOPES:
        with psycopg.connect(database.conninfo(role)) as conn:
            if ticket is not None:
                conn.execute("SELECT set_config('discreet.ticket', %s, true)", (ticket,))
            for table in tables:
                columns = _columns(conn, table.name, "SELECT")
                if columns:
                    found = conn.execute(f"SELECT {columns[0]} FROM discreet.{table.name}")
                    assert found.fetchall() == [], (role, table.name)
