from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from tests.support.world import World, make_world, open_scoped


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)
