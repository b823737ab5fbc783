"""Recall in a contact's scope, p50, in turns with its floor in the same run.

1. In a scoped transaction against the same query in a transaction on a bare connection without
   policies (an admin's, with the scope as plain conditions), and against the same without one.
2. With 1,000,000 memories of 10,000 contacts against 10,000 memories of 100: a contact has 100.

``--memories N`` for a smaller second size. Vectors are random; every text has some common words.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from typing import Any, LiteralString
from uuid import UUID, uuid4

import numpy as np
import psycopg
from psycopg.rows import dict_row
from tests.support.world import make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.memory.candidates import candidates_of
from discreet.memory.embedding import bundled_embedder
from discreet.memory.filters import ANY
from discreet.memory.query import Query
from discreet.memory.recall import prepare, recall
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import terms_of
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from discreet.scope import ContactScope, ScopedDatabase

EACH = 100
ROUNDS = 400
SCOPED_TARGET, SIZE_TARGET = 1.25, 1.1
WORDS = [
    "dog",
    "tea",
    "rex",
    "lisbon",
    "sister",
    "garden",
    "train",
    "blue",
    "winter",
    "piano",
    "bread",
    "river",
    "market",
    "letter",
]
_NEAR = "memories_near_" + md5(bundled_embedder().name.encode()).hexdigest()[:12]
QUESTION = "Who plays the piano in Lisbon in winter?"


@dataclass(frozen=True)
class Place:
    """A database with one owner, and some of its contacts."""

    db: ScopedDatabase
    database: Database
    owner_id: OwnerId
    agent_id: AgentId
    contacts: list[ContactId]


class BareRows:
    """The store's own statements on a bare connection, with the scope as plain conditions."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], scope: ContactScope) -> None:
        self._connection = connection
        self.scope = scope
        self._scope = {"o": scope.owner_id, "a": scope.agent_id, "c": scope.contact_id}

    async def fetch_tuples(
        self, sql: LiteralString, params: Mapping[str, Any], *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor(binary=binary)
        await cursor.execute(_within(sql), {**params, **self._scope})
        return await cursor.fetchall()

    async def fetch(self, sql: LiteralString, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        cursor = self._connection.cursor(row_factory=dict_row)
        await cursor.execute(_within(sql), {**params, **self._scope})
        return await cursor.fetchall()


def _within(sql: str) -> str:
    ours = "owner_id = %(o)s AND agent_id = %(a)s"
    return sql.replace(
        "FROM discreet.memories",
        f"FROM (SELECT * FROM discreet.memories WHERE {ours} AND contact_id = %(c)s) AS memories",
    ).replace(
        "FROM discreet.passages",
        f"FROM (SELECT * FROM discreet.passages WHERE {ours}) AS passages",
    )


async def main(memories: int) -> None:
    query = prepare(QUESTION, bundled_embedder())
    async with AsyncExitStack() as stack:
        small = await stack.enter_async_context(place(10_000))
        await scoped_against_bare(stack, small, query)
        large = await stack.enter_async_context(place(memories))
        await large_against_small(small, large, query)


async def scoped_against_bare(stack: AsyncExitStack, at: Place, query: Query) -> None:
    bare = await stack.enter_async_context(
        await psycopg.AsyncConnection.connect(at.database.conninfo(ADMIN_ROLE), autocommit=True)
    )
    for name, work in (("query alone", candidates_of), ("whole recall", _recall)):
        floor, alone, subject = [], [], []
        for number in range(ROUNDS):
            scope = ContactScope(at.owner_id, at.agent_id, at.contacts[number % len(at.contacts)])
            start = time.perf_counter()
            async with bare.transaction():
                await work(BareRows(bare, scope), query, ANY)  # type: ignore[arg-type]
            floor.append(time.perf_counter() - start)
            start = time.perf_counter()
            await work(BareRows(bare, scope), query, ANY)  # type: ignore[arg-type]
            alone.append(time.perf_counter() - start)
            subject.append(await _scoped_call(at.db, scope, query, work))
        (bare_p50, _), (scoped_p50, scoped_p95) = p50_p95(floor[50:]), p50_p95(subject[50:])
        alone_p50, _ = p50_p95(alone[50:])
        print(
            f"recall, {name}: scoped p50 {scoped_p50 * 1e3:.2f} ms (p95 {scoped_p95 * 1e3:.2f}),"
            f" bare p50 {bare_p50 * 1e3:.2f} ms, ratio {scoped_p50 / bare_p50:.2f}"
            f" (at most {SCOPED_TARGET}); without a transaction there"
            f" {alone_p50 * 1e3:.2f} ms, ratio {scoped_p50 / alone_p50:.2f}"
        )


async def large_against_small(small: Place, large: Place, query: Query) -> None:
    times: dict[int, list[float]] = {0: [], 1: []}
    for number in range(ROUNDS):
        for which, at in enumerate((small, large)):
            contact = at.contacts[number % len(at.contacts)]
            scope = ContactScope(at.owner_id, at.agent_id, contact)
            times[which].append(await _scoped_call(at.db, scope, query, _recall))
    (few, _), (many, p95) = p50_p95(times[0][50:]), p50_p95(times[1][50:])
    print(
        f"recall, many against few: p50 {many * 1e3:.2f} ms (p95 {p95 * 1e3:.2f}) against"
        f" {few * 1e3:.2f} ms, ratio {many / few:.2f} (at most {SIZE_TARGET})"
    )


async def _recall(rows: Any, query: Query, _: object) -> None:
    hits = await recall(rows, query)
    if len(hits) != 10:
        raise SystemExit(f"{len(hits)} of 10 rows: this measures nothing")


async def _scoped_call(db: ScopedDatabase, scope: ContactScope, query: Query, work: Any) -> float:
    start = time.perf_counter()
    async with db.read(scope) as tx:
        await work(tx, query, ANY)
    return time.perf_counter() - start


@asynccontextmanager
async def place(memories: int) -> AsyncIterator[Place]:
    """A fresh server with that many memories, 100 for each contact."""
    async with scratch_database() as (database, db):
        world = await make_world(db)
        start = time.perf_counter()
        contacts = [ContactId(uuid4()) for _ in range(memories // EACH)]
        await asyncio.to_thread(_load, database, world.owner_id, world.agent_id, contacts)
        print(f"loaded {memories:,} memories in {time.perf_counter() - start:.0f} s", flush=True)
        random.Random(7).shuffle(contacts)
        yield Place(db, database, world.owner_id, world.agent_id, contacts[:100])


def _load(database: Database, owner: UUID, agent: UUID, contacts: list[ContactId]) -> None:
    rng = np.random.default_rng(7)
    chance = random.Random(7)
    embedder = bundled_embedder()
    vectors = [
        "[" + ",".join(f"{x:.4f}" for x in v / np.linalg.norm(v)) + "]"
        for v in rng.normal(size=(200, embedder.dimensions))
    ]
    texts = [" ".join(chance.choices(WORDS, k=8)) + "." for _ in range(500)]
    terms = ["{" + ",".join(f'"{t}"' for t in terms_of(text)) + "}" for text in texts]
    tokens = ["\\" + packed for packed in pack(texts)]
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        # Indexes that only the owner uses; benchmarks/owner_recall.py has them.
        for name in ("memories_terms", _NEAR):
            admin.execute(f"DROP INDEX discreet.{name}")
        with admin.cursor().copy("COPY discreet.contacts (id, owner_id) FROM STDIN") as copy:
            for contact in contacts:
                copy.write_row((contact, owner))
        with admin.cursor().copy(
            "COPY discreet.memories (owner_id, agent_id, contact_id, content, terms, tokens,"
            " embedder, embedding) FROM STDIN"
        ) as copy:
            for at, contact in enumerate(contacts):
                head = f"{owner}\t{agent}\t{contact}\t"
                lines = []
                for number in range(EACH):
                    text = (at * 31 + number) % len(texts)
                    vector = vectors[(at * 17 + number) % len(vectors)]
                    lines.append(
                        f"{head}{texts[text]} {number}\t{terms[text]}\t{tokens[text]}"
                        f"\t{embedder.name}\t{vector}\n"
                    )
                copy.write("".join(lines))
        admin.execute("VACUUM ANALYZE discreet.memories")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().memories))
