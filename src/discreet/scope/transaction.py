"""A transaction: one scope's access to rows, until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

from psycopg import AsyncConnection, Error
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row

from discreet.domain.errors import ScopeError
from discreet.postgres.database_errors import refusal_of
from discreet.scope.scopes import Scope

Params = Mapping[str, Any] | Sequence[Any]
First = Callable[[], Awaitable[object]]
"""Sends the first statements of a transaction."""
Begin = Callable[[First | None], Awaitable[None]]
"""Begins a transaction with its ticket, and sends the first statements in the same round trip."""


class Transaction:
    """Run parameterised statements within the open transaction of one scope.

    It begins with the first statement, which saves a round trip. If it ``reads_only``, every call
    is a transaction of its own.

    Every method raises:
        ScopeError: the transaction has ended, or the scope may not do this.
        LimitReached: the scope has the maximum number of memories.
        Conflict: the row already exists, was changed concurrently, or a gate function reports that
            the operation isn't possible in the current state.
        NotFound: a referenced row doesn't exist in this scope.
        BadInput: a text can't be stored, or a gate function can't resolve something.
    """

    __slots__ = ("_begin", "_connection", "_is_pipelined", "_reads_only", "scope")

    def __init__(
        self,
        connection: AsyncConnection[Any],
        scope: Scope,
        begin: Begin,
        *,
        reads_only: bool = False,
    ) -> None:
        self._connection: AsyncConnection[Any] | None = connection
        self._begin: Begin | None = begin
        self._is_pipelined = False
        self._reads_only = reads_only
        self.scope = scope

    async def begin(self, first: First | None = None) -> None:
        """Begin the transaction, unless that is done, and send the first statements with it."""
        connection, begin = self._open(), self._begin
        if begin is None:
            if first is not None:
                await first()
            return
        if not self._reads_only:
            self._begin = None
        try:
            await begin(first)
        except BaseException:
            # Outside of a transaction, no statement may run.
            if connection.info.transaction_status == TransactionStatus.IDLE:
                self.close()
            raise

    async def fetch(self, sql: LiteralString, params: Params = ()) -> list[dict[str, Any]]:
        """Return all rows, as dictionaries by column name."""
        async with self._reading().cursor(row_factory=dict_row) as cursor:
            await self._run(cursor, sql, params)
            return await cursor.fetchall()

    async def fetch_tuples(
        self, sql: LiteralString, params: Params = (), *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return all rows as tuples. ``binary`` asks for binary results (vectors, many rows)."""
        async with self._reading().cursor(row_factory=tuple_row, binary=binary) as cursor:
            await self._run(cursor, sql, params)
            return await cursor.fetchall()

    async def fetch_one(self, sql: LiteralString, params: Params = ()) -> dict[str, Any] | None:
        """Return the first row, or None."""
        async with self._reading().cursor(row_factory=dict_row) as cursor:
            await self._run(cursor, sql, params)
            return await cursor.fetchone()

    async def value(self, sql: LiteralString, params: Params = ()) -> Any:
        """Return the first column of the first row, or None."""
        async with self._reading().cursor(row_factory=tuple_row) as cursor:
            await self._run(cursor, sql, params)
            row = await cursor.fetchone()
            return None if row is None else row[0]

    async def execute(self, sql: LiteralString, params: Params = ()) -> int:
        """Run a statement and return the number of rows it changed."""
        async with self._open().cursor(row_factory=tuple_row) as cursor:
            await self._run(cursor, sql, params)
            return cursor.rowcount

    async def fetch_each(
        self, *queries: tuple[LiteralString, Params]
    ) -> list[list[dict[str, Any]]]:
        """Run several queries in one round trip and return the rows of each.

        Each sees what was committed before it ran, as if they had been sent one by one. If they
        come first, the transaction begins in the same round trip.
        """
        cursors = [self._reading().cursor(row_factory=dict_row) for _ in queries]

        async def send() -> None:
            for cursor, (sql, params) in zip(cursors, queries, strict=True):
                await cursor.execute(sql, params)

        if self._begin is None:
            async with self.pipelined():
                await send()
        else:
            await self._send(send)
        return [await cursor.fetchall() for cursor in cursors]

    @asynccontextmanager
    async def pipelined(self) -> AsyncIterator[None]:
        """Send the statements of the block without waiting for the results of each.

        An error of any of them is raised at the end of the block at the latest. ``execute`` can't
        return how many rows it changed, and nothing can be read within the block: a process that
        hung while it waited there would keep its locks, because the database's limit for idle
        transactions doesn't count before the end of a pipeline.
        """
        if self._reads_only:
            raise RuntimeError("Only a transaction can be pipelined; use fetch_each to read.")
        await self.begin()
        try:
            async with self._open().pipeline():
                self._is_pipelined = True
                try:
                    yield
                finally:
                    self._is_pipelined = False
        except Error as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error

    def close(self) -> None:
        """End the use of this transaction: every later method call raises ScopeError."""
        self._connection = None

    def _open(self) -> AsyncConnection[Any]:
        if self._connection is None:
            raise ScopeError("This transaction has ended; begin another.")
        return self._connection

    def _reading(self) -> AsyncConnection[Any]:
        if self._is_pipelined:
            raise RuntimeError("Nothing can be read within a pipeline; read after it.")
        return self._open()

    async def _run(self, cursor: Any, sql: LiteralString, params: Params) -> None:
        await self._send(lambda: cursor.execute(sql, params))

    async def _send(self, statements: First) -> None:
        try:
            await self.begin(statements)
        except (Error, UnicodeEncodeError) as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
