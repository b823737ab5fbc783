"""The first turns after a start: all at once, each answered at its first attempt."""

from __future__ import annotations

import asyncio

import pytest

from discreet.schemas.agents import AgentChange
from discreet.services.agents import change_agent
from tests.journeys.conftest import Installation, answer_of
from tests.support.openai_server import Say, openai_server
from tests.support.turns import rows_of
from tests.support.waiting import until
from tests.support.world import World

SENDERS = 8


@pytest.fixture
def installation(installation: Installation) -> Installation:
    """Return an installation whose processes import lazily, which is what could fail here."""
    installation.imports_anew = True
    return installation


async def states(world: World) -> list[str]:
    found = await rows_of(world, "SELECT state FROM discreet.turns WHERE state <> 'running'")
    return [row["state"] for row in found]


async def test_the_first_turns_of_a_server_are_all_answered_at_once(
    installation: Installation, world: World
) -> None:
    for number in range(SENDERS):
        await world.say(f"telegram:{number}", "hello")
    with openai_server(Say("Good day.")) as script:
        installation.settings |= {
            "DISCREET_MODEL": "scripted",
            "DISCREET_MODEL_BASE_URL": script.base_url,
        }
        installation.start("serve")

        async def all_ended() -> list[str]:
            ended = await states(world)
            return ended if len(ended) >= SENDERS else []

        assert await until(all_ended) == ["answered"] * SENDERS


async def test_the_first_turns_of_an_agent_that_got_its_model_while_it_served_are_answered_at_once(
    installation: Installation, world: World
) -> None:
    with openai_server(Say("Good day.")) as script:
        installation.settings["DISCREET_MODEL_BASE_URL"] = script.base_url
        await asyncio.to_thread(installation.serve)
        change = AgentChange(model="scripted")
        await change_agent(world.db, world.owner_id, "Ada", change)
        for number in range(SENDERS):
            await world.say(f"telegram:{number}", "hello")

        async def all_ended() -> list[str]:
            ended = await states(world)
            return ended if len(ended) >= SENDERS else []

        assert await until(all_ended) == ["answered"] * SENDERS
        assert len(script.requests) == SENDERS


async def test_the_first_turn_of_a_terminal_that_works_itself_is_answered_at_once(
    installation: Installation, world: World
) -> None:
    for number in range(SENDERS):
        await world.say(f"telegram:{number}", "hello")
    with openai_server(Say("Good day.")) as script:
        installation.settings |= {
            "DISCREET_MODEL": "scripted",
            "DISCREET_MODEL_BASE_URL": script.base_url,
        }
        chat = installation.chat("telegram:99", "hello")
        assert "Good day." in await asyncio.to_thread(answer_of, chat)
    assert set(await states(world)) == {"answered"}
