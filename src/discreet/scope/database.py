"""Open transactions in a scope. No scope, no transaction; no transaction, no row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, LiteralString

from psycopg import Error, errors
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from discreet.domain.errors import ScopeError, Unavailable
from discreet.postgres.database_errors import is_lost, outage_of
from discreet.postgres.outages import why_unreachable
from discreet.postgres.pool import Pool, PooledConnection, open_intake_pool, open_pool
from discreet.scope.scopes import IntakeScope, Role, RowScope, WorkScope, ids_of, role_of
from discreet.scope.tickets import ticket_for
from discreet.scope.transaction import First, Transaction

DEFAULT_SIZE = 4
"""Maximum connections per role that one process holds."""
OPEN: LiteralString = "SELECT gate.open_scope(%s)"
OPEN_TO_READ: LiteralString = (
    "SELECT gate.open_scope(%s), pg_catalog.set_config('transaction_read_only', 'on', true)"
)
NOTHING_RAN = (errors.InsufficientPrivilege, errors.InvalidSqlStatementName)
"""The ticket was refused, or the statement is no longer prepared."""
FIRST_WAIT_SECONDS = 3.0
"""Seconds to wait for a connection before asking the server whether it has any left."""


class ScopedDatabase:
    """Opens transactions in a scope. Keeps one small pool per login role, opened on first use.

    ``conninfo`` maps a role to its connection string, ``key`` is the 32-byte ticket key, and
    ``sizes`` is the pool size per role (default ``DEFAULT_SIZE``).
    """

    def __init__(
        self, conninfo: Callable[[str], str], key: bytes, sizes: Mapping[Role, int] | None = None
    ) -> None:
        self._conninfo = conninfo
        self._key = key
        self._sizes = sizes or {}
        self._pools: dict[Role, Pool] = {}
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def begin(self, scope: RowScope, *, durable: bool = True) -> AsyncIterator[Transaction]:
        """Open a transaction in a scope; commit at the end of the block, roll back if it raises.

        Keep it short: no model, embedding or network call inside. ``durable`` false: don't wait for
        the disk. A crash of the database within the next second may then undo it as a whole, so it
        is for what is done again in that case, such as taking a lease.

        Raises:
            ScopeError: the scope lacks an id, or the database rejected its ticket.
            Unavailable: no connection was available in time, the connection was lost, or the
                database's disk is full.
        """
        async with self._transaction(scope, durable=durable) as tx:
            yield tx

    @asynccontextmanager
    async def snapshot(self, scope: RowScope) -> AsyncIterator[Transaction]:
        """Open a read-only transaction in which every statement sees the same snapshot.

        It may take as long as it needs: it locks no rows.
        """
        settled = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        unlimited = "SET LOCAL transaction_timeout = 0"
        async with self._transaction(scope, settled, unlimited) as tx:
            yield tx

    @asynccontextmanager
    async def read(self, scope: RowScope) -> AsyncIterator[Transaction]:
        """Read in a scope: every call is a read-only transaction of its own, in one round trip.

        Each brings its ticket.

        Raises: as ``begin``.
        """
        async with self._transaction(scope, reads_only=True) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self,
        scope: RowScope,
        *before_all: LiteralString,
        durable: bool = True,
        reads_only: bool = False,
    ) -> AsyncIterator[Transaction]:
        ids_of(scope)  # before a connection is taken
        pool = await self._pool(role_of(scope))
        try:
            async with self._connection(pool, role_of(scope)) as connection:
                tx = Transaction(
                    connection,
                    scope,
                    partial(self._begin, connection, scope, None if reads_only else before_all),
                    reads_only=reads_only,
                )
                try:
                    yield tx
                    if not reads_only:
                        await tx.begin()  # if nothing was run, the ticket is still checked
                finally:
                    tx.close()
                # If anything above raises, the pool rolls back and cleans before the next use.
                if reads_only:
                    await connection.clean_now()
                else:
                    await connection.commit_clean(durable=durable)
        except Error as error:
            ours = await _translated(pool, error)
            if ours is None:
                raise
            raise ours from error

    async def _begin(
        self,
        connection: PooledConnection,
        scope: RowScope,
        before_all: Sequence[LiteralString] | None,
        first: First | None,
    ) -> None:
        """Begin a transaction with its ticket, and send its first statement along.

        ``before_all`` None: the first statement is all of it, and may only read.

        The database rejects a ticket whose time is wrong, which happens after its clock was set or
        this machine was suspended. In that case, read the database's clock and try once more. Try
        again too if an earlier statement on the connection removed what the driver had prepared.
        """
        try:
            await self._try_to_begin(connection, scope, before_all, first)
        except NOTHING_RAN:
            await connection.meet_again()
            await self._try_to_begin(connection, scope, before_all, first)

    async def _try_to_begin(
        self,
        connection: PooledConnection,
        scope: RowScope,
        before_all: Sequence[LiteralString] | None,
        first: First | None,
    ) -> None:
        ticket = ticket_for(scope, self._key, connection.pid, connection.now())
        try:
            if before_all is None:  # PostgreSQL ends the transaction with the pipeline
                async with connection.cleaned_pipeline():
                    cursor = await connection.execute(OPEN_TO_READ, (ticket,))
                    if first is not None:
                        await first()
            else:
                async with connection.pipeline():  # one round trip
                    await connection.execute("BEGIN")
                    for statement in before_all:
                        await connection.execute(statement)
                    cursor = await connection.execute(OPEN, (ticket,))
                    if first is not None:
                        await first()
        except errors.PipelineAborted as aborted:
            # What was sent after the statement that failed.
            if isinstance(aborted.__context__, Error):
                raise aborted.__context__ from None
            raise
        for clock, *_ in await cursor.fetchall():
            connection.set_clock(clock)

    async def ask(
        self, scope: WorkScope, sql: LiteralString, params: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Run one call of the gate as its own transaction and return its first row, or None.

        ``%(ticket)s`` is filled in; the function takes it as an argument. One round trip, where
        ``begin`` takes two. A single call leaves nothing on its connection.

        Raises: as ``begin``.
        """
        pool = await self._pool(role_of(scope))
        try:
            async with self._connection(pool, role_of(scope)) as connection:
                try:
                    rows = await self._call(connection, scope, sql, params)
                except NOTHING_RAN:  # as in _begin
                    await connection.meet_again()
                    rows = await self._call(connection, scope, sql, params)
                connection.keep_clean()
        except Error as error:
            ours = await _translated(pool, error)
            if ours is None:
                raise
            raise ours from error
        return rows[0] if rows else None

    async def call(
        self, scope: IntakeScope, sql: LiteralString, params: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Run one statement as ``call_all`` does and return its first row, or None."""
        rows = await self.call_all(scope, sql, params)
        return rows[0] if rows else None

    async def call_all(
        self, scope: IntakeScope, sql: LiteralString, params: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Run one statement as its own transaction and return its rows.

        ``%(ticket)s`` is filled in. For intake, which has no right on any table: it calls gate
        functions that take the ticket as an argument, in one round trip and one commit.

        Raises:
            ScopeError: the scope lacks an id.
            Unavailable: no connection was available in time, or the disk is full.
            psycopg.Error: any other database error; the caller knows its error codes.
        """
        ids_of(scope)  # before a connection is taken
        pool = await self._pool(role_of(scope))
        try:
            async with self._connection(pool, role_of(scope)) as connection:
                try:
                    return await self._call(connection, scope, sql, params)
                except NOTHING_RAN:  # as in _begin
                    await connection.meet_again()
                    return await self._call(connection, scope, sql, params)
        except Error as error:
            if (outage := outage_of(error)) is not None:
                raise outage from error
            if is_lost(error):
                await pool.check()
            raise

    @asynccontextmanager
    async def _connection(self, pool: Pool, role: Role) -> AsyncIterator[PooledConnection]:
        """Yield a connection of the pool. If none is free for a while, ask the server why.

        Raises:
            Unavailable: no connection was available in time.
        """
        async with AsyncExitStack() as stack:
            try:
                taken = await stack.enter_async_context(pool.connection(FIRST_WAIT_SECONDS))
            except PoolTimeout:
                why = await asyncio.to_thread(why_unreachable, self._conninfo(role))
                if why is not None:
                    raise why from None
                try:
                    taken = await stack.enter_async_context(pool.connection())
                except PoolTimeout:
                    raise Unavailable(
                        "Every connection of this process is in use.", hint="Try again."
                    ) from None
            yield taken

    async def _call(
        self,
        connection: PooledConnection,
        scope: IntakeScope | WorkScope,
        sql: LiteralString,
        params: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        ticket = ticket_for(scope, self._key, connection.pid, connection.now())
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(sql, {**params, "ticket": ticket})
        return await cursor.fetchall()

    async def close(self) -> None:
        """Close every pool, after waiting for open transactions."""
        self._pools.clear()
        await self._open.aclose()

    async def _pool(self, role: Role) -> Pool:
        pool = self._pools.get(role)
        if pool is not None:
            return pool
        async with self._opening:
            if role not in self._pools:
                self._pools[role] = await self._open.enter_async_context(self._new_pool(role))
            return self._pools[role]

    def _new_pool(self, role: Role) -> AbstractAsyncContextManager[Pool]:
        size = self._sizes.get(role, DEFAULT_SIZE)
        if role == "discreet_intake":
            return open_intake_pool(self._conninfo(role), 1, size)
        return open_pool(self._conninfo(role), 1, size)


async def _translated(pool: Pool, error: Error) -> BaseException | None:
    """Return the caller's version of a database error; None: raise the error itself."""
    if isinstance(error, errors.InsufficientPrivilege):
        return ScopeError("The database refused this scope.")
    if (outage := outage_of(error)) is not None:
        return outage
    if not is_lost(error):
        return None
    # If one connection is lost, the others most likely are too.
    await pool.check()
    if (task := asyncio.current_task()) is not None and task.cancelling():
        return asyncio.CancelledError()  # which the error replaced
    return Unavailable("The database connection was lost.", hint="Try again.")
