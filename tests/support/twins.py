"""Twin databases: copies of one that differ only in the rows that a scope may not see."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.audit.catalogue import Catalogue, read_catalogue
from discreet.audit.probes import Values
from discreet.audit.twins import Twin
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.postgres.bootstrap import let_roles_connect
from discreet.postgres.server import Database
from discreet.scope import ContactScope, IntakeScope, OwnerScope, Scope, SharedScope
from discreet.scope.scopes import role_of
from tests.support.tickets import show_ticket, ticket_on
from tests.support.world import World, make_world, open_scoped, other_owner

Conn = psycopg.Connection[Any]
Ticket = Literal["valid", "none", "forged", "expired", "a neighbour's"]
TICKETS: tuple[Ticket, ...] = ("valid", "none", "forged", "expired", "a neighbour's")


@dataclass(frozen=True, slots=True)
class Town:
    """A database in which each kind of scope has its own rows and neighbours with other rows."""

    database: Database
    admin_conninfo: str
    scopes: Mapping[str, Scope]


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of a town for one scope, by the change made to its neighbours' rows.

    In ``other``, somebody else also holds locks on these rows, as long as there are twins: who can
    tell whether a row is locked can tell that there is one, and that somebody is busy with it.
    """

    town: Town
    role: str
    keys: Sequence[str]
    scope: Scope
    databases: Mapping[str, Database]
    catalogue: Catalogue
    values: Values
    own: Mapping[str, str]

    @contextmanager
    def twins(self, ticket: Ticket) -> Iterator[list[Twin]]:
        """Yield a connection to each copy, which enters the scope with a ticket of this kind."""
        with ExitStack() as stack:
            self._lock(stack.enter_context(_admin(self.town, self.databases["other"])))
            yield [
                Twin(
                    name,
                    stack.enter_context(psycopg.connect(copy.conninfo(role_of(self.scope)))),
                    lambda conn: self._enter(conn, ticket),
                    as_many=name != "gone",
                )
                for name, copy in self.databases.items()
            ]

    def _enter(self, conn: Conn, ticket: Ticket) -> None:
        key = self.town.database.ticket_key
        conn.execute("SET LOCAL lock_timeout = '100ms'")
        if ticket == "none":
            return
        said = ticket_on(conn, self.scope, key, late=60 if ticket == "expired" else 0)
        if ticket == "forged":
            said = "x#y"
        elif ticket == "a neighbour's":
            # It names the neighbour, but its code is for this scope.
            theirs = ticket_on(conn, self._neighbour(), key).split("#")[0]
            said = f"{theirs}#{said.split('#')[1]}"
        conn.execute("SELECT set_config('discreet.ticket', %s, true)", (said,))

    def _lock(self, admin: Conn) -> None:
        """Lock the rows of others until this connection ends."""
        admin.execute("BEGIN")
        keyed = admin.execute(
            "SELECT attrelid::regclass::text,"
            "       CASE WHEN %(key)s = ANY (array_agg(attname)) THEN %(key)s ELSE 'owner_key' END"
            "  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r'"
            " WHERE relnamespace = 'discreet'::regnamespace"
            "   AND attname IN ('owner_key', 'scope_key') GROUP BY 1",
            {"key": _key(self.role)},
        ).fetchall()
        for table, key in keyed:
            # A sender's rows refer to its owner's; nobody ever locks that one against a reference.
            if table != "discreet.owners" or _key(self.role) == key:
                whose = f"SELECT FROM {table} WHERE {key} <> ALL (%s) FOR UPDATE"
                admin.execute(whose.encode(), (list(self.keys),))

    def _neighbour(self) -> Scope:
        match self.scope:
            case ContactScope(owner, agent, _):
                column = self.values["discreet.sessions", "contact_id"]
                return ContactScope(owner, agent, ContactId(UUID(column[0])))
            case SharedScope(owner, _):
                column = self.values["discreet.sessions", "agent_id"]
                return SharedScope(owner, AgentId(UUID(column[0])))
            case _:
                column = self.values["discreet.sessions", "owner_id"]
                return OwnerScope(OwnerId(UUID(column[0])))

    def ask(self, name: str, statement: str) -> list[Any]:
        """Return an admin's query result from one copy."""
        with _admin(self.town, self.databases[name]) as admin:
            return admin.execute(statement.encode()).fetchall()

    def everywhere(self, statement: str) -> None:
        """Run a statement as the admin of each copy."""
        for copy in self.databases.values():
            with _admin(self.town, copy) as admin:
                admin.execute(statement.encode())


