"""Whether somebody serves this database: a lock that ends with the process that holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from discreet.scope import Door, WorkScope

SERVING_LOCK = 0x64697363
"""An advisory lock of this installation's database; held, shared, by each serving process."""

ASKING_LOCK = SERVING_LOCK + 1


@asynccontextmanager
async def serving(conninfo: str) -> AsyncIterator[None]:
    """Says, as long as it is open, that this process serves. ``conninfo``: the worker's."""
    connection = await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="discreet-serving"
    )
    async with connection:
        await connection.execute("SELECT pg_advisory_lock_shared(%s)", (SERVING_LOCK,))
        yield


async def is_served(door: Door) -> bool:
    """Whether a serving process is connected right now.

    Its lock can't be had as long as one is. Those who ask do so one after the other, or they would
    take each other for one that serves. The view of all locks is closed to this role.
    """
    async with door.enter(WorkScope()) as rows:
        await rows.value("SELECT pg_advisory_xact_lock(%s)::text", (ASKING_LOCK,))
        return not await rows.value("SELECT pg_try_advisory_xact_lock(%s)", (SERVING_LOCK,))
