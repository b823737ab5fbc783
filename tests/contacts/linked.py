"""Helpers for the tests of linking."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from discreet.domain.ids import ContactId, RouteId, SessionId
from discreet.intake import Accepted
from discreet.services import linking
from discreet.turn.run import run_turn
from tests.support.platform import Platform
from tests.support.responders import Responder
from tests.support.turns import turns_of
from tests.support.waiting import until

Admin = psycopg.Connection[Any]


ANN, ANN_TOO, BOB, GROUP = "telegram:1001", "telegram:2001", "telegram:1002", "telegram:-100500"


STAYS_WITH_THE_JOINED = {"limits", "limit_hits", "pairings", "tokens"}


"""Tables whose rows stay with the merged contact: its settings by the owner, and its tokens."""


OF_LINKS = {"links", "linked_rows", "link_requests"}
FOR_DAYS = {"events"}
"""Ids of what happened, which stay as they were told to programs, and are removed after days."""


async def answered(
    platform: Platform, sender: str, text: str, responder: Responder, **more: Any
) -> str:
    said = await platform.accepted(sender, text, **more)
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    return (await platform.sent(more.get("group") or sender))[-1]


def code_in(answer: str) -> str:
    found = re.search(r"/link ([A-Z2-9]{4}-[A-Z2-9]{4})", answer)
    assert found is not None, answer
    return found[1]


async def link_by_codes(platform: Platform, kept: str, joined: str) -> str:
    there = code_in(await answered(platform, kept, "/link", Responder()))
    back = code_in(await answered(platform, joined, f"/link {there}", Responder()))
    return await answered(platform, kept, f"/link {back}", Responder())


async def keep(platform: Platform, said: Accepted, content: str, topic: str | None = None) -> None:
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.memories (content, topic_key) VALUES (%s, %s)", (content, topic)
        )


async def kept_by(platform: Platform, contact_id: ContactId | None) -> set[tuple[str, str | None]]:
    async with platform.world.db.begin(platform.world.contact(contact_id)) as tx:
        found = await tx.fetch_tuples("SELECT content, topic_key FROM discreet.memories")
    return {(row[0], row[1]) for row in found}


async def link(platform: Platform, kept: str, joined: str) -> linking.Link:
    return await linking.link_contacts(platform.world.db, platform.world.owner_id, kept, joined)


async def link_by_id(platform: Platform, kept: Accepted, joined: Accepted) -> None:
    """Link in the database, without any lookup before it."""
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (kept.contact_id, joined.contact_id))


async def undo(platform: Platform, made: linking.Link) -> None:
    await linking.undo_link(platform.world.db, platform.world.owner_id, str(made.id))


def tables_with_a_contact(admin: Admin) -> dict[str, list[str]]:
    """Return every table that names contacts, with those columns, whatever their names."""
    found = admin.execute(
        "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.confrelid = 'discreet.contacts'::regclass"
        " UNION SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a"
        " JOIN pg_class r ON r.oid = a.attrelid WHERE r.relnamespace = 'discreet'::regnamespace"
        "  AND r.relkind = 'r' AND a.attname IN ('contact_id', 'party', 'sender_contact_id')"
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in found:
        tables.setdefault(table.removeprefix("discreet."), []).append(column)
    return tables


def everything(admin: Admin) -> dict[str, set[str]]:
    """Return every row of every table that names contacts."""
    return {
        table: {
            row[0]
            for row in admin.execute(
                sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(
                    sql.Identifier("discreet", table)
                )
            )
        }
        for table in tables_with_a_contact(admin)
    }


def naming(admin: Admin, contact_id: ContactId | None) -> dict[str, int]:
    """Return the number of rows per table that name a contact."""
    counts = {}
    for table, columns in tables_with_a_contact(admin).items():
        if table == "contacts" or table in OF_LINKS | FOR_DAYS:
            continue
        row = admin.execute(
            sql.SQL("SELECT count(*) FROM {} t WHERE {}").format(
                sql.Identifier("discreet", table),
                sql.SQL(" OR ").join(
                    sql.SQL("t.{} = %(id)s").format(sql.Identifier(column)) for column in columns
                ),
            ),
            {"id": contact_id},
        ).fetchone()
        assert row is not None
        if row[0]:
            counts[table] = row[0]
    return counts


async def route_of(platform: Platform, session_id: SessionId) -> RouteId:
    async with platform.world.db.begin(platform.world.owner) as tx:
        return RouteId(
            await tx.value(
                "SELECT id FROM discreet.routes WHERE session_id = %(id)s", {"id": session_id}
            )
        )


async def until_blocked(admin: Admin) -> None:
    """Wait until a transaction waits for another's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    await until(lambda: admin.execute(waiting).fetchone() != (0,), "somebody who is blocked")
