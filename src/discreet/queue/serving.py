"""Whether somebody serves this database: a lock that ends with the process that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from psycopg import AsyncConnection, Error

from discreet.domain.concurrency import running
from discreet.scope import Door, WorkScope

log = structlog.get_logger(__name__)

SERVING_LOCK = 0x64697363
"""An advisory lock of this installation's database; held, shared, by each serving process."""

ASKING_LOCK = SERVING_LOCK + 1

CHECK_SECONDS = 1.0
"""How often a serving process makes sure that it still holds the lock."""


@asynccontextmanager
async def serving(conninfo: str) -> AsyncIterator[None]:
    """Says, as long as it is open, that this process serves. ``conninfo``: the worker's.

    The lock is lost where the database restarts, and taken again when it is back.

    Raises:
        psycopg.OperationalError: the database can't be reached now.
    """
    connection = await _take_lock(conninfo)
    async with running(_keep_lock(conninfo, connection), "serving"):
        yield


async def _take_lock(conninfo: str) -> AsyncConnection:
    connection = await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="discreet-serving"
    )
    try:
        await connection.execute("SELECT pg_advisory_lock_shared(%s)", (SERVING_LOCK,))
    except BaseException:
        await connection.close()
        raise
    return connection


async def _keep_lock(conninfo: str, connection: AsyncConnection) -> None:
    try:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await connection.execute("SELECT 1")
            except Error as error:
                log.warning("the database was lost; waiting for it", error=type(error).__name__)
                await connection.close()
                with suppress(Error):
                    connection = await _take_lock(conninfo)
    finally:
        await connection.close()


async def is_served(door: Door) -> bool:
    """Whether a serving process is connected right now.

    Its lock can't be had as long as one is. Those who ask do so one after the other, or they would
    take each other for one that serves; so it is given back before the next may ask, and a
    transaction gives its locks back in any order. The view of all locks is closed to this role.
    """
    async with door.enter(WorkScope()) as rows:
        await rows.value("SELECT pg_advisory_xact_lock(%s)::text", (ASKING_LOCK,))
        if not await rows.value("SELECT pg_try_advisory_lock(%s)", (SERVING_LOCK,)):
            return True
        await rows.value("SELECT pg_advisory_unlock(%s)", (SERVING_LOCK,))
        return False