async def build_town(database: Database, admin_conninfo: str) -> Town:
    """Create Alice and Bob with several agents, two of them shared, and another owner's people."""
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        # Planner samples that exist in one run but not in another would give different plans.
        admin.execute(
            "DO $$ DECLARE t regclass; BEGIN"
            " FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r'"
            "   AND relnamespace = 'discreet'::regnamespace LOOP"
            "   EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', t);"
            " END LOOP; DELETE FROM pg_statistic WHERE starelid IN ("
            "   SELECT oid FROM pg_class WHERE relnamespace = 'discreet'::regnamespace); END $$"
        )
        async with open_scoped(database) as db:
            ada = await make_world(db)
            eve = await make_world(db, agent="Eve")
            sam = await make_world(db, agent="Sam", memory_model="shared")
            tom = await make_world(db, agent="Tom", memory_model="shared")
            otto = await other_owner(ada, admin)
            for world in (ada, eve, sam, tom, otto):
                await _people(world)
            alice = ada.said["telegram:1001"].contact_id
        # Every answer waits for its owner, so that functions that keep one go to their end.
        admin.execute("UPDATE discreet.agents SET holds_answers = true")
        admin.execute(
            "INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)"
            " SELECT owner_id, session_id, id, 'it waits' FROM discreet.turns"
        )
        admin.execute("VACUUM")
    assert alice is not None
    return Town(
        database,
        admin_conninfo,
        {
            "contact": ContactScope(ada.owner_id, ada.agent_id, alice),
            "shared": SharedScope(sam.owner_id, sam.agent_id),
            "owner": OwnerScope(ada.owner_id, ada.agent_id),
            "intake": IntakeScope(ada.owner_id),
        },
    )


async def _people(world: World) -> None:
    async with world.db.begin(world.owner) as tx:
        await tx.execute(
            "INSERT INTO discreet.passages (agent_id, title, position, content)"
            " VALUES (%s, %s, 1, %s)",
            (world.agent_id, f"title {world.agent_id}", f"passage {world.agent_id}"),
        )
        name = await tx.value("SELECT name FROM discreet.agents WHERE id = %s", (world.agent_id,))
    for place, sender in enumerate(("telegram:1001", "telegram:1002", None), 100):
        said = await world.say(sender, f"{sender} says hello to {name}", name=f"{sender}")
        if sender:
            world.said[sender] = said
        scope: Any = world.owner
        if said.contact_id is not None:
            scope = world.contact(said.contact_id)
        elif name in ("Sam", "Tom"):
            scope = SharedScope(world.owner_id, world.agent_id)
        async with world.db.begin(scope) as tx:
            for number in range(3):
                await tx.execute(
                    "INSERT INTO discreet.memories (content, topic_key, salience, expires_at,"
                    "  embedder, embedding)"
                    " VALUES (%(text)s, %(topic)s, 'high', now() + interval '1 hour' * %(n)s,"
                    "  'wordllama-l2-supercat-256', array_fill(%(n)s::real, ARRAY[256])::vector)",
                    {
                        "text": f"{sender} told {name} secret {number}",
                        "topic": f"{sender} {number}" if number else None,
                        "n": number + 1,
                    },
                )
            await tx.execute("UPDATE discreet.memories SET summary = content || ' in short'")
            [at] = await tx.fetch(
                "SELECT session_id, route_id FROM discreet.messages WHERE id = %s",
                (said.message_id,),
            )
            turn = await tx.value(
                "INSERT INTO discreet.turns (session_id, route_id, model)"
                " VALUES (%(session_id)s, %(route_id)s, 'model') RETURNING id",
                at,
            )
            out = await tx.value(
                "INSERT INTO discreet.messages (session_id, route_id, position, direction, state,"
                "  text, turn_id) VALUES (%(session_id)s, %(route_id)s, %(place)s, 'out',"
                "  'sent', %(text)s, %(turn)s) RETURNING id",
                {**at, "turn": turn, "place": place, "text": f"{name} answers {sender}"},
            )
            await tx.execute(
                "INSERT INTO discreet.outbox (message_id, session_id, route_id)"
                " VALUES (%(out)s, %(session_id)s, %(route_id)s)",
                {**at, "out": out},
            )
            await tx.execute(
                "INSERT INTO discreet.drafts (turn_id, text) VALUES (%s, %s)",
                (turn, f"{name} begins to answer {sender}"),
            )


