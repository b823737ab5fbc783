from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from discreet.postgres.server import Database
from discreet.queue import server_lock as serving_module
from discreet.queue.server_lock import is_served, serving
from discreet.scope import ScopedDatabase
from tests.support.waiting import until
from tests.support.world import open_scoped


async def test_it_is_served_as_long_as_somebody_serves(
    database: Database, db: ScopedDatabase
) -> None:
    conninfo = database.conninfo("discreet_worker")
    assert not await is_served(db)
    async with serving(conninfo):
        assert await is_served(db)
        async with serving(conninfo):
            assert await is_served(db)
        assert await is_served(db)
    await until(lambda: is_not_served(db))


async def is_not_served(db: ScopedDatabase) -> bool:
    return not await is_served(db)


async def test_who_asks_at_the_same_moment_takes_nobody_who_asks_for_one_who_serves(
    database: Database, db: ScopedDatabase
) -> None:
    async with open_scoped(database) as other:
        answers = await asyncio.gather(*(is_served(one) for one in (db, other) for _ in range(8)))
    assert not any(answers)


async def test_a_server_whose_connection_was_lost_serves_again(
    database: Database,
    db: ScopedDatabase,
    admin: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_module, "CHECK_SECONDS", 0.3)
    async with serving(database.conninfo("discreet_worker")):
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'discreet-serving' AND datname = current_database()"
        )
        await until(lambda: is_not_served(db))
        await until(lambda: is_served(db))
    await until(lambda: is_not_served(db))
