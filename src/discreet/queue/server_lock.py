"""Whether a server runs on this database: an advisory lock and a lease.

The lock ends with its process; the lease is needed because a frozen process keeps its lock.
"""

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
"""An advisory lock of this installation's database; each serving process holds it, shared."""

ASKING_LOCK = SERVING_LOCK + 1

CHECK_SECONDS = 3.0
"""Seconds between two checks that a serving process still holds the lock; also renews its lease."""

_RENEW: LiteralString = """
INSERT INTO queue.leases (what, holder, leased_until)
VALUES (%(what)s, gen_random_uuid(), clock_timestamp() + %(long)s)
    ON CONFLICT (what) DO UPDATE SET leased_until = excluded.leased_until
"""
# Also removes what a killed process left.
_END: LiteralString = """
DELETE FROM queue.leases WHERE what = %(what)s
    OR (starts_with(what, 'serving ') AND leased_until < clock_timestamp() - interval '1 hour')
"""
_ALIVE: LiteralString = """
SELECT EXISTS (SELECT FROM queue.leases
                WHERE starts_with(what, 'serving ') AND leased_until > clock_timestamp())
"""
_COUNT: LiteralString = """
SELECT count(*) FROM queue.leases
 WHERE starts_with(what, 'serving ') AND leased_until > clock_timestamp()
"""


@asynccontextmanager
async def serving(conninfo: str) -> AsyncIterator[None]:
    """Announce, while the context is open, that this process serves. ``conninfo``: the worker's.

    The lock is lost when the database restarts, and taken again when it is back.

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


async def count_serving(db: ScopedDatabase) -> int:
    """Return how many serving processes are alive, by their leases; a killed one counts on."""
    async with db.begin(WorkScope()) as tx:
        return int(await tx.value(_COUNT))


async def is_served(db: ScopedDatabase) -> bool:
    """Return whether a serving process is connected and alive now.

    While one is, its lock can't be taken. Concurrent callers take turns, or they would mistake each
    other for a server; so the lock is released before the next may check, because a transaction
    releases its locks in any order. This role can't read the view of all locks.
    """
    async with db.begin(WorkScope()) as tx:
        if not await tx.value(_ALIVE):
            return False
        await tx.value("SELECT pg_advisory_xact_lock(%s)::text", (ASKING_LOCK,))
        if not await tx.value("SELECT pg_try_advisory_lock(%s)", (SERVING_LOCK,)):
            return True
        await tx.value("SELECT pg_advisory_unlock(%s)", (SERVING_LOCK,))
        return False
