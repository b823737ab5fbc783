"""A world with two people and an owner, each with data of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from tests.isolation.people import ALICE, BOB, people
from tests.support.world import World, make_world, open_scoped

__all__ = [
    "ALICE",
    "BOB",
    "BOBS_SECRET",
    "OWNERS_SECRET",
    "Neighbours",
    "db",
    "neighbours",
    "people",
    "world",
]

BOBS_SECRET = "bob-keeps-a-heron-in-the-bath"
OWNERS_SECRET = "olga-hides-the-key-under-the-stone"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    # One connection per role: the next scope would find anything left behind on it.
    async with open_scoped(database, size=1) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


@dataclass
class Neighbours:
    world: World
    alice: Accepted
    bob: Accepted
    owner: Accepted


@pytest.fixture
async def neighbours(world: World) -> Neighbours:
    """Store messages of Alice, Bob and the owner; the memories of Bob and the owner are private."""
    alice = await world.say(ALICE, "hello")
    bob = await world.say(BOB, BOBS_SECRET)
    owner = await world.say(None, OWNERS_SECRET)
    for scope, text in (
        (world.contact(alice.contact_id), "alice likes tea"),
        (world.contact(bob.contact_id), BOBS_SECRET),
        (world.owner, OWNERS_SECRET),
    ):
        async with world.db.begin(scope) as tx:
            await tx.execute(
                "INSERT INTO discreet.memories (content, topic_key) VALUES (%s, 'first')", (text,)
            )
            await tx.execute(
                "UPDATE discreet.memories SET topic_key = 'second' WHERE content = %s", (text,)
            )
    return Neighbours(world, alice, bob, owner)
