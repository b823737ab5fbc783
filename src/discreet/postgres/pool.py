"""Connection pools of login roles. Each connection is cleaned before it is reused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, LiteralString

from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

__all__ = ["Pool", "PooledConnection", "open_intake_pool", "open_pool"]


class PooledConnection(AsyncConnection[Any]):
    """A connection that knows its backend and the database's clock.

    Both are queried from the database, because behind a pooler libpq reports another process.

    Attributes:
        pid: the backend's process id, from ``pg_backend_pid()``.
    """

    pid: int
    _ahead: float
    _is_clean = False
    _cleaning: AsyncCursor[Any] | None = None

    def now(self) -> float:
        """Return the database's clock, in seconds since 1970."""
        return time.monotonic() + self._ahead

    def set_clock(self, seconds: float) -> None:
        """Record the database's current clock, in seconds since 1970."""
        self._ahead = seconds - time.monotonic()

    async def meet(self) -> None:
        """Query the backend and its clock, once per connection."""
        cursor = await self.execute(MEET, prepare=False)
        for self.pid, clock in await cursor.fetchall():
            self.set_clock(clock)

    async def meet_again(self) -> None:
        """Start over after a statement that was refused before anything ran.

        The clock may have been set, or somebody's statement has removed those that the driver
        prepared: after a rollback, the driver prepares them again.
        """
        await self.rollback()
        await self.execute("BEGIN", prepare=False)
        await self.rollback()
        await self.meet()

    async def commit_clean(self, *, durable: bool = True) -> None:
        """Commit the transaction and clean the connection for its next user, in one round trip.

        ``durable`` false: don't wait until it is on disk.

        It is cleaned within the transaction, because that saves another one. A transaction in which
        a statement failed is rolled back, and the pool cleans the connection.
        """
        if self.info.transaction_status != TransactionStatus.INTRANS:
            await self.rollback()
            return
        end = "; COMMIT" if durable else "; SET LOCAL synchronous_commit = off; COMMIT"
        cursor = await self.execute(f"{CLEAN_WITHIN}{end}", prepare=False)
        await cursor.set_result(-1 - end.count(";"))
        self._is_clean = not await _has_prepared(cursor)

    def keep_clean(self) -> None:
        """Record that the connection is clean: one call of the gate has run and committed."""
        self._is_clean = True

    @asynccontextmanager
    async def cleaned_pipeline(self) -> AsyncIterator[None]:
        """Run the statements of the block as one transaction that cleans the connection at its end.

        All are sent in one round trip. If one fails, nothing is cleaned.
        """
        self._cleaning = None
        async with self.pipeline():
            yield
            # Not prepared: what ran before may have removed the driver's statements.
            cleaning = await self.execute(CLEAN_WITHIN, prepare=False)
        self._cleaning = cleaning

    async def clean_now(self) -> None:
        """Clean the connection, unless the last thing that ran on it was a ``cleaned_pipeline``."""
        if self._cleaning is None or await _has_prepared(self._cleaning):
            await self.clean()
        self._is_clean = True

    async def clean(self) -> None:
        """Reset settings, held cursors, channels, advisory locks and SQL-level statements.

        A connection that can't be cleaned is closed.
        """
        if not self._is_clean:
            cursor = await self.execute(CLEAN, prepare=False)
            await cursor.set_result(-1)
            if await _has_prepared(cursor):
                await self.close()
        self._is_clean, self._cleaning = False, None


Pool = AsyncConnectionPool[PooledConnection]

MEET = (
    "SELECT pg_catalog.pg_backend_pid(),"
    " extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.float8"
)

WAIT_SECONDS = 30.0
MAX_IDLE_SECONDS = 300.0
RECONNECT_SECONDS = 5.0
"""Seconds for which the pool reconnects by itself, with backoff. After that, each request tries."""

# RESET ALL restores the role's settings. DISCARD ALL would also drop the prepared
# statements that psycopg relies on.
CLEAN = (
    "RESET ALL; CLOSE ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(),"
    " EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)"
)
CLEAN_WITHIN: LiteralString = "SELECT gate.clean_connection()"
"""The same in one statement, for pipelines and commits. The pool itself needs no function."""


def open_pool(conninfo: str, min_size: int, max_size: int) -> AbstractAsyncContextManager[Pool]:
    """Return a pool of autocommit connections, each cleaned when it is returned.

    Raises:
        psycopg_pool.PoolTimeout: no connection could be made in ``WAIT_SECONDS``.
    """
    return _open(conninfo, min_size, max_size, PooledConnection.clean)


def open_intake_pool(
    conninfo: str, min_size: int, max_size: int
) -> AbstractAsyncContextManager[Pool]:
    """Return a pool for the intake role, whose connections run only single calls of the gate.

    Each call is its own transaction with its own ticket, and the role has no right on any table, so
    a connection has no state to clean; cleaning would halve the throughput.

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


async def _has_prepared(cursor: AsyncCursor[Any]) -> bool:
    """Return whether cleaning has found statements prepared in SQL, which it can't remove."""
    return bool((await cursor.fetchone() or (True,))[-1])
