"""The door. No scope, no rows; no rows, no row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, LiteralString

from psycopg import errors
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from discreet.domain.errors import ScopeError, Unavailable
from discreet.postgres.pool import Pool
from discreet.scope.rows import Rows
from discreet.scope.scopes import Role, Scope, role_of
from discreet.scope.tickets import ticket_for


class Door:
    """Opens scopes. Keeps one small pool for each login role, opened when first needed.

    ``open_pool`` opens the pool of a role, whose connections come back clean; ``key`` is the
    32-byte ticket key.
    """

    def __init__(
        self, open_pool: Callable[[Role], AbstractAsyncContextManager[Pool]], key: bytes
    ) -> None:
        self._open_pool = open_pool
        self._key = key
        self._pools: dict[Role, Pool] = {}
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def enter(self, scope: Scope) -> AsyncIterator[Rows]:
        """One transaction in a scope; it commits when the block ends and rolls back if it raises.

        Keep it short: no model, embedding or network call inside.

        Raises:
            ScopeError: the scope lacks an id, or the database doesn't know its ticket.
            Unavailable: no connection could be had in time.
        """
        ticket = ticket_for(scope, self._key)
        pool = await self._pool(role_of(scope))
        try:
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(
                    "SELECT set_config('discreet.ticket', %s, true)", (ticket,)
                )
                rows = Rows(connection, scope)
                try:
                    yield rows
                finally:
                    rows.close()
        except PoolTimeout as error:
            raise Unavailable(
                "The database gave no connection in time.", hint="Is it running? Try again."
            ) from error
        except errors.InsufficientPrivilege as error:
            raise ScopeError("The database refused this scope.") from error

    async def call(
        self, scope: Scope, sql: LiteralString, params: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """One statement that is its own transaction; ``%(ticket)s`` is filled in. Its first row.

        For functions of the gate that take the ticket as an argument: one round trip and one commit.
        Raises what the database raises (``psycopg.Error``): the caller knows its error codes.

        Raises:
            ScopeError: the scope lacks an id.
            Unavailable: no connection could be had in time.
        """
        values = {**params, "ticket": ticket_for(scope, self._key)}
        pool = await self._pool(role_of(scope))
        try:
            async with pool.connection() as connection:
                cursor = connection.cursor(row_factory=dict_row)
                await cursor.execute(sql, values)
                return await cursor.fetchone()
        except PoolTimeout as error:
            raise Unavailable(
                "The database gave no connection in time.", hint="Is it running? Try again."
            ) from error

    async def close(self) -> None:
        """Closes every pool; scopes that are open are waited for."""
        self._pools.clear()
        await self._open.aclose()

    async def _pool(self, role: Role) -> Pool:
        pool = self._pools.get(role)
        if pool is not None:
            return pool
        async with self._opening:
            if role not in self._pools:
                self._pools[role] = await self._open.enter_async_context(self._open_pool(role))
            return self._pools[role]
