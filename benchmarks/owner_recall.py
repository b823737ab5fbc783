"""The owner's hybrid recall over everybody's memories, and a contact's beside it.

1. The owner's p50 and p95, and its ratio to the nearest ten alone on a bare connection.
2. How much of the exact top ten it gives: every memory ranked by the same features, none left out.
3. A contact's p50 among all of them, and its ratio to the same query on a bare connection.

``--memories N`` for another size; the exact part holds all of them in memory (2 GB at a million).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from dataclasses import replace
from statistics import mean
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from tests.support.world import make_world

from benchmarks.owner_memories import load, vocabulary
from benchmarks.recall_speed import BareRows
from benchmarks.scratch import p50_p95, scratch_database
from discreet.domain.ids import ContactId
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index, vector_literal
from discreet.memory.query import Query
from discreet.memory.ranking import Candidates, rank
from discreet.memory.recall import prepare, recall
from discreet.memory.tokenizer import terms_of
from discreet.postgres.roles import ADMIN_ROLE
from discreet.queue.worker import count_owner_terms
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase
from discreet.scope.scopes import SessionScope

QUESTIONS, REPEATS = 40, 5
OWNER_TARGET_MS, CONTACT_TARGET_MS, EXACT_TARGET = 25.0, 3.0, 0.95


async def main(memories: int) -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        start = time.perf_counter()
        contacts = await asyncio.to_thread(
            load, database, world.owner_id, world.agent_id, memories // 100
        )
        print(f"loaded {memories:,} memories in {time.perf_counter() - start:.0f} s", flush=True)
        await count_owner_terms(db)
        with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
            ids, every = await asyncio.to_thread(_everything, admin)
        questions = [prepare(text, bundled_embedder()) for text in _questions(every, QUESTIONS)]
        bare = await psycopg.AsyncConnection.connect(database.conninfo(ADMIN_ROLE), autocommit=True)
        async with bare:
            await _owner(db, OwnerScope(world.owner_id), questions, bare)
            scopes = [
                ContactScope(world.owner_id, world.agent_id, ContactId(one))
                for one in random.Random(7).sample(contacts, QUESTIONS)
            ]
            await _contact(db, scopes, bare)
        await _against_exact(db, OwnerScope(world.owner_id), questions, ids, every)


async def _owner(
    db: ScopedDatabase,
    scope: OwnerScope,
    questions: list[Query],
    bare: psycopg.AsyncConnection[Any],
) -> None:
    ours, floor = [], []
    for query in questions:
        await _recall(db, scope, query)
        for _ in range(REPEATS):
            ours.append(await _recall(db, scope, query))
            start = time.perf_counter()
            await _nearest(bare, query)
            floor.append(time.perf_counter() - start)
    (p50, p95), (bare_p50, _) = p50_p95(ours), p50_p95(floor)
    print(
        f"owner, hybrid: p50 {p50 * 1e3:.1f} ms (at most {OWNER_TARGET_MS:.0f}), p95"
        f" {p95 * 1e3:.1f}; the nearest ten alone, bare, p50 {bare_p50 * 1e3:.1f} ms, ratio"
        f" {p50 / bare_p50:.1f}",
        flush=True,
    )


async def _contact(
    db: ScopedDatabase, scopes: list[ContactScope], bare: psycopg.AsyncConnection[Any]
) -> None:
    """Each contact asks for two words of something that it said."""
    ours, floor = [], []
    for scope in scopes * REPEATS:
        async with db.begin(scope) as tx:
            content = await tx.value("SELECT content FROM discreet.memories LIMIT 1")
        query = prepare(" ".join(content.split()[:2]), bundled_embedder())
        ours.append(await _recall(db, scope, query))
        start = time.perf_counter()
        async with bare.transaction():
            await recall(BareRows(bare, scope), query)  # type: ignore[arg-type]
        floor.append(time.perf_counter() - start)
    (p50, p95), (bare_p50, _) = p50_p95(ours), p50_p95(floor)
    print(
        f"contact, hybrid: p50 {p50 * 1e3:.2f} ms (at most {CONTACT_TARGET_MS:.0f}), p95"
        f" {p95 * 1e3:.2f}; bare p50 {bare_p50 * 1e3:.2f} ms, ratio {p50 / bare_p50:.2f}",
        flush=True,
    )


async def _against_exact(
    db: ScopedDatabase,
    scope: OwnerScope,
    questions: list[Query],
    ids: list[UUID],
    every: Candidates,
) -> None:
    vectors = np.asarray(every.cosines)
    shares = []
    for query in questions:
        assert query.vector is not None
        cosines = (vectors @ query.vector).astype(np.float64)
        exact = rank(query.asked, replace(every, cosines=cosines), now=query.asked_at.timestamp())
        async with db.begin(scope) as tx:
            found = {hit.id for hit in await recall(tx, query)}
        shares.append(len(found & {ids[at] for at in exact.order[:10]}) / 10)
    print(f"owner, of the exact top ten: {mean(shares):.1%} (at least {EXACT_TARGET:.0%})")


async def _recall(db: ScopedDatabase, scope: SessionScope, query: Query) -> float:
    start = time.perf_counter()
    async with db.begin(scope) as tx:
        hits = await recall(tx, query)
    if len(hits) != 10:
        raise SystemExit(f"{len(hits)} of 10 rows: this measures nothing")
    return time.perf_counter() - start


async def _nearest(bare: psycopg.AsyncConnection[Any], query: Query) -> None:
    assert query.vector is not None
    cursor = await bare.execute(
        "SELECT id FROM discreet.memories WHERE embedder = 'wordllama-l2-supercat-256'"
        " AND owner_key IS NOT NULL"
        " ORDER BY embedding::public.halfvec(256) OPERATOR(public.<=>)"
        " %s::public.halfvec(256) LIMIT 10",
        (vector_literal(query.vector),),
        prepare=False,
    )
    await cursor.fetchall()


def _everything(admin: psycopg.Connection[Any]) -> tuple[list[UUID], Candidates]:
    """All memories; for cosines they have their vectors, shape (rows, dimensions)."""
    ids, texts, seconds, contacts = [], [], [], []
    with admin.transaction(), admin.cursor(name="all") as cursor:
        cursor.itersize = 20_000
        cursor.execute(
            "SELECT id, content, extract(epoch FROM created_at)::float8, contact_id"
            "  FROM discreet.memories"
        )
        for memory_id, text, second, contact in cursor:
            ids.append(memory_id)
            texts.append(text)
            seconds.append(second)
            contacts.append(contact.bytes)
    embedder = bundled_embedder()
    vectors = [embedder.embed(texts[at : at + 5_000]) for at in range(0, len(texts), 5_000)]
    return ids, Candidates.of(
        index(texts, None),
        cosines=np.concatenate(vectors),
        conversations=np.full(len(texts), -1),
        seconds=np.array(seconds),
        contacts=np.array(contacts, dtype="V16"),
    )


def _questions(every: Candidates, count: int) -> list[str]:
    """Each asks for one to four words of some memory."""
    chance = random.Random(5)
    known = {word for word in vocabulary() if terms_of(word)[1] == word}
    questions: list[str] = []
    while len(questions) < count:
        words = [
            word
            for word in every.bags_of(np.array([chance.randrange(len(every))]))[0]
            if word in known
        ]
        if words:
            picked = chance.sample(words, min(chance.choice([1, 2, 3, 4]), len(words)))
            questions.append(f"What about {' '.join(picked)}?")
    return questions


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().memories))