@contextmanager
def copies_for(town: Town, role: str) -> Iterator[Copies]:
    """Yield the town as it is, with other values in neighbours' rows, and without these rows."""
    scope = town.scopes[role]
    # Intake can name no table; what it tells is about the rows of its owner.
    reader = town.scopes["owner"] if role == "intake" else scope
    with psycopg.connect(town.database.conninfo(role_of(reader))) as conn:
        catalogue = read_catalogue(conn)
        show_ticket(conn, reader, town.database.ticket_key)
        [(keys,)] = conn.execute("SELECT gate.keys()").fetchall()
    with psycopg.connect(town.database.conninfo(role_of(scope))) as conn:
        catalogue = replace(catalogue, functions=read_catalogue(conn).functions)
    own = list(keys)
    databases: dict[str, Database] = {}
    try:
        for name in ("there", "other", "gone"):
            databases[name] = _copied(town)
            with _admin(town, databases[name]) as admin:
                for table in catalogue.tables:
                    _change(admin, table.name, role, own, name)
                if name == "gone":
                    _drop_orphans(admin)
                _rewrite(admin)
        with _admin(town, databases["there"]) as admin:
            values = _values(admin, catalogue, role, own)
            ids = _own_ids(admin, catalogue, role, own)
        yield Copies(town, role, own, scope, databases, catalogue, values, ids)
    finally:
        with psycopg.connect(town.admin_conninfo, autocommit=True) as admin:
            for copy in databases.values():
                name = sql.Identifier(copy.credentials.dbname)
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _copied(town: Town) -> Database:
    name = f"{town.database.credentials.dbname}_{secrets.token_hex(3)}"
    with psycopg.connect(
        make_conninfo(town.admin_conninfo, dbname="postgres"), autocommit=True
    ) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(town.database.credentials.dbname)
            )
        )
        copy = Database(replace(town.database.credentials, dbname=name))
        let_roles_connect(admin, copy.credentials)
    return copy


@contextmanager
def _admin(town: Town, copy: Database) -> Iterator[Conn]:
    conninfo = make_conninfo(town.admin_conninfo, dbname=copy.credentials.dbname)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        yield admin


def _rewrite(admin: Conn) -> None:
    """Rewrite every table of ours without its dead rows.

    VACUUM FULL keeps a dead row that an older snapshot may see, and autovacuum, which analyzes the
    catalogue of a new database, holds one. Tables of other sizes get other plans.
    """
    of_ours = "relnamespace = ANY ('{discreet,gate,queue}'::regnamespace[]) AND relkind = 'r'"
    [(names,)] = admin.execute(
        f"SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE {of_ours}"
    ).fetchall()
    for _ in range(100):
        admin.execute(f"VACUUM FULL {names}".encode())
        tables = admin.execute(
            "SELECT oid::regclass::text, reltuples FROM pg_class"
            " WHERE relnamespace = 'discreet'::regnamespace AND relkind = 'r'"
        ).fetchall()
        if all(_rows(admin, table) == written for table, written in tables):
            return
    raise AssertionError("a snapshot of another session keeps dead rows")


def _rows(admin: Conn, table: str) -> int:
    [(rows,)] = admin.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
    return int(rows)


def _key(role: str) -> str:
    return "owner_key" if role in ("owner", "intake") else "scope_key"


