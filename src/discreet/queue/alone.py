"""What only one process of all may do: held by a lock that ends with the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

RETRY_SECONDS = 2.0


@asynccontextmanager
async def alone(conninfo: str, what: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Waits until no other process does ``what``, then holds on to it until the block ends.

    Gives a function that raises (``psycopg.Error``) where the hold was lost with the connection:
    call it before each step. ``conninfo``: the worker's.
    """
    connection = await AsyncConnection.connect(
        conninfo, autocommit=True, application_name="discreet-alone"
    )
    async with connection:
        while True:
            cursor = await connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"discreet: {what}",)
            )
            row = await cursor.fetchone()
            if row is not None and row[0]:
                break
            await asyncio.sleep(RETRY_SECONDS)

        async def still() -> None:
            await connection.execute("SELECT 1")

        yield still
