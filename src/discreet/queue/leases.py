"""Leases: tasks that only one process may do at a time, held for some seconds and renewed.

A lock that ends with its connection isn't enough: a frozen process (stopped, swapped out, on a
suspended machine) keeps its connections. Time is measured by the database. A process that wakes up
checks before its next step whether it still holds the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import LiteralString
from uuid import uuid4

from psycopg import AsyncConnection, Error

from discreet.domain.concurrency import relying_on
from discreet.domain.errors import Unavailable

LEASE = timedelta(seconds=8)
"""A lease that isn't renewed for this long can be taken by any process."""
RENEW_SECONDS = 2.0
RETRY_SECONDS = 2.0
"""Seconds between two attempts to get a lease that another process holds."""

_TAKE: LiteralString = """
INSERT INTO queue.leases AS held (what, holder, leased_until)
VALUES (%(what)s, %(holder)s, clock_timestamp() + %(long)s)
    ON CONFLICT (what) DO UPDATE
   SET holder = excluded.holder, leased_until = excluded.leased_until
 WHERE held.leased_until < clock_timestamp()
RETURNING true
"""
_RENEW: LiteralString = """
UPDATE queue.leases SET leased_until = clock_timestamp() + %(long)s
 WHERE what = %(what)s AND holder = %(holder)s RETURNING true
"""
_RELEASE: LiteralString = "DELETE FROM queue.leases WHERE what = %(what)s AND holder = %(holder)s"


class LeaderLockLost(Unavailable):
    """Another process may hold the lease by now."""


@asynccontextmanager
async def leader_lock(conninfo: str, what: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Wait until no other process does ``what``, then hold its lease until the block ends.

    Yield a function that raises if the lease is lost: call it before each step. Soon after a loss,
    the block is aborted as well. ``conninfo``: the worker's.

    Raises:
        LeaseLost: another process may hold the lease by now.
        psycopg.Error: the database can't be reached.
    """
    async with await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="discreet-lease"
    ) as connection:
        lease = _Lease(connection, what)
        await lease.take()
        try:
            async with relying_on(lease.keep(), f"lease: {what}"):
                yield lease.renew
        finally:
            await lease.release()


class _Lease:
    def __init__(self, connection: AsyncConnection, what: str) -> None:
        self._connection = connection
        self._named = {"what": what, "holder": uuid4(), "long": LEASE}

    async def take(self) -> None:
        while not await self._says(_TAKE):  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(RETRY_SECONDS)

    async def renew(self) -> None:
        if not await self._says(_RENEW):
            raise LeaderLockLost("Another process took over.", hint="This process will try again.")

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self.renew()

    async def release(self) -> None:
        try:
            await self._connection.execute(_RELEASE, self._named)
        except Error:
            return  # it expires by itself

    async def _says(self, sql: LiteralString) -> bool:
        cursor = await self._connection.execute(sql, self._named)
        return await cursor.fetchone() is not None