def _change(admin: Conn, table: str, role: str, own: list[str], become: str) -> None:
    others = f"{_key(role)} <> ALL (%s)"
    found = admin.execute(
        "SELECT quote_ident(attname), format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        (table,),
    ).fetchall()
    checks = admin.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
        (table,),
    ).fetchall()
    for (check,) in checks:
        admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {check}".encode())
    if become == "gone":
        admin.execute(f"DELETE FROM {table} WHERE {others}".encode(), (own,))
        return
    # Nulls stay, every value keeps its length, and columns of partial indexes are unchanged: the
    # planner chooses by totals such as the sizes of tables and indexes.
    partial = admin.execute(
        "SELECT coalesce(string_agg(pg_get_expr(indpred, indrelid), ' '), '') FROM pg_index"
        " WHERE indrelid = %s::regclass",
        (table,),
    ).fetchone()
    assert partial is not None
    changes = []
    for name, kind in found:
        if name in re.findall(r"\w+", partial[0]) and kind == "text":
            continue
        other = {
            "text": f"translate({name}, 'abcdefghijklmnopqrstuvwxyz0123456789',"
            f" 'bcdefghijklmnopqrstuvwxyza1234567890')",
            "timestamp with time zone": f"{name} + interval '1 day'",
            "integer": f"{name} + 1000",
            "bigint": f"{name} + 1000",
        }.get(kind)
        if other:
            changes.append(f"{name} = {name if become == 'there' else other}")
    if changes:
        update = f"UPDATE {table} SET {', '.join(changes)} WHERE {others}"
        admin.execute(update.encode(), (own,))


def _drop_orphans(admin: Conn) -> None:
    """Delete what referred to deleted rows, in tables that the role can't name too."""
    keys = admin.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text,"
        "       (SELECT string_agg(format('p.%I = c.%I', parent.attname, child.attname), ' AND ')"
        "          FROM unnest(conkey, confkey) AS key (child, parent)"
        "          JOIN pg_attribute child"
        "            ON (child.attrelid, child.attnum) = (conrelid, key.child)"
        "          JOIN pg_attribute parent"
        "            ON (parent.attrelid, parent.attnum) = (confrelid, key.parent)),"
        "       (SELECT string_agg(format('c.%I IS NOT NULL', attname), ' AND ')"
        "          FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))"
        "  FROM pg_constraint WHERE contype = 'f' AND connamespace = 'discreet'::regnamespace"
    ).fetchall()
    deleted = 1
    while deleted:
        deleted = sum(
            admin.execute(
                f"DELETE FROM {child} c WHERE {known} AND NOT EXISTS"
                f" (SELECT FROM {parent} p WHERE {same})".encode()
            ).rowcount
            for child, parent, same, known in keys
        )


def _own_ids(admin: Conn, catalogue: Catalogue, role: str, own: list[str]) -> dict[str, str]:
    """Return an id of the scope's own rows for each table."""
    found: dict[str, str] = {}
    for table in catalogue.tables:
        if "id" in {column.name for column in table.columns}:
            row = admin.execute(
                f"SELECT id::text FROM {table.name} WHERE {_key(role)} = ANY (%s)"
                " ORDER BY 1 LIMIT 1".encode(),
                (own,),
            ).fetchone()
            if row is not None:
                found[table.name] = row[0]
    return found


def _values(admin: Conn, catalogue: Catalogue, role: str, own: list[str]) -> Values:
    """Return the values that only neighbours' rows contain."""
    values: dict[tuple[str, str], list[str]] = {}
    for table in catalogue.tables:
        for column in table.columns:
            if column.name in ("xmin", "xmax", "cmin", "cmax", "tableoid"):
                continue
            found = admin.execute(
                f"SELECT DISTINCT {column.name}::text FROM {table.name}"
                f" WHERE {_key(role)} <> ALL (%(own)s) AND {column.name} IS NOT NULL"
                f"   AND {column.name}::text NOT IN ("
                f"   SELECT {column.name}::text FROM {table.name}"
                f"    WHERE {_key(role)} = ANY (%(own)s) AND {column.name} IS NOT NULL)"
                f" ORDER BY 1 LIMIT 2".encode(),
                {"own": own},
            ).fetchall()
            if found:
                values[table.name, column.name] = [value for (value,) in found]
    return values
