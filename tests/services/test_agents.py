from __future__ import annotations

import asyncio

import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.queue.job_scope import scope_of_session
from discreet.schemas.agents import AgentChange
from discreet.scope import SharedScope
from discreet.services.agents import (
    change_agent,
    create_agent,
    get_agent,
    list_agents,
    rename_agent,
)
from discreet.services.seed import make_example_agent
from tests.support.world import World


async def test_setting_one_thing_leaves_the_others_as_they_were(world: World) -> None:
    change = AgentChange(role="a florist", instructions="Sell flowers.", model="openai:gpt-5")
    await change_agent(world.db, world.owner_id, "Ada", change)
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(role="a baker"))
    agent = await get_agent(world.db, world.owner_id, "Ada")
    assert (agent.role, agent.instructions, agent.model, agent.memory_model) == (
        "a baker",
        "Sell flowers.",
        "openai:gpt-5",
        "per_contact",
    )


async def test_setting_one_agent_leaves_the_others_as_they_were(world: World) -> None:
    bea = await create_agent(world.db, world.owner_id, "Bea", AgentChange(role="a baker"))
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(role="a florist"))
    assert await get_agent(world.db, world.owner_id, "Bea") == bea


async def test_an_empty_model_means_the_default_of_the_installation(world: World) -> None:
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(model="openai:gpt-5"))
    agent = await change_agent(world.db, world.owner_id, "Ada", AgentChange(model=""))
    assert agent.model is None


async def test_a_second_agent_of_the_same_name_is_refused(world: World) -> None:
    with pytest.raises(Conflict, match="named 'Ada'"):
        await create_agent(world.db, world.owner_id, "Ada")


async def test_an_unknown_agent_is_answered_with_the_names_that_there_are(world: World) -> None:
    with pytest.raises(NotFound, match="'Ada'"):
        await get_agent(world.db, world.owner_id, "Bob")


@pytest.mark.parametrize(
    "name", ["", "  ", " Ada", "Ada\n", "Ada\x1b[31m", "A\u202eda", "A\0da", "x" * 101]
)
async def test_a_name_that_could_deceive_is_refused(world: World, name: str) -> None:
    with pytest.raises(BadInput):
        await create_agent(world.db, world.owner_id, name)
    assert len(await list_agents(world.db, world.owner_id)) == 1


@pytest.mark.parametrize("text", ["a\0b", "a\udcffb", "x" * 100_001])
async def test_instructions_that_are_not_text_are_refused(world: World, text: str) -> None:
    with pytest.raises(BadInput, match="instructions"):
        await change_agent(world.db, world.owner_id, "Ada", AgentChange(instructions=text))


async def test_an_agent_without_the_owners_rows_may_become_shared(world: World) -> None:
    await world.say("telegram:1001", "hello")
    agent = await change_agent(world.db, world.owner_id, "Ada", AgentChange(memory_model="shared"))
    assert agent.memory_model == "shared"


MAY_READ = (
    "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
    " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    " AND has_column_privilege(attrelid, attnum, 'SELECT')"
)


async def test_an_agent_that_becomes_shared_shows_nothing_that_was_the_owners_own(
    world: World,
) -> None:
    await world.say(None, "my secret")
    async with world.db.begin(world.owner) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('secret'), ('older')")
        await tx.execute("DELETE FROM discreet.memories WHERE content = 'older'")
    shared = AgentChange(memory_model="shared")
    await change_agent(world.db, world.owner_id, "Ada", shared)
    accepted = await world.say("telegram:1001", "hello all")
    async with world.db.begin(SharedScope(world.owner_id, world.agent_id)) as tx:
        seen = []
        for table in SCOPED:
            columns = await tx.value(MAY_READ, (f"discreet.{table}",))
            assert columns
            seen.append(await tx.fetch(f"SELECT {columns} FROM discreet.{table}"))
    assert "secret" not in str(seen)
    assert "older" not in str(seen)
    assert [row["text"] for row in seen[0]] == ["hello all"]
    assert accepted.contact_id is None


async def test_a_shared_session_stays_shared_when_the_agent_stops_sharing(
    world: World,
) -> None:
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(memory_model="shared"))
    waiting = await world.say("telegram:1001", "what does the owner keep?")
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(memory_model="per_contact"))
    own = await world.say(None, "mine")
    assert own.session_id != waiting.session_id
    assert await scope_of_session(world.db, waiting.session_id) == SharedScope(
        world.owner_id, world.agent_id
    )
    assert await scope_of_session(world.db, own.session_id) == world.owner


SCOPED = ("messages", "sessions", "routes", "memories", "memory_history", "turns", "outbox")


async def test_the_example_agent_is_made_once_however_many_ask(world: World) -> None:
    async with world.db.begin(world.owner) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.agents") == 1
    await asyncio.gather(*(make_example_agent(world.db, world.owner_id) for _ in range(4)))
    assert len(await list_agents(world.db, world.owner_id)) == 1


async def test_an_agent_keeps_what_it_has_under_another_name(world: World) -> None:
    await create_agent(world.db, world.owner_id, "Bea")
    renamed = await rename_agent(world.db, world.owner_id, "Ada", "Clara")
    assert (renamed.id, renamed.name) == (world.agent_id, "Clara")
    with pytest.raises(Conflict):
        await rename_agent(world.db, world.owner_id, "Clara", "Bea")
    with pytest.raises(BadInput):
        await rename_agent(world.db, world.owner_id, "Clara", " ")
