"""Recall in a contact's scope of 100, 1,000, 10,000 and 50,000 memories: milliseconds.

    python benchmarks/recall_sizes.py [--sizes 100 1000] [--rounds 200]

Each scope is a contact's own; every question asks for words that some of its memories hold.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.world import make_world

from benchmarks.owner_memories import EACH, texts
from benchmarks.scratch import cpu_of_postgres, p50_p95, scratch_database
from discreet.domain.ids import ContactId
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index
from discreet.memory.recall import prepare, recall
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from discreet.scope import ContactScope

SIZES = (100, 1_000, 10_000, 50_000)
TARGETS_MS = {10_000: 30.0, 50_000: 120.0}


async def main(sizes: list[int], rounds: int) -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        with psycopg.connect(database.conninfo(ADMIN_ROLE)) as admin:
            (folder,) = admin.execute("SHOW data_directory").fetchone() or ("",)
        for size in sizes:
            said = [text for few in islice(texts(size // EACH), size // EACH) for text in few]
            contact = uuid4()
            await asyncio.to_thread(_load, database, world.owner_id, world.agent_id, contact, said)
            scope = ContactScope(world.owner_id, world.agent_id, ContactId(contact))
            spent, cpu, of_postgres = [], time.process_time(), cpu_of_postgres(folder)
            for number in range(rounds + 10):
                start = time.perf_counter()
                query = prepare(_question(said, number), bundled_embedder())
                async with db.read(scope) as tx:
                    hits = await recall(tx, query)
                spent.append((time.perf_counter() - start) * 1000)
                if len(hits) != 10:
                    raise SystemExit(f"{len(hits)} of 10 rows: this measures nothing")
            own = (time.process_time() - cpu) * 1000 / len(spent)
            theirs = (cpu_of_postgres(folder) - of_postgres) * 1000 / len(spent)
            p50, p95 = p50_p95(spent[10:])
            target = f", at most {TARGETS_MS[size]:.0f}" if size in TARGETS_MS else ""
            print(
                f"contact with {size:6,} memories: p50 {p50:.2f} ms{target}, p95 {p95:.2f},"
                f" least {min(spent):.2f}; processor: {own:.2f} ms here,"
                f" {theirs:.2f} in PostgreSQL",
                flush=True,
            )


def _question(said: list[str], number: int) -> str:
    chance = random.Random(number)
    words = chance.choice(said).split()[:-1]
    return f"What about {' and '.join(chance.sample(words, 3))}?"


def _load(database: Database, owner: UUID, agent: UUID, contact: UUID, said: list[str]) -> None:
    made = index(said, bundled_embedder())
    names = list(made[0].as_params())
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO discreet.contacts (id, owner_id) VALUES (%s, %s)", (contact, owner)
        )
        sql: Any = (
            "COPY discreet.memories (owner_id, agent_id, contact_id, content,"
            f" {', '.join(names)}) FROM STDIN"
        )
        with admin.cursor().copy(sql) as copy:
            for text, one in zip(said, made, strict=True):
                copy.write_row((owner, agent, contact, text, *one.as_params().values()))
        admin.execute("VACUUM ANALYZE discreet.memories")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.sizes, given.rounds))
