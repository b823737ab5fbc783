"""Large installations: a contact whose memories nobody embedded yet, and very many contacts.

1. The first turn of a contact with 50,000 memories, none embedded and none analysed, as after an
   import; then how fast the backlog is embedded behind it.
2. With 100,000 contacts: the lists, one contact by its name, and the owner's search, each as a
   whole command and as the call alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from tests.support.world import World, make_world, open_scoped

from benchmarks.owner_memories import indexes_made_last, texts, vocabulary
from benchmarks.scratch import scratch_home
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index_backlog, vector_literal
from discreet.memory.tokenizer import terms_of
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, open_database
from discreet.queue.worker import count_owner_terms
from discreet.schemas.memories import Recall
from discreet.scope import ContactScope, OwnerScope
from discreet.services import contacts, recall, sessions
from discreet.services.context import in_scope
from discreet.settings import Settings
from discreet.turn.prompt import Budget
from discreet.turn.responders import make_responder
from discreet.turn.run import run_turn
from discreet.turn.turns import Turns

FIRST_TURN_TARGET, COMMAND_TARGET = 3.0, 1.0
BACKLOG_BATCHES = 20


async def main(memories: int, many: int) -> None:
    with scratch_home() as home:
        settings = Settings(home=home)
        async with open_database(settings, print) as database, open_scoped(database, 8) as db:
            world = await make_world(db)
            await _first_turn(world, database, settings, memories)
            began = time.perf_counter()
            owner, agent = world.owner_id, world.agent_id
            await asyncio.to_thread(_many_contacts, database, owner, agent, many)
            await count_owner_terms(db)
            print(f"made {many:,} contacts in {time.perf_counter() - began:.0f} s", flush=True)
            await _calls(world, many)
            await asyncio.to_thread(_commands, home, many)


async def _first_turn(world: World, database: Database, settings: Settings, memories: int) -> None:
    said = await world.say("telegram:1", "Hello, what may I not eat?")
    scope = world.contact(said.contact_id)
    contents = [text for part in texts(max(1, memories // 100)) for text in part]
    await asyncio.to_thread(_unembedded, database, scope, contents)
    embedder = bundled_embedder()
    turns = Turns(world.db, embedder, make_responder(settings), 3, Budget())
    began = time.perf_counter()
    await run_turn(turns, said.session_id)
    took = time.perf_counter() - began
    async with world.db.begin(scope) as tx:
        state = await tx.value("SELECT state FROM discreet.turns")
    print(
        f"first turn of a contact with {len(contents):,} memories, none embedded: {state} after"
        f" {took:.2f} s (at most {FIRST_TURN_TARGET:g})"
    )
    began = time.perf_counter()
    done = sum([await index_backlog(world.db, embedder) for _ in range(BACKLOG_BATCHES)])
    rate = done / (time.perf_counter() - began)
    print(f"embedding the backlog: {rate:.0f} memories a second", flush=True)


def _unembedded(database: Database, scope: ContactScope, contents: list[str]) -> None:
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        with admin.cursor().copy(
            "COPY discreet.memories (owner_id, agent_id, contact_id, content) FROM STDIN"
        ) as copy:
            for content in contents:
                copy.write_row((scope.owner_id, scope.agent_id, scope.contact_id, content))


def _many_contacts(database: Database, owner: UUID, agent: UUID, many: int) -> None:
    """Each with a name of two words, an address, a session, a message and a memory."""
    words, embedder = vocabulary(), bundled_embedder()
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            """
            WITH made AS (
              INSERT INTO discreet.contacts (owner_id, name)
              SELECT %(owner)s, initcap((%(words)s::text[])[1 + n %% %(some)s]) || ' '
                     || initcap((%(words)s::text[])[1 + n * 7 %% %(some)s]) || ' ' || n
                FROM generate_series(1, %(many)s) n RETURNING id, name
            ), reached AS (
              INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
              SELECT %(owner)s, 'telegram', '7' || split_part(name, ' ', 3), id FROM made
            ), talks AS (
              INSERT INTO discreet.sessions
                (owner_id, agent_id, contact_id, last_position, last_message_at)
              SELECT %(owner)s, %(agent)s, id, 1, now() - random() * interval '1 year' FROM made
              RETURNING id, contact_id, last_message_at
            ), ways AS (
              INSERT INTO discreet.routes
                (owner_id, agent_id, contact_id, session_id, channel_id, chat_id)
              SELECT %(owner)s, %(agent)s, t.contact_id, t.id, c.id, t.id::text
                FROM talks t, (SELECT id FROM discreet.channels LIMIT 1) c
              RETURNING id, session_id, contact_id
            )
            INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id,
              position, direction, state, text, channel_id, chat_id, platform_message_id,
              created_at)
            SELECT %(owner)s, %(agent)s, w.contact_id, w.session_id, w.id, 1, 'in', 'context',
                   'Hello there.', c.id, w.session_id::text, w.id::text, t.last_message_at
              FROM ways w JOIN talks t ON t.id = w.session_id,
                   (SELECT id FROM discreet.channels LIMIT 1) c""",
            {
                "owner": owner,
                "agent": agent,
                "words": words,
                "many": many,
                "some": len(words),
            },
        )
        made = "SELECT contact_id FROM discreet.addresses WHERE platform_id LIKE '7%'"
        ids = [row[0] for row in admin.execute(made)]
        contents = [text for part in texts(max(1, many // 100)) for text in part]
        with (
            indexes_made_last(admin),
            admin.cursor().copy(
                "COPY discreet.memories (id, owner_id, agent_id, contact_id, content, terms,"
                " embedder, embedding) FROM STDIN"
            ) as copy,
        ):
            for at in range(0, len(contents), 1000):
                batch = contents[at : at + 1000]
                for contact, content, vector in zip(
                    ids[at : at + 1000], batch, embedder.embed(batch), strict=False
                ):
                    row = (uuid4(), owner, agent, contact, content, terms_of(content))
                    copy.write_row((*row, embedder.name, vector_literal(vector)))
        admin.execute("VACUUM ANALYZE")


async def _calls(world: World, many: int) -> None:
    db, owner = world.db, world.owner_id
    (middle,) = await contacts.list_recent_contacts(db, owner, limit=1, skip=many // 2)
    embedder = bundled_embedder()
    words = vocabulary()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "the first page of contacts": lambda: contacts.list_recent_contacts(db, owner, limit=100),
        "a page from the middle": lambda: contacts.list_recent_contacts(
            db, owner, limit=100, skip=many // 2
        ),
        "the first page of sessions": lambda: sessions.list_recent_sessions(
            in_scope(db, OwnerScope(owner), lambda: embedder, "cli"), limit=100
        ),
        "a contact by its name": lambda: contacts.find_contact(db, owner, middle.contact.name),
        "suggestions for a wrong name": lambda: contacts.resolve_contact_name(
            db, owner, middle.contact.name.replace("a", "e")
        ),
        "the owner's search": lambda: recall.recall(
            in_scope(db, OwnerScope(owner), lambda: embedder, "cli"),
            Recall(query=f"{words[10]} {words[300]}"),
        ),
    }
    for what, call in calls.items():
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - began)
        print(f"{what}: {sorted(seconds)[2] * 1000:.0f} ms", flush=True)


def _commands(home: Path, many: int) -> None:
    sb = [str(Path(sys.executable).parent / "sb")]
    env = {**os.environ, "DISCREET_HOME": str(home)}
    page = ["contacts", "list", "--skip", str(many // 2), "--limit", "1", "--json"]
    listed = subprocess.run([*sb, *page], env=env, check=True, capture_output=True, text=True)
    name = listed.stdout.split('"name": "')[1].split('"')[0]
    for command in (
        ["version"],
        ["contacts", "list"],
        ["contacts", "list", "--skip", str(many // 2)],
        ["contacts", "show", name],
        ["sessions", "list"],
        ["memories", "list"],
        ["turns", "list"],
        ["memories", "recall", "violin garden"],
        ["status"],
    ):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([*sb, *command], env=env, check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
        shown = "sb " + " ".join(command)
        print(f"{shown}: {sorted(seconds)[1]:.2f} s (at most {COMMAND_TARGET:g})", flush=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--memories", type=int, default=50_000)
    options.add_argument("--contacts", type=int, default=100_000)
    given = options.parse_args()
    asyncio.run(main(given.memories, given.contacts))
