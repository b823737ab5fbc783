from __future__ import annotations

import asyncio

import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.oversight.agents import (
    AgentChange,
    change_agent,
    create_agent,
    get_agent,
    list_agents,
)
from discreet.oversight.first_steps import make_example_agent
from tests.support.world import World


async def test_setting_one_thing_leaves_the_others_as_they_were(world: World) -> None:
    change = AgentChange(role="a florist", instructions="Sell flowers.", model="openai:gpt-5")
    await change_agent(world.door, world.owner_id, "Ada", change)
    await change_agent(world.door, world.owner_id, "Ada", AgentChange(role="a baker"))
    agent = await get_agent(world.door, world.owner_id, "Ada")
    assert (agent.role, agent.instructions, agent.model, agent.memory_model) == (
        "a baker",
        "Sell flowers.",
        "openai:gpt-5",
        "per_contact",
    )


async def test_an_empty_model_means_the_default_of_the_installation(world: World) -> None:
    await change_agent(world.door, world.owner_id, "Ada", AgentChange(model="openai:gpt-5"))
    agent = await change_agent(world.door, world.owner_id, "Ada", AgentChange(model=""))
    assert agent.model is None


async def test_a_second_agent_of_the_same_name_is_refused(world: World) -> None:
    with pytest.raises(Conflict, match="named 'Ada'"):
        await create_agent(world.door, world.owner_id, "Ada")


async def test_an_unknown_agent_is_answered_with_the_names_that_there_are(world: World) -> None:
    with pytest.raises(NotFound, match="'Ada'"):
        await get_agent(world.door, world.owner_id, "Bob")


@pytest.mark.parametrize(
    "name", ["", "  ", " Ada", "Ada\n", "Ada\x1b[31m", "A\u202eda", "A\0da", "x" * 101]
)
async def test_a_name_that_could_deceive_is_refused(world: World, name: str) -> None:
    with pytest.raises(BadInput):
        await create_agent(world.door, world.owner_id, name)
    assert len(await list_agents(world.door, world.owner_id)) == 1


@pytest.mark.parametrize("text", ["a\0b", "a\udcffb", "x" * 100_001])
async def test_instructions_that_are_no_text_are_refused(world: World, text: str) -> None:
    with pytest.raises(BadInput, match="instructions"):
        await change_agent(world.door, world.owner_id, "Ada", AgentChange(instructions=text))


async def test_an_agent_that_holds_nothing_of_the_owners_may_become_shared(world: World) -> None:
    await world.say("telegram:1001", "hello")
    agent = await change_agent(
        world.door, world.owner_id, "Ada", AgentChange(memory_model="shared")
    )
    assert agent.memory_model == "shared"


async def test_the_owners_own_rows_are_not_shared_unless_that_is_meant(world: World) -> None:
    await world.say(None, "my secret")
    shared = AgentChange(memory_model="shared", role="changed")
    with pytest.raises(Conflict, match="--yes"):
        await change_agent(world.door, world.owner_id, "Ada", shared)
    agent = await get_agent(world.door, world.owner_id, "Ada")
    assert (agent.memory_model, agent.role) == ("per_contact", "")
    agent = await change_agent(world.door, world.owner_id, "Ada", shared, reveal_own_rows=True)
    assert agent.memory_model == "shared"


async def test_what_the_owner_forgot_counts_as_the_owners_own_too(world: World) -> None:
    async with world.door.enter(world.owner) as rows:
        await rows.execute("INSERT INTO discreet.memories (content) VALUES ('secret')")
        await rows.execute("DELETE FROM discreet.memories")
    with pytest.raises(Conflict, match="older versions 1"):
        await change_agent(world.door, world.owner_id, "Ada", AgentChange(memory_model="shared"))


async def test_another_agents_owner_rows_do_not_matter(world: World) -> None:
    await world.say(None, "my secret")
    await create_agent(world.door, world.owner_id, "Family")
    agent = await change_agent(
        world.door, world.owner_id, "Family", AgentChange(memory_model="shared")
    )
    assert agent.memory_model == "shared"


async def test_the_example_agent_is_made_once_however_many_ask(world: World) -> None:
    async with world.door.enter(world.owner) as rows:
        assert await rows.value("SELECT count(*) FROM discreet.agents") == 1
    await asyncio.gather(*(make_example_agent(world.door, world.owner_id) for _ in range(4)))
    assert len(await list_agents(world.door, world.owner_id)) == 1
