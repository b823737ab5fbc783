"""Connection pools of login roles. Each connection is cleaned before it is reused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

__all__ = ["Pool", "PooledConnection", "open_intake_pool", "open_pool"]


class PooledConnection(AsyncConnection[Any]):
    """A connection that knows which backend serves it and what the database's clock says.

    Both are asked of the database: behind a pooler libpq knows the number of another process.

    Attributes:
        pid: the backend's process id, as ``pg_backend_pid()`` gives it.
    """

    pid: int
    _ahead: float

    def now(self) -> float:
        """Return the database's clock, in seconds since 1970."""
        return time.monotonic() + self._ahead

    def set_clock(self, seconds: float) -> None:
        """Note what the database's clock says at this moment, in seconds since 1970."""
        self._ahead = seconds - time.monotonic()

    async def meet(self) -> None:
        """Ask for the backend and its clock, once for each connection."""
        cursor = await self.execute(MEET, prepare=False)
        for self.pid, clock in await cursor.fetchall():
            self.set_clock(clock)


Pool = AsyncConnectionPool[PooledConnection]

MEET = (
    "SELECT pg_catalog.pg_backend_pid(),"
    " extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.float8"
)

WAIT_SECONDS = 30.0
MAX_IDLE_SECONDS = 300.0
RECONNECT_SECONDS = 5.0
"""How long the pool tries by itself, less and less often. Then whoever needs a connection tries."""

# One round trip. RESET ALL comes back to the settings of the role. DISCARD ALL would also drop what
# psycopg has prepared and believes in.
CLEAN = (
    "RESET ALL; CLOSE ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(),"
    " EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)"
)


def open_pool(conninfo: str, min_size: int, max_size: int) -> AbstractAsyncContextManager[Pool]:
    """Return a pool of autocommit connections, each cleaned when it comes back; at its end all are
    closed.

    Raises:
        psycopg_pool.PoolTimeout: no connection could be made in ``WAIT_SECONDS``.
    """
    return _open(conninfo, min_size, max_size, _clean)


def open_intake_pool(
    conninfo: str, min_size: int, max_size: int
) -> AbstractAsyncContextManager[Pool]:
    """Return a pool for the intake role, whose connections run nothing but single calls of the
    gate.

    Each call is its own transaction with its own ticket and the role has no right on any table,
    so a connection holds nothing that had to be cleaned; that cleaning would halve the throughput.

    Raises:
        psycopg_pool.PoolTimeout: no connection could be made in ``WAIT_SECONDS``.
    """
    return _open(conninfo, min_size, max_size, None)


@asynccontextmanager
async def _open(
    conninfo: str,
    min_size: int,
    max_size: int,
    reset: Callable[[PooledConnection], Awaitable[None]] | None,
) -> AsyncIterator[Pool]:
    pool: Pool = AsyncConnectionPool(
        make_conninfo(conninfo, application_name="discreet"),
        connection_class=PooledConnection,
        kwargs={"autocommit": True},
        configure=PooledConnection.meet,
        min_size=min_size,
        max_size=max_size,
        open=False,
        reset=reset,
        check=None,
        timeout=WAIT_SECONDS,
        max_idle=MAX_IDLE_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        name="discreet",
    )
    async with pool:
        yield pool


async def _clean(conn: PooledConnection) -> None:
    """Leave nothing of a session behind: settings, held cursors, channels, advisory locks, and
    statements prepared in SQL. The pool throws a connection away where this fails."""
    cursor = await conn.execute(CLEAN, prepare=False)
    await cursor.set_result(-1)
    if (await cursor.fetchone() or (None, True))[1]:
        await conn.close()
