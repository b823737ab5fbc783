"""Conversations with the offline responder, through the real intake, lease, tools and answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from discreet.domain.ids import SessionId
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.scope import OwnerScope
from discreet.turn.offline import respond
from discreet.turn.plan import Budget, Prompt
from discreet.turn.run import Mind, Turns, run_turn
from discreet.turn.situation import Situation
from discreet.turn.think import OnText, Tools
from discreet.turn.thought import Thought
from tests.support.world import World, make_world, open_door


async def offline(situation: Situation, _: Prompt, toolbox: Tools, on_text: OnText) -> Thought:
    return await respond(situation, toolbox, on_text)


@dataclass
class Talk:
    """A world in which whoever says something gets the answer back."""

    world: World
    mind: Mind = offline

    async def say(
        self, sender: str | None, text: str, *, group: str | None = None, name: str = ""
    ) -> str:
        said = await self.world.say(sender, text, group=group, name=name)
        turns = Turns(self.world.door, bundled_embedder(), self.mind, 3, Budget())
        await run_turn(turns, said.session_id)
        return await self.last_answer(said.session_id)

    async def last_answer(self, session_id: SessionId) -> str:
        async with self.world.door.enter(OwnerScope(self.world.owner_id)) as rows:
            text = await rows.value(
                "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
                " ORDER BY position DESC LIMIT 1",
                (session_id,),
            )
        assert isinstance(text, str)
        return text


@asynccontextmanager
async def talk(
    database: Database, *, mind: Mind = offline, memory_model: str = "per_contact"
) -> AsyncIterator[Talk]:
    async with open_door(database) as door:
        yield Talk(await make_world(door, memory_model=memory_model), mind)
