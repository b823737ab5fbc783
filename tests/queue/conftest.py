from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from tests.support.world import World, make_world, open_scoped

Admin = psycopg.Connection[Any]


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


@pytest.fixture
def queue(admin: Admin) -> Admin:
    """Return an admin's connection to the queue's schema."""
    admin.execute("SET search_path TO queue")
    return admin
