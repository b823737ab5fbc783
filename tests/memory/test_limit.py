"""A contact has a maximum number of memories, however they are added."""

from __future__ import annotations

import pytest

from discreet.domain.errors import LimitReached
from discreet.domain.policy import Policy
from discreet.memory.history import restore_memory
from discreet.memory.memories import MemoryChange, forget, list_memories, update_memory
from discreet.scope import SharedScope
from discreet.services.policy import write_policy
from tests.memory.conftest import People
from tests.support.world import make_world


@pytest.fixture
async def few(people: People) -> People:
    """Return people with a maximum of three memories."""
    await write_policy(people.db, Policy(memories_per_contact=3))
    return people


async def test_a_contact_at_its_limit_stores_no_more_memories_and_others_do(
    few: People,
) -> None:
    kept = await few.keep(few.alice, "tea", "rain", "my dog is called Rex")
    with pytest.raises(
        LimitReached, match=r"The maximum of 3 memories is reached\. Forget some first"
    ):
        await few.keep(few.alice, "the moon")
    await few.keep(few.bob, "tea", "the moon", "a boat")
    await few.keep(few.alice, "tea")  # is already known
    async with few.db.begin(few.alice) as tx:
        await update_memory(tx, kept[0].id, MemoryChange(salience="high"))
        await forget(tx, kept[1].id)
    await few.keep(few.alice, "the moon")
    with pytest.raises(LimitReached):
        async with few.db.begin(few.alice) as tx:
            await restore_memory(tx, kept[1].id, 1)
    async with few.db.begin(few.alice) as tx:
        assert len(await list_memories(tx)) == 3
        await restore_memory(tx, kept[0].id, 1)


async def test_a_memory_that_replaces_another_is_stored_at_the_limit(few: People) -> None:
    for n in range(6):
        await few.keep(few.alice, f"I live in town number {n}", topic_key="home")
    await few.keep(few.alice, "tea", "rain")
    await few.keep(few.alice, "I live at sea", topic_key="home")


async def test_direct_sql_cannot_exceed_the_limit_of_memories(few: People) -> None:
    insert = (
        "INSERT INTO discreet.memories (content) SELECT 'thing ' || n FROM generate_series(1, %s) n"
    )
    with pytest.raises(LimitReached):
        async with few.db.begin(few.alice) as tx:
            await tx.execute(insert, (4,))
    async with few.db.begin(few.alice) as tx:
        await tx.execute(insert, (3,))


async def test_the_owner_has_no_limit_and_who_share_have_one_together(few: People) -> None:
    await few.keep(few.world.owner, *(f"thing number {n}" for n in range(5)))
    shared = await make_world(few.db, agent="Fam", memory_model="shared")
    owner_candidates = SharedScope(shared.owner_id, shared.agent_id)
    await few.keep(owner_candidates, "tea", "rain", "a boat")
    with pytest.raises(LimitReached):
        await few.keep(owner_candidates, "the moon")


async def test_a_conversation_is_summarized_even_without_room(few: People) -> None:
    await few.keep(few.alice, "tea", "rain", "a boat")
    await few.keep(few.alice, "They spoke about tea.", source="compaction")
