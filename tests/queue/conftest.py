from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.postgres.server import Database
from discreet.scope import Door
from tests.support.world import World, make_world, open_door


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    async with open_door(database) as door:
        yield door


@pytest.fixture
async def world(door: Door) -> World:
    return await make_world(door)
