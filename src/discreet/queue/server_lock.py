"""Whether a server runs on this database: a lock that ends with its process, and a lease, because a
frozen process keeps its lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString
from uuid import uuid4

import structlog
from psycopg import AsyncConnection, Error

from discreet.domain.concurrency import running
from discreet.queue.leases import LEASE
from discreet.scope import ScopedDatabase, WorkScope

log = structlog.get_logger(__name__)

SERVING_LOCK = 0x64697363
"""An advisory lock of this installation's database; held, shared, by each serving process."""

ASKING_LOCK = SERVING_LOCK + 1

CHECK_SECONDS = 1.0
"""How often a serving process makes sure that it still holds the lock, and renews its lease."""

_RENEW: LiteralString = """
INSERT INTO queue.leases (what, holder, leased_until)
VALUES (%(what)s, gen_random_uuid(), clock_timestamp() + %(long)s)
    ON CONFLICT (what) DO UPDATE SET leased_until = excluded.leased_until
"""
# What a process that was killed has left goes too.
_END: LiteralString = """
DELETE FROM queue.leases WHERE what = %(what)s
    OR (starts_with(what, 'serving ') AND leased_until < clock_timestamp() - interval '1 hour')
"""
_ALIVE: LiteralString = """
SELECT EXISTS (SELECT FROM queue.leases
                WHERE starts_with(what, 'serving ') AND leased_until > clock_timestamp())
"""


@asynccontextmanager
async def serving(conninfo: str) -> AsyncIterator[None]:
    """Says, as long as it is open, that this process serves. ``conninfo``: the worker's.

    The lock is lost where the database restarts, and taken again when it is back.

    Raises:
        psycopg.OperationalError: the database can't be reached now.
    """
    lease = {"what": f"serving {uuid4()}", "long": LEASE}
    connection = await _take_lock(conninfo, lease)
    async with running(_keep_lock(conninfo, connection, lease), "serving"):
        yield


async def _take_lock(conninfo: str, lease: Mapping[str, Any]) -> AsyncConnection:
    connection = await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="discreet-serving"
    )
    try:
        await connection.execute("SELECT pg_advisory_lock_shared(%s)", (SERVING_LOCK,))
        await connection.execute(_RENEW, lease)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _keep_lock(conninfo: str, connection: AsyncConnection, lease: Mapping[str, Any]) -> None:
    try:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await connection.execute(_RENEW, lease)
            except Error as error:
                log.warning("the database was lost; waiting for it", error=type(error).__name__)
                await connection.close()
                with suppress(Error):
                    connection = await _take_lock(conninfo, lease)
    finally:
        with suppress(Error):
            await connection.execute(_END, lease)
        await connection.close()


async def is_served(db: ScopedDatabase) -> bool:
    """Return whether a process that serves is connected right now, and lives.

    Its lock can't be had as long as one is. Those who ask do so one after the other, or they would
    take each other for one that serves; so it is given back before the next may ask, and a
    transaction gives its locks back in any order. The view of all locks is closed to this role.
    """
    async with db.begin(WorkScope()) as tx:
        if not await tx.value(_ALIVE):
            return False
        await tx.value("SELECT pg_advisory_xact_lock(%s)::text", (ASKING_LOCK,))
        if not await tx.value("SELECT pg_try_advisory_lock(%s)", (SERVING_LOCK,)):
            return True
        await tx.value("SELECT pg_advisory_unlock(%s)", (SERVING_LOCK,))
        return False
