"""Agents that are deleted, and what becomes of their contacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import AgentId
from discreet.intake.terminal_message import TerminalMessage
from discreet.memory.embedding import bundled_embedder
from discreet.schemas.agents import AgentChange, AgentDeleted, AgentToDelete
from discreet.schemas.memories import Remember
from discreet.scope import ContactScope
from discreet.services.agents import change_agent, create_agent, list_agents
from discreet.services.context import in_scope
from discreet.services.deleting_agents import delete_agent
from discreet.services.memories import remember
from discreet.services.messages import send_message
from discreet.turn.prompt import Budget
from discreet.turn.run import run_turn
from discreet.turn.turns import Turns
from tests.support.platform import Platform, with_telegram
from tests.support.responders import echo
from tests.support.world import World

ALICE, BOB = "telegram:1001", "telegram:1002"
OF_AGENTS = (
    "sessions", "routes", "turns", "messages", "outbox", "memories", "memory_history", "channels",
    "admissions", "passages", "tokens",
)  # fmt: skip


async def delete(world: World, tmp_path: Path, contacts: str, **more: Any) -> AgentDeleted:
    request = AgentToDelete.model_validate({"contacts": contacts, **more})
    return await delete_agent(world.db, world.owner_id, world.agent_id, request, tmp_path)


async def told(world: World, who: str, agent_id: AgentId, text: str, topic: str = "") -> UUID:
    """Let a contact have an answered line and a memory with an agent; return the contact."""
    said = await (await platform_of(world)).accepted(who, f"remember {text}")
    await run_turn(Turns(world.db, bundled_embedder(), echo, 1, Budget()), said.session_id)
    assert said.contact_id is not None
    scope = ContactScope(world.owner_id, agent_id, said.contact_id)
    given = Remember.model_validate({"content": text, "topic_key": topic or None})
    await remember(in_scope(world.db, scope, bundled_embedder, "api"), given)
    return said.contact_id


_platforms: dict[UUID, Platform] = {}


async def platform_of(world: World) -> Platform:
    if world.owner_id not in _platforms:
        _platforms[world.owner_id] = await with_telegram(world, "open")
    return _platforms[world.owner_id]


def left(admin: psycopg.Connection[Any], agent_id: UUID) -> dict[str, int]:
    """Return how many rows of an agent each table still has, without those that have none."""
    found = {}
    for table in OF_AGENTS:
        row = admin.execute(
            f"SELECT count(*) FROM discreet.{table} WHERE agent_id = %s", (agent_id,)
        ).fetchone()
        assert row is not None
        if row[0]:
            found[table] = row[0]
    return found


async def test_a_preview_counts_and_nothing_is_gone(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    await create_agent(world.db, world.owner_id, "Bea")
    await told(world, ALICE, world.agent_id, "tea")
    before = left(admin, world.agent_id)
    counted = await delete(world, tmp_path, "erase", preview=True)
    assert counted.receipt is None
    assert (counted.counts["contacts"], counted.counts["memories"]) == (1, 1)
    assert left(admin, world.agent_id) == before
    done = await delete(world, tmp_path, "erase")
    assert done.receipt is not None
    assert done.counts == counted.counts


@pytest.mark.parametrize(("fate", "stays"), [("keep", {ALICE, BOB}), ("erase", {BOB})])
async def test_contacts_stay_or_go_and_what_they_said_to_the_agent_goes(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path, fate: str, stays: set[str]
) -> None:
    bea = await create_agent(world.db, world.owner_id, "Bea")
    await told(world, ALICE, world.agent_id, "tea")
    bob = await told(world, BOB, world.agent_id, "rain")
    scope = ContactScope(world.owner_id, bea.id, bob)  # type: ignore[arg-type]
    given = Remember(content="snow")
    await remember(in_scope(world.db, scope, bundled_embedder, "api"), given)
    await delete(world, tmp_path, fate)
    assert left(admin, world.agent_id) == {}
    assert [agent.name for agent in await list_agents(world.db, world.owner_id)] == ["Bea"]
    found = admin.execute(
        "SELECT platform || ':' || platform_id FROM discreet.addresses WHERE contact_id IS NOT NULL"
    ).fetchall()
    assert {row[0] for row in found} == stays
    kept = admin.execute("SELECT content FROM discreet.memories").fetchall()
    assert [row[0] for row in kept] == ["snow"]


async def test_another_agent_goes_on_where_it_gets_the_contacts(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    bea = await create_agent(world.db, world.owner_id, "Bea")
    platform = await platform_of(world)
    alice = await told(world, ALICE, world.agent_id, "I live in Graz", "home")
    hers = ContactScope(world.owner_id, bea.id, alice)  # type: ignore[arg-type]
    given = Remember(content="I live in Oslo", topic_key="home")
    await remember(in_scope(world.db, hers, bundled_embedder, "api"), given)
    waiting = await platform.accepted(BOB, "hello?")
    done = await delete(world, tmp_path, "move", to_agent_id=bea.id)
    assert done.counts["moved_sessions"] == 2
    assert left(admin, world.agent_id) == {}
    turns = Turns(world.db, bundled_embedder(), echo, 1, Budget())
    await run_turn(turns, waiting.session_id)
    assert (await platform.sent(BOB))[-1] == "re: hello?"
    again = await platform.accepted(ALICE, "hi again")
    assert again.contact_id == alice
    async with world.db.begin(hers) as tx:
        kept = await tx.fetch("SELECT content, topic_key FROM discreet.memories ORDER BY content")
        assert await tx.value("SELECT agent_id FROM discreet.sessions LIMIT 1") == bea.id
    assert [tuple(row.values()) for row in kept] == [
        ("I live in Graz", None),
        ("I live in Oslo", "home"),
    ]
    # The terminal of the other agent is the one that answers.
    typed = await send_message(world.db, world.owner_id, TerminalMessage(text="hi", agent="Bea"))
    await run_turn(turns, typed.session_id)


async def test_an_agent_that_cannot_go_is_refused_and_nothing_changes(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="only agent"):
        await delete(world, tmp_path, "keep")
    bea = await create_agent(world.db, world.owner_id, "Bea")
    for more, error in (
        ({}, BadInput),
        ({"to_agent_id": world.agent_id}, Conflict),
        ({"to_agent_id": world.owner_id}, NotFound),
    ):
        with pytest.raises(error):
            await delete(world, tmp_path, "move", **more)
    await change_agent(world.db, world.owner_id, "Bea", AgentChange(memory_model="shared"))
    with pytest.raises(Conflict, match="one memory for everybody"):
        await delete(world, tmp_path, "move", to_agent_id=bea.id)
    assert left(admin, world.agent_id) == {"channels": 1}


@pytest.mark.parametrize("fate", ["keep", "erase"])
async def test_what_a_contact_on_hold_said_is_moved_but_never_deleted(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path, fate: str
) -> None:
    bea = await create_agent(world.db, world.owner_id, "Bea")
    await told(world, ALICE, world.agent_id, "tea")
    admin.execute("UPDATE discreet.contacts SET on_hold_at = clock_timestamp()")
    before = left(admin, world.agent_id)
    for preview in (True, False):
        with pytest.raises(Conflict, match="on hold"):
            await delete(world, tmp_path, fate, preview=preview)
    assert left(admin, world.agent_id) == before
    await delete(world, tmp_path, "move", to_agent_id=bea.id)
    assert left(admin, bea.id)["memories"] == before["memories"]


async def test_an_agent_of_another_owner_does_not_exist(
    world: World, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    await create_agent(world.db, world.owner_id, "Bea")
    stranger = admin.execute(
        "INSERT INTO discreet.owners (name) VALUES ('other') RETURNING id"
    ).fetchone()
    assert stranger is not None
    with pytest.raises(NotFound):
        await delete_agent(
            world.db, stranger[0], world.agent_id, AgentToDelete(contacts="keep"), tmp_path
        )
    assert len(await list_agents(world.db, world.owner_id)) == 2
