from __future__ import annotations

import asyncio

import pytest

from discreet.auth.mcp_sessions import InMemoryBinding, start_session
from discreet.auth.scopes import bearer_of_owner
from discreet.domain.errors import Conflict
from discreet.scope import ContactScope
from tests.support.world import World

ALICE, BOB = "telegram:1001", "telegram:1002"


async def test_the_connection_of_a_process_is_one_partys_for_good(world: World) -> None:
    bearer, process = bearer_of_owner(world.owner_id), InMemoryBinding()
    await start_session(world.db, process.connection(bearer), sender=ALICE)
    bound = process.connection(bearer).scope
    assert isinstance(bound, ContactScope)
    with pytest.raises(Conflict):
        await start_session(world.db, process.connection(bearer), sender=BOB)
    await start_session(world.db, process.connection(bearer), contact_id=bound.contact_id)
    assert process.connection(bearer).scope == bound


async def test_of_two_that_bind_a_process_at_once_one_is_refused(world: World) -> None:
    bearer, process = bearer_of_owner(world.owner_id), InMemoryBinding()
    unbound = process.connection(bearer)
    begun = await asyncio.gather(
        *(start_session(world.db, unbound, sender=who) for who in (ALICE, BOB)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in begun) == ["Conflict", "McpConnection"]
    [won] = [one for one in begun if not isinstance(one, BaseException)]
    assert process.connection(bearer).scope == won.scope
