"""Two contacts, a group and an owner, and two contacts of others, for the tests of pitfalls."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.domain.ids import MemoryId
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index
from discreet.memory.memories import (
    NewMemory,
    list_memories,
    remember,
)
from discreet.scope import ScopedDatabase
from discreet.turn.lease import Lease, acquire
from discreet.turn.toolbox import Toolbox
from tests.support.world import World, make_world, other_owner

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


EMBEDDER = bundled_embedder()


EVERYBODY = ("alice", "bob", "group", "owner", "eve", "otto")


class People:
    """Two contacts, a group and the owner of one agent, and two other contacts.

    One belongs to another agent (Eve) of the same owner, one to another owner (Otto).
    """

    def __init__(self, world: World, scopes: dict[str, Any], worlds: dict[str, World]) -> None:
        self.world, self.scopes, self.worlds = world, scopes, worlds

    @property
    def db(self) -> ScopedDatabase:
        return self.world.db

    async def keep(self, who: str, *texts: str, **more: Any) -> list[MemoryId]:
        made = index(texts, EMBEDDER)
        async with self.db.begin(self.scopes[who]) as tx:
            return [
                (await remember(tx, NewMemory(text, one, **more))).id
                for text, one in zip(texts, made, strict=True)
            ]

    async def kept(self, who: str) -> list[str]:
        async with self.db.begin(self.scopes[who]) as tx:
            return sorted(memory.content for memory in await list_memories(tx, 1000))

    async def tools(self, who: str, embedder: Any = EMBEDDER) -> Toolbox:
        """Return the tools of a running turn."""
        world, scope = self.worlds[who], self.scopes[who]
        sender = {"bob": BOB, "owner": None}.get(who, ALICE)
        said = await world.say(sender, "hello", group=GROUP if who == "group" else None, new=True)
        async with self.db.begin(scope) as tx:
            lease = await acquire(tx, said.session_id)
        assert isinstance(lease, Lease)
        return Toolbox(self.db, scope, said.session_id, lease.turn_id, embedder)


GROUP = "telegram:-100500"


@pytest.fixture
async def people(world: World, admin: Admin) -> People:
    eve = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    worlds = {**dict.fromkeys(("alice", "bob", "group", "owner"), world), "eve": eve, "otto": otto}
    contacts = {
        "alice": (await world.say(ALICE, "hi")).contact_id,
        "bob": (await world.say(BOB, "hi")).contact_id,
        "group": (await world.say(ALICE, "hi", group=GROUP)).contact_id,
        "eve": (await eve.say(ALICE, "hi")).contact_id,
        "otto": (await otto.say(ALICE, "hi")).contact_id,
    }
    scopes = {who: worlds[who].contact(contact) for who, contact in contacts.items()}
    return People(world, {**scopes, "owner": world.owner}, worlds)
