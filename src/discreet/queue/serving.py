"""Whether somebody serves this database: a lock that ends with the process that holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from discreet.scope import Door, WorkScope

SERVING_LOCK = 0x64697363
"""An advisory lock of this installation's database; held, shared, by each serving process."""


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
    """Whether a serving process is connected right now."""
    async with door.enter(WorkScope()) as rows:
        return bool(
            await rows.value(
                "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks"
                " WHERE locktype = 'advisory' AND objid = %s AND granted AND database ="
                " (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))",
                (SERVING_LOCK,),
            )
        )
