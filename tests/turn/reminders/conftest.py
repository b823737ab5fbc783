from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import channels
from tests.support.platform import Platform, make_platform
from tests.support.world import open_scoped


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    platform = await make_platform(db, admission="open")
    await channels.set_debounce(db, platform.world.owner_id, platform.channel_id, 0)
    return platform
