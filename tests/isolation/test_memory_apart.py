"""Keeping, knowing, finding: what one scope does there shows in no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from discreet.memory.embedding import bundled_embedder
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.indexing import index
from discreet.memory.memories import (
    Memory,
    MemoryChange,
    NewMemory,
    forget,
    list_memories,
    remember,
    update_memory,
)
from discreet.scope import ContactScope, WorkScope
from discreet.scope.scopes import SessionScope
from tests.support.world import World


async def _keep(world: World, scope: SessionScope, text: str, **details: Any) -> Memory:
    made = index([text], bundled_embedder())[0]
    async with world.door.enter(scope) as rows:
        return await remember(rows, NewMemory(text, made, **details))


async def _two(world: World) -> tuple[ContactScope, ContactScope]:
    alice = await world.say("telegram:1001", "hello")
    bob = await world.say("telegram:1002", "hello")
    return world.contact(alice.contact_id), world.contact(bob.contact_id)


async def _own(world: World, scope: SessionScope) -> list[Memory]:
    async with world.door.enter(scope) as rows:
        return await list_memories(rows)


async def test_what_is_kept_in_one_scope_changes_nothing_in_another(world: World) -> None:
    alice, bob = await _two(world)
    first = await _keep(world, alice, "lives in the green house", topic_key="home")
    same = [
        await _keep(world, scope, text, topic_key=key)
        for scope in (bob, world.owner)
        for text, key in (("lives in the blue house", "home"),
                          ("Lives in the green house!", None),
                          ("really lives in a red house", None))
    ]  # fmt: skip
    red = await _keep(world, alice, "lives in the red house")
    assert len({memory.id for memory in [first, red, *same]}) == 8
    assert {memory.version for memory in [first, red, *same]} == {1}
    assert {memory.id for memory in await _own(world, alice)} == {first.id, red.id}
    async with world.door.enter(alice) as rows:
        assert await get_memory_history(rows, first.id) == []


async def test_a_change_or_a_restore_for_a_contact_meets_only_what_is_that_contacts(
    world: World,
) -> None:
    alice, bob = await _two(world)
    kept = await _keep(world, alice, "likes tea", topic_key="drink")
    await _keep(world, bob, "likes coffee")
    made = index(["likes coffee"], None)[0]
    # The owner changes it for her, and sees everybody's.
    async with world.door.enter(world.owner) as rows:
        changed = await update_memory(rows, kept.id, MemoryChange("likes coffee", made))
        await forget(rows, kept.id)
    await _keep(world, bob, "likes tea", topic_key="drink")
    async with world.door.enter(world.owner) as rows:
        back = await restore_memory(rows, kept.id, 1)
    assert (changed.contact_id, back.contact_id) == (alice.contact_id, alice.contact_id)
    assert [memory.content for memory in await _own(world, alice)] == ["likes tea"]


async def test_only_what_expired_long_ago_is_purged_and_it_stays_whose_it_was(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    alice, bob = await _two(world)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    gone = await _keep(world, alice, "likes tea", expires_at=long_ago)
    stays = [
        await _keep(world, alice, "likes milk"),
        await _keep(world, bob, "likes tea", expires_at=datetime.now(UTC) + timedelta(days=1)),
        await _keep(world, world.owner, "likes tea"),
    ]
    async with world.door.enter(WorkScope()) as rows:
        await rows.execute("SELECT gate.purge_expired('30 days', 100)")
    left = {row[0] for row in admin.execute("SELECT id FROM discreet.memories")}
    assert left == {memory.id for memory in stays}
    kept = admin.execute(
        "SELECT memory_id, contact_id, change, expires_at FROM discreet.memory_history"
    ).fetchall()
    assert kept == [(gone.id, alice.contact_id, "expire", long_ago)]
