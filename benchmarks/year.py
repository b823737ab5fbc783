"""A busy bot after a year: 3,000,000 messages of 10,000 contacts, each turn with its record.

Rows are made by SQL, week by week, so that a message lies on the disk beside others of its week.
Then the size of every large table, the time of each page of the dashboard, and of each command that
reads, beside their targets: wall time and seconds of processor, of the command or page and of
PostgreSQL together. On a loaded machine look at the processor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.support.world import make_world, open_scoped

from benchmarks.owner_memories import indexes_made_last
from benchmarks.scratch import cpu_of_postgres, scratch_home
from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.sign_ins import create_sign_in_code
from discreet.http_server import serving_http
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import vector_literal
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import terms_of
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, open_database
from discreet.queue.worker import count_owner_terms
from discreet.settings import Settings

SB = Path(sys.executable).with_name("sb")
PAGE_TARGET, COMMAND_TARGET = 0.15, 1.0
ROUNDS = 5
WEEKS = 58
"""A year, and the month within which each conversation ended."""
PROMPT = '{"messages": [' + ", ".join(['"' + "x" * 60 + '"'] * 10) + "]}"
TABLES = ("messages", "turns", "memories", "memory_history", "sessions", "routes", "contacts",
          "addresses", "outbox")  # fmt: skip

_PEOPLE = """
WITH made AS (
  INSERT INTO discreet.contacts (owner_id, name, created_at)
  SELECT %(owner)s, 'Contact number ' || n, now() - interval '1 year'
    FROM generate_series(1, %(contacts)s) n RETURNING id, name
), reached AS (
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  SELECT %(owner)s, 'telegram', '7' || split_part(name, ' ', 3), id FROM made
), talks AS (
  INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, last_position, last_message_at)
  SELECT %(owner)s, %(agent)s, id, %(each)s, now() - random() * interval '30 days' FROM made
  RETURNING id, contact_id
)
INSERT INTO discreet.routes (owner_id, agent_id, contact_id, session_id, channel_id, chat_id)
SELECT %(owner)s, %(agent)s, t.contact_id, t.id, %(channel)s, t.id::text FROM talks t
"""
# A turn for each question and its answer. What they said is one of a few hundred texts, indexed.
_TALKS = """
WITH ways AS (
  SELECT w.id, w.session_id, w.contact_id, t.last_message_at AS last,
         %(each)s / 2 AS turns, interval '1 day' * 730.0 / %(each)s AS step
    FROM discreet.routes w JOIN discreet.sessions t ON t.id = w.session_id
), numbered AS (
  SELECT w.*, n, last - (turns - n) * step AS at
    FROM ways w, generate_series(
           greatest(1, ceil(turns - extract(epoch FROM last - %(week)s)
                                    / extract(epoch FROM step))::int),
           least(turns, ceil(turns - extract(epoch FROM last - %(week)s - interval '7 days')
                                     / extract(epoch FROM step))::int - 1)) n
), made AS (
  INSERT INTO discreet.turns (owner_id, agent_id, contact_id, session_id, route_id, state, model,
    prompt, steps, usage, started_at, finished_at)
  SELECT %(owner)s, %(agent)s, w.contact_id, w.session_id, w.id, 'answered', 'offline',
         %(prompt)s::jsonb, '[]', '{"input_tokens": 900, "output_tokens": 60}', at, at
    FROM numbered w ORDER BY at
  RETURNING id, session_id, started_at
)
INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id, position,
  direction, state, text, terms, tokens, embedder, embedding, channel_id, chat_id,
  platform_message_id, turn_id, created_at)
SELECT %(owner)s, %(agent)s, w.contact_id, w.session_id, w.id, 2 * w.n - 1 + out,
       out_as, said, s.text, s.terms, s.tokens, s.embedder, s.embedding, %(channel)s,
       w.session_id::text, t.id::text || out, t.id, w.at + out * interval '3 seconds'
  FROM made t JOIN numbered w ON w.session_id = t.session_id AND w.at = t.started_at,
       (VALUES (0, 'in', 'answered'), (1, 'out', 'sent')) o (out, out_as, said),
       LATERAL (SELECT * FROM samples
                 WHERE number = (hashtext(t.id::text) & 1048575 + out) %% %(samples)s) s
 ORDER BY w.at, out
