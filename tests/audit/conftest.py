"""An installation that is audited in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from discreet.audit.fixture import Audited
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.settings import Settings
from tests.support.world import World, make_world, open_scoped


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        world = await make_world(db)
        await world.say("telegram:1001", "A real contact of the installation.", name="Ann")
        yield world


@pytest.fixture
def installation(world: World, database: Database, tmp_path: Path) -> Audited:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Audited(Settings(home=home), database, world.db, world.owner_id, bundled_embedder())
