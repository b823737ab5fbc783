"""Sample data in a database, made by the program itself, and what its people see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from discreet.auth import tokens
from discreet.auth.sign_ins import create_sign_in_code
from discreet.domain.content import Content, Quote
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.domain.inbound import Attachment, UnknownSender
from discreet.intake.accept import accept_or_quarantine
from discreet.memory.history import get_memory_history
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.schemas.retention import RetentionToSet
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase
from discreet.services import contacts, erasing, linking, own_data, references, retention
from discreet.services.agents import change_agent, list_agents
from discreet.services.limits import ContactLimits, set_limits
from discreet.sessions.transcript import said_in_scope
from discreet.turn.run import run_turn
from tests.support.platform import make_platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, do_all, turns_of

Seen = dict[str, Any]

REST = Path(__file__).parent / "sample_rows.sql"

ANN, ALSO_ANN, BOB = "telegram:1001", "telegram:2001", "telegram:1002"
IN_A_YEAR = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%dT09:00}"
EVE, GROUP = "telegram:1003", "telegram:-100500"


async def fill(
    database: Database, db: ScopedDatabase, admin: psycopg.Connection[Any], home: Any
) -> None:
    """Fill an empty database: people, a group, memories with history, a link, a file, waiting work.

    It also has a pending stranger and an erased contact.
    """
    platform = await make_platform(db, admission="open")
    world = platform.world
    turns = turns_of(db, Responder(do_as_told))
    for sender, name, text, more in (
        (ANN, "Ann", "Hello, I am Ann.", {}),
        (ANN, "Ann", calling("remember", content="Ann likes tea", topic_key="drink"), {}),
        (ANN, "Ann", calling("remember", content="Ann likes mate", topic_key="drink"), {}),
        (ANN, "Ann", "When does my train leave?", {"thread_key": "trip:lisbon"}),
        (ANN, "Ann", calling("set_time_zone", zone="Europe/Lisbon"), {"message_id": "17"}),
        (
            ANN,
            "Ann",
            "And that one?",
            {"reply_to": "17", "content": Content(quote=Quote("leave", is_part=True))},
        ),
        (BOB, "Bob", calling("remember", content="Bob's code word is heron"), {}),
        (BOB, "Bob", calling("remind", text="feed the heron", at=IN_A_YEAR), {}),
        (BOB, "Bob", "Grüße aus Köln 🚲", {"group": GROUP}),
        (ALSO_ANN, "Ann", calling("remember", content="Ann has a dog called Rex"), {}),
        (EVE, "Eve", calling("remember", content="Eve was here"), {}),
    ):
        said = await platform.accepted(sender, text, name=name, **more)
        await run_turn(turns, said.session_id)
    photo = Attachment(kind="photo", platform_file="file-1", name="cat.jpg", size=3)
    await run_turn(turns, (await platform.accepted(ANN, "look", attachments=(photo,))).session_id)
    admin.execute("UPDATE discreet.attachments SET state = 'kept', content = 'cat'")
    await linking.link_contacts(db, world.owner_id, ANN, ALSO_ANN)
    await erasing.erase_contact(db, world.owner_id, EVE, home)
    await references.publish(
        db,
        world.owner_id,
        world.agent_id,
        [references.ReferenceText("opening-hours.md", ("Open from nine to five.",))],
    )
    bob = await contacts.find_contact(db, world.owner_id, BOB)
    await own_data.record_access(db, world.owner_id, [bob.contact.id], "read", "terminal")
    scope = ContactScope(world.owner_id, world.agent_id, ContactId(bob.contact.id))
    await own_data.ask_for_erasure(world.context(scope))
    await tokens.create_token(db, world.owner_id, contact=BOB, name="Bob's app")
    await contacts.label_contact(db, world.owner_id, BOB, add={"customer"}, remove=set())
    limits = ContactLimits(waiting=7, money_a_day=Decimal("0.5"))
    await set_limits(db, world.owner_id, BOB, limits)
    [agent] = [one for one in await list_agents(db, world.owner_id) if one.id == world.agent_id]
    models = AgentChange(context_tokens=8192, fallback_models=("openai:gpt-5-mini",))
    await change_agent(db, world.owner_id, agent.name, models)
    await create_sign_in_code(db, world.owner_id)
    rules = RetentionToSet(messages=365, memories="never")
    await retention.set_retention(db, world.owner_id, rules)
    await retention.run_retention(db, world.owner_id)
    await contacts.hold_contact(db, world.owner_id, BOB, on_hold=True)
    async with db.begin(OwnerScope(world.owner_id)) as tx:
        await tx.execute(
            "WITH s AS (INSERT INTO discreet.tool_servers (agent_id, name, url)"
            "   VALUES (%s, 'shop', 'https://shop.example/mcp') RETURNING id)"
            " INSERT INTO discreet.tools (server_id, name, called, schema)"
            " SELECT id, 'find', 'shop__find', '{}' FROM s",
            (world.agent_id,),
        )
    asked = await world.say(None, "who wrote?")
    await run_turn(turns_of(db, Responder()), asked.session_id)
    channels = {"telegram": Recording("telegram"), "terminal": Recording("terminal")}
    await do_all(database, db, Responder(), channels)
    # Waiting items: a message, one without a contact, a stranger's.
    await platform.accepted(ANN, "Are you there?")
    nobody = replace(platform.inbound(BOB, "from nobody"), sender=UnknownSender("no sender"))
    await accept_or_quarantine(db, world.owner_id, nobody)
    admin.execute("UPDATE discreet.channels SET admission = 'pairing' WHERE platform = 'telegram'")
    assert await platform.reason("telegram:1004", "May I come in?") == "aside"
    with admin.transaction():
        admin.execute(REST.read_bytes())


async def seen(db: ScopedDatabase, admin: psycopg.Connection[Any]) -> Seen:
    """Return what each contact and the owner see, as JSON, and what waits in the queue."""
    row = admin.execute("SELECT id FROM discreet.owners ORDER BY created_at").fetchone()
    assert row is not None
    owner_id = OwnerId(row[0])
    parties = admin.execute(
        "SELECT DISTINCT s.agent_id, c.id, a.platform || ':' || a.platform_id"
        "  FROM discreet.sessions s JOIN discreet.contacts c ON c.id = s.contact_id"
        "  JOIN discreet.addresses a ON a.contact_id = c.id ORDER BY 3"
    ).fetchall()
    contacts = {
        label: await _contact(db, owner_id, AgentId(agent), ContactId(contact))
        for agent, contact, label in parties
    }
    jobs = admin.execute(
        "SELECT task_name, queue_name, args, status::text FROM queue.procrastinate_jobs"
        " WHERE status IN ('todo', 'doing') ORDER BY id"
    ).fetchall()
    return {
        "contacts": contacts,
        "owner": await _owner(db, owner_id),
        "jobs": [list(job) for job in jobs],
    }


async def _contact(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId, contact_id: ContactId
) -> Seen:
    async with db.begin(ContactScope(owner_id, agent_id, contact_id)) as tx:
        memories = await list_memories(tx, 1000, include_expired=True)
        return {
            "memories": [
                [m.content, m.topic_key, m.salience, m.version, _time(m.created_at)]
                for m in sorted(memories, key=lambda m: m.content)
            ],
            "history": [
                [v.version, v.content]
                for m in sorted(memories, key=lambda m: m.content)
                for v in await get_memory_history(tx, m.id)
            ],
            "said": [
                [m.direction, m.text, m.sender_name, _time(m.created_at)]
                for m in await said_in_scope(tx, 1000)
            ],
            "files": [
                [row["kind"], row["name"], row["state"], bytes(row["content"] or b"").decode()]
                for row in await tx.fetch(
                    "SELECT kind, name, state, content FROM discreet.attachments ORDER BY name"
                )
            ],
        }


_OWNERS = {
    "contacts": "SELECT type, name, note, aliases, merged_into IS NOT NULL FROM discreet.contacts"
    " ORDER BY created_at, id",
    "addresses": "SELECT platform, platform_id, of_owner FROM discreet.addresses ORDER BY 1, 2",
    "agents": "SELECT name, instructions, memory_model FROM discreet.agents ORDER BY name",
    "channels": "SELECT platform, account, admission FROM discreet.channels ORDER BY 1, 2",
    "sessions": "SELECT thread_key, last_position, contact_id, ended_at IS NULL"
    " FROM discreet.sessions ORDER BY created_at, id",
    "messages": "SELECT direction, state, text, sender_name FROM discreet.messages"
    " ORDER BY created_at, id",
    "turns": "SELECT state, model, error FROM discreet.turns ORDER BY started_at, id",
    "answers": "SELECT state, platform_messages FROM discreet.outbox ORDER BY created_at",
    "memories": "SELECT content, version, contact_id FROM discreet.memories ORDER BY content",
    "history": "SELECT content, version, change FROM discreet.memory_history ORDER BY 1, 2",
    "references": "SELECT title, content FROM discreet.passages ORDER BY title, position",
    "links": "SELECT proof, undone_at IS NULL FROM discreet.links",
    "limits": "SELECT contact_id, waiting FROM discreet.limits",
    "tokens": "SELECT name, contact_id, revoked_at IS NULL FROM discreet.tokens",
    "pairings": "SELECT state, contact_id FROM discreet.pairings",
    "held_messages": "SELECT arrived ->> 'body' FROM discreet.held_messages",
    "quarantine": "SELECT inbound ->> 'text', reason FROM discreet.quarantine",
    "erasures": "SELECT counts FROM discreet.erasures",
    # Versions before 0008 know less, and are asked for what they know.
    "details": "SELECT text, details, replies_to IS NOT NULL FROM discreet.messages"
    " WHERE details IS NOT NULL OR replies_to IS NOT NULL ORDER BY created_at, id",
    "names": "SELECT platform_id, name FROM discreet.addresses ORDER BY 1",
    "time_zones": "SELECT name, time_zone FROM discreet.contacts ORDER BY created_at, id",
    "models": "SELECT name, context_tokens, fallback_models FROM discreet.agents ORDER BY name",
    "money": "SELECT contact_id, money_a_day::text FROM discreet.limits",
    "reminders": "SELECT text, rule, zone, contact_id FROM discreet.reminders ORDER BY text",
    "labels": "SELECT label, contact_id FROM discreet.contact_labels ORDER BY 1, 2",
    "budgets": "SELECT agent_id IS NULL, tokens_a_day, money_a_day::text FROM discreet.budgets"
    " ORDER BY 1",
    "held_answers": "SELECT text, state, edited FROM discreet.held_answers ORDER BY 1",
    "person_requests": "SELECT reason, is_awaited, answered_at IS NULL"
    " FROM discreet.person_requests ORDER BY 1",
    "owner_chats": "SELECT platform, platform_id FROM discreet.owner_chats ORDER BY 1, 2",
    "purposes": "SELECT name, purpose FROM discreet.tokens ORDER BY 1, 2",
}


async def _owner(db: ScopedDatabase, owner_id: OwnerId) -> Seen:
    async with db.begin(OwnerScope(owner_id)) as tx:
        return {
            name: [
                [str(value) if isinstance(value, UUID) else value for value in row]
                for row in await tx.fetch_tuples(query)  # type: ignore[arg-type]
            ]
            for name, query in _OWNERS.items()
        }


def _time(moment: Any) -> str:
    return str(moment.isoformat())
