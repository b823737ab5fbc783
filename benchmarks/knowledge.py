"""The knowledge at the start of a session: one query, against the check that a cache of it would
need, p50.

A contact with 300 memories, 60 of them high or critical, beside 100 others with as many.
"""

from __future__ import annotations

import asyncio
import time

from tests.support.world import make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.domain.ids import ContactId
from discreet.memory.knowledge import get_knowledge_memories
from discreet.postgres.roles import ADMIN_ROLE
from discreet.scope import ContactScope, ScopedDatabase

ROUNDS = 400
BUDGET = 2_000
CHECK = "SELECT last_position FROM discreet.sessions WHERE thread_key = %s LIMIT 1"


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        contacts = [
            ContactId((await world.say(f"telegram:{n}", "hi")).contact_id) for n in range(101)
        ]
        await asyncio.to_thread(_load, database.conninfo(ADMIN_ROLE))
        scopes = [ContactScope(world.owner_id, world.agent_id, one) for one in contacts]
        times: dict[str, list[float]] = {"query": [], "check": [], "nothing": []}
        for number in range(ROUNDS):
            scope = scopes[number % len(scopes)]
            for name, found in times.items():
                found.append(await _one(db, scope, name))
    cuts = {name: p50_p95(found[50:])[0] * 1e3 for name, found in times.items()}
    print(
        f"knowledge: query p50 {cuts['query']:.2f} ms, check alone p50 {cuts['check']:.2f} ms,"
        f" an empty transaction {cuts['nothing']:.2f} ms"
    )


async def _one(db: ScopedDatabase, scope: ContactScope, name: str) -> float:
    start = time.perf_counter()
    async with db.begin(scope) as tx:
        if name == "query":
            known = await get_knowledge_memories(tx, BUDGET)
            assert len(known) > 50
        elif name == "check":
            await tx.value(CHECK, ("",))
    return time.perf_counter() - start


def _load(conninfo: str) -> None:
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, salience)"
            " SELECT s.owner_id, s.agent_id, s.contact_id,"
            "   'what is worth knowing from the start, as number ' || n || ' of many such things',"
            "   CASE WHEN n % 20 = 0 THEN 'critical' WHEN n % 5 = 0 THEN 'high' ELSE 'medium' END"
            " FROM discreet.sessions s, generate_series(1, 300) n"
        )
        admin.execute("VACUUM ANALYZE discreet.memories")


if __name__ == "__main__":
    asyncio.run(main())
