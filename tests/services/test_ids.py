"""Ids as people type them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services.ids import find_id
from tests.support.world import World, make_world, open_scoped, other_owner


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


async def test_six_characters_find_an_id_of_this_owner_and_of_no_other(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say("telegram:1001", "hello")
    other = await other_owner(world, admin)
    foreign = (await other.say("telegram:1001", "hello")).session_id
    own = said.session_id
    for typed in (str(own), str(own)[:6], f" {str(own)[:10].upper()}", own.hex):
        assert await find_id(world.db, world.owner_id, "session", typed) == own
    typed = str(foreign)[:20]
    with pytest.raises(NotFound, match=typed.replace("-", "")):
        await find_id(world.db, world.owner_id, "session", typed)
    for typed in ("", "abcde", "bob", "%%%%%%", "______"):
        with pytest.raises(BadInput, match="first six characters"):
            await find_id(world.db, world.owner_id, "session", typed)
    [one, two] = [f"abcdef{n}0-0000-4000-8000-000000000000" for n in (1, 2)]
    for made in (one, two):
        admin.execute(
            "INSERT INTO discreet.contacts (id, owner_id, type, name)"
            " VALUES (%s, %s, 'personal', 'Eve')",
            (made, world.owner_id),
        )
    with pytest.raises(BadInput, match=f"{one}, {two}"):
        await find_id(world.db, world.owner_id, "contact", "abcdef")
