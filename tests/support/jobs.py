"""Jobs in the queue, and workers that do them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from discreet.domain.ids import SessionId
from discreet.postgres.server import Database
from discreet.queue.worker import Slots, Work, work
from tests.support.turns import rows_of
from tests.support.world import World

Admin = psycopg.Connection[Any]


async def jobs(queue: Admin) -> list[tuple[str, str]]:
    found = queue.execute("SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id")
    return [(row[0], row[1]) for row in found]


async def answered(world: World, session_id: SessionId) -> list[str]:
    found = await rows_of(
        world,
        "SELECT m.text FROM discreet.messages m JOIN discreet.outbox o ON o.message_id = m.id"
        " WHERE m.session_id = %s AND o.state = 'sent' ORDER BY m.position",
        session_id,
    )
    return [row["text"] for row in found]


@asynccontextmanager
async def running(database: Database, world: World, what: Work) -> AsyncIterator[None]:
    async with work(database.conninfo("discreet_worker"), world.db, what, Slots(4)):
        yield