"""


async def main(contacts: int, messages: int, memories: int, kept: Path | None) -> None:
    with nullcontext(kept) if kept else scratch_home() as home:
        settings = Settings(home=home)
        filled = home.exists()
        async with open_database(settings, print) as database, open_scoped(database, 8) as db:
            if filled:
                owner_id = await asyncio.to_thread(read_owner, database)
            else:
                world = await make_world(db)
                owner_id = world.owner_id
                given = {"owner": owner_id, "agent": world.agent_id,
                         "channel": world.channel_id, "contacts": contacts,
                         "each": max(2, messages // contacts)}  # fmt: skip
                await asyncio.to_thread(fill, database, given, memories)
                await count_owner_terms(db)  # as a server does
            app = App(settings, database, db, owner_id)
            served = serving_http(http_app(app), "127.0.0.1:0", setting="DISCREET_LISTEN")
            data = str(Layout(home).data)
            async with served as url:
                await pages(app, url, data)
            await app.wakes.close()
            await asyncio.to_thread(commands, home, data)


def read_owner(database: Database) -> UUID:
    with psycopg.connect(database.conninfo(ADMIN_ROLE)) as admin:
        row = admin.execute("SELECT id FROM discreet.owners").fetchone()
    assert row is not None
    return UUID(str(row[0]))


def fill(database: Database, given: dict[str, Any], memories: int) -> None:
    """Make the rows, and print how large they are."""
    began = time.perf_counter()
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("SET synchronous_commit = off")
        samples = make_samples(admin)
        admin.execute(_PEOPLE, given)
        now = datetime.now(UTC)
        for ago in range(WEEKS, -1, -1):
            part = {"week": now - timedelta(weeks=ago), "samples": samples, "prompt": PROMPT}
            admin.execute(_TALKS, {**given, **part})
        with indexes_made_last(admin):
            remember(admin, given, samples, memories)
        print(f"made in {time.perf_counter() - began:.0f} s", flush=True)
        admin.execute("VACUUM ANALYZE")
        sizes(admin)


def make_samples(admin: psycopg.Connection[Any]) -> int:
    """Make a table of indexed texts; return how many."""
    embedder = bundled_embedder()
    things = ("table", "window", "parcel", "ticket", "doctor", "piano", "garden", "letter", "train")
    texts = [
        f"Is the {thing} of number {number} ready on Saturday evening, and for how many of us?"
        for number in range(56)
        for thing in things
    ]
    admin.execute("CREATE TEMP TABLE samples (number int PRIMARY KEY, text text, terms text[],"
                  " tokens bytea, embedder text, embedding public.vector)")  # fmt: skip
    rows = zip(texts, pack(texts), embedder.embed(texts), strict=True)
    with admin.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO samples VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (number, text, terms_of(text), bytes.fromhex(tokens[2:]), embedder.name,
                 vector_literal(vector))
                for number, (text, tokens, vector) in enumerate(rows)
            ],
        )  # fmt: skip
    return len(texts)


def remember(
    admin: psycopg.Connection[Any], given: dict[str, Any], samples: int, memories: int
) -> None:
    each = max(1, memories // given["contacts"])
    admin.execute(
        """
        INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, terms, tokens,
          embedder, embedding)
        SELECT %(owner)s, %(agent)s, c.id, s.text || ' ' || n, s.terms, s.tokens, s.embedder,
               s.embedding
          FROM discreet.contacts c, generate_series(1, %(many)s) n,
               LATERAL (SELECT * FROM samples
                         WHERE number = (hashtext(c.id::text) & 1048575 + n) %% %(samples)s) s
         WHERE c.name LIKE 'Contact number %%'""",
        {**given, "many": each, "samples": samples},
    )


def sizes(admin: psycopg.Connection[Any]) -> None:
    print(f"{'table':<16} {'rows':>10} {'MB':>7} {'of it indexes':>14} {'bytes a row':>12}")
    for table in TABLES:
        row = admin.execute(
            "SELECT (SELECT count(*) FROM discreet." + table + "), pg_total_relation_size(t),"
            " pg_indexes_size(t) FROM (SELECT %s::regclass) of (t)",
            (f"discreet.{table}",),
        ).fetchone()
        assert row is not None
        rows, size, indexes = row
        print(f"{table:<16} {rows:>10,} {size / 1e6:>7,.0f} {indexes / 1e6:>14,.0f}"
              f" {size / max(1, rows):>12,.0f}", flush=True)  # fmt: skip
    whole = admin.execute("SELECT pg_database_size(current_database())").fetchone()
    assert whole is not None
    print(f"database: {whole[0] / 1e9:.2f} GB", flush=True)


async def pages(app: App, url: str, data: str) -> None:
    async with app.db.begin(app.scope) as tx:
        contact: UUID = await tx.value(
            "SELECT contact_id FROM discreet.sessions WHERE contact_id IS NOT NULL"
            " ORDER BY last_message_at DESC LIMIT 1"
        )
        memory = await tx.value("SELECT id FROM discreet.memories LIMIT 1")
    paths = ["/", "/inbox", "/inbox?skip=5000", "/inbox?q=number+777", "/inbox?show=waiting",
             f"/contacts/{contact}", f"/contacts/{contact}?q=window", f"/contacts/{contact}/erase",
             "/memories", "/memories?q=window", f"/memories/{memory}", "/simulator", "/agents",
             "/channels", "/limits", "/usage", "/tokens", "/settings", "/quarantine", "/links",
             "/backups", "/sign-ins"]  # fmt: skip
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        await client.get(f"/sign-in?code={await create_sign_in_code(app.db, app.owner_id)}")
        for path in paths:
            took = []
            for _ in range(ROUNDS):
                began, before = time.perf_counter(), time.process_time() + cpu_of_postgres(data)
                got = await client.get(path, follow_redirects=True)
                assert got.status_code == 200, path
                after = time.process_time() + cpu_of_postgres(data)
                took.append((time.perf_counter() - began, after - before))
            told(path.replace(str(contact), "…").replace(str(memory), "…"), took, PAGE_TARGET)


def commands(home: Path, data: str) -> None:
    env = {**os.environ, "DISCREET_HOME": str(home)}
    name = "Contact number 777"
    for words in (
        ["version"], ["status"], ["contacts", "list"], ["contacts", "list", "--skip", "5000"],
        ["contacts", "show", name], ["contacts", "links"], ["contacts", "erasures"],
        ["sessions", "list"], ["memories", "list"], ["memories", "list", "--contact", name],
        ["memories", "recall", "piano on Saturday"], ["messages", "search", "piano on Saturday"],
        ["messages", "search", "piano on Saturday", "--contact", name], ["turns", "list"],
        ["usage"], ["usage", "--by", "contact"], ["limits", "show"], ["quarantine", "list"],
        ["pairing", "list"], ["retention", "show"], ["agents", "list"], ["reminders", "list"],
        ["drafts", "list"],
    ):  # fmt: skip
        took, failed = [], ""
        for _ in range(3):
            began, before = time.perf_counter(), _children() + cpu_of_postgres(data)
            done = subprocess.run(
                [SB, *words], env=env, capture_output=True, text=True, check=False
            )
            failed = done.stderr if done.returncode else failed
            after = _children() + cpu_of_postgres(data)
            took.append((time.perf_counter() - began, after - before))
        told("sb " + " ".join(words), took, COMMAND_TARGET)
        if failed:
            print(f"  failed: {failed.strip()}")


def _children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def told(what: str, took: list[tuple[float, float]], target: float) -> None:
    wall, processor = (median(each) for each in zip(*took, strict=True))
    over = "  over" if min(wall, processor) > target else ""
    print(f"{what:<44} {wall:>6.2f} s, processor {processor:>5.2f} s (at most {target}){over}",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=10_000)
    options.add_argument("--messages", type=int, default=3_000_000)
    options.add_argument("--memories", type=int, default=100_000)
    options.add_argument("--home", type=Path, help="keep the installation here; used as it is if"
                         " it exists, so that only the pages and commands are timed")  # fmt: skip
    asked = options.parse_args()
    asyncio.run(main(asked.contacts, asked.messages, asked.memories, asked.home))
