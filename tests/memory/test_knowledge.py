"""The initial knowledge of a session."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.memory.knowledge import get_knowledge_memories, mark_used
from discreet.memory.memories import forget
from discreet.postgres.server import Database
from tests.memory.conftest import People
from tests.support.world import open_scoped


async def _known(people: People, budget: int = 1000) -> list[str]:
    async with people.db.begin(people.alice) as tx:
        return [memory.content for memory in await get_knowledge_memories(tx, budget)]


async def test_of_memories_from_different_days_the_last_used_comes_first(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    kept = await people.keep(people.alice, "one", "two", "three", salience="high")
    await people.keep(people.alice, "first of all", salience="critical")
    admin.execute("SET session_replication_role = replica")
    for days, memory in enumerate(kept, start=2):
        admin.execute(
            "UPDATE discreet.memories SET updated_at = now() - %s * interval '1 day' WHERE id = %s",
            (days, memory.id),
        )
    assert await _known(people) == ["first of all", "one", "two", "three"]
    async with people.db.begin(people.alice) as tx:
        await mark_used(tx, [kept[2].id])
    assert await _known(people) == ["first of all", "three", "one", "two"]


async def test_marking_used_memories_is_fast_without_planner_statistics(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("SET session_replication_role = replica")
    admin.execute(
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
        " SELECT %s, %s, %s, 'memory number ' || n FROM generate_series(1, 20000) n",
        (people.alice.owner_id, people.alice.agent_id, people.alice.contact_id),
    )
    async with people.db.begin(people.alice) as tx:
        found = await tx.fetch("SELECT id FROM discreet.memories ORDER BY id LIMIT 12")
        await tx.execute("SET LOCAL statement_timeout = '5s'")
        await mark_used(tx, [row["id"] for row in found])
        marked = "SELECT count(*) FROM discreet.memories WHERE used_at IS NOT NULL"
        assert await tx.value(marked) == 12


async def test_the_budget_counts_bytes_so_that_no_script_is_underestimated(
    people: People,
) -> None:
    await people.keep(people.alice, "д" * 40, "d" * 40, salience="high")
    assert await _known(people, budget=10) == ["d" * 40]
    assert len(await _known(people, budget=30)) == 2
    assert await _known(people, budget=0) == []


async def test_a_change_that_another_process_makes_is_known_at_once(
    people: People, database: Database
) -> None:
    (kept,) = await people.keep(people.alice, "is allergic to nuts", salience="critical")
    assert await _known(people) == ["is allergic to nuts"]
    async with open_scoped(database) as other, other.begin(people.alice) as tx:
        await forget(tx, kept.id)
    assert await _known(people) == []
