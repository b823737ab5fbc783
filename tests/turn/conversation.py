"""Conversations with the offline responder, through the real intake, lease, tools and answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

from discreet.domain.ids import SessionId
from discreet.memory.embedders import open_embedder
from discreet.memory.embedding import Embedder
from discreet.postgres.server import Database
from discreet.scope import OwnerScope
from discreet.settings import Settings
from discreet.turn.context import TurnContext
from discreet.turn.offline import respond
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.result import TurnResult
from discreet.turn.run import run_turn
from discreet.turn.think import OnText, Tools
from discreet.turn.turns import Responder, Turns
from tests.support.world import World, make_world, open_scoped


async def offline(context: TurnContext, _: Prompt, toolbox: Tools, __: OnText) -> TurnResult:
    return await respond(context, toolbox)


@cache
def _embedder() -> Embedder:
    return open_embedder(Settings())


@dataclass
class Talk:
    """A world that returns the answer to each message."""

    world: World
    responder: Responder = offline

    async def say(
        self, sender: str | None, text: str, *, group: str | None = None, name: str = ""
    ) -> str:
        said = await self.world.say(sender, text, group=group, name=name)
        turns = Turns(self.world.db, _embedder(), self.responder, 3, Budget())
        await run_turn(turns, said.session_id)
        return await self.last_answer(said.session_id)

    async def last_answer(self, session_id: SessionId) -> str:
        async with self.world.db.begin(OwnerScope(self.world.owner_id)) as tx:
            text = await tx.value(
                "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
                " ORDER BY position DESC LIMIT 1",
                (session_id,),
            )
        assert isinstance(text, str)
        return text


@asynccontextmanager
async def talk(
    database: Database, *, responder: Responder = offline, memory_model: str = "per_contact"
) -> AsyncIterator[Talk]:
    async with open_scoped(database) as db:
        yield Talk(await make_world(db, memory_model=memory_model), responder)
