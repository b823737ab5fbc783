"""Two people and the owner of one agent, for storing and recalling memories."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index
from discreet.memory.memories import Memory, NewMemory, remember
from discreet.memory.recall import Filters, Hit, Mode, prepare, recall
from discreet.postgres.server import Database
from discreet.scope import ContactScope, ScopedDatabase
from discreet.scope.scopes import SessionScope
from tests.support.world import World, make_world, open_scoped


@dataclass
class People:
    world: World
    alice: ContactScope
    bob: ContactScope
    embedder: Any = field(default_factory=bundled_embedder)

    @property
    def db(self) -> ScopedDatabase:
        return self.world.db

    async def keep(self, scope: SessionScope, *texts: str, **details: Any) -> list[Memory]:
        indexed = index(texts, self.embedder)
        async with self.db.begin(scope) as tx:
            return [
                await remember(tx, NewMemory(text, made, **details))
                for text, made in zip(texts, indexed, strict=True)
            ]

    async def ask(
        self,
        scope: SessionScope,
        question: str,
        *,
        mode: Mode = "hybrid",
        limit: int = 10,
        filters: Filters | None = None,
    ) -> list[Hit]:
        query = prepare(question, self.embedder)
        async with self.db.begin(scope) as tx:
            return await recall(tx, query, mode=mode, limit=limit, filters=filters or Filters())


def texts(found: Sequence[Hit]) -> list[str]:
    return [hit.content for hit in found]


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def people(db: ScopedDatabase) -> People:
    world = await make_world(db)
    alice = await world.say("telegram:1", "hi", name="Alice")
    bob = await world.say("telegram:2", "hi", name="Bob")
    return People(world, world.contact(alice.contact_id), world.contact(bob.contact_id))
