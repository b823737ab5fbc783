"""A pooled connection keeps nothing from one user for the next."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.pool import open_pool
from discreet.postgres.server import Database
from discreet.scope import WorkScope
from tests.support.waiting import until
from tests.support.world import make_world, open_scoped

LEFT_BEHIND = {
    "a cursor with hold": (
        "BEGIN; DECLARE kept CURSOR WITH HOLD FOR SELECT 'mango'; COMMIT",
        "SELECT name FROM pg_cursors",
    ),
    "a setting of the session": (
        "SET discreet.ticket = 'mango'",
        "SELECT current_setting('discreet.ticket', true) WHERE"
        " current_setting('discreet.ticket', true) <> ''",
    ),
    "a search path": (
        "SET search_path = pg_temp, mango",
        "SELECT current_setting('search_path') WHERE current_setting('search_path') LIKE '%mango%'",
    ),
    "a channel": ("LISTEN mango", "SELECT pg_listening_channels()"),
    "a statement prepared in SQL": (
        "PREPARE kept AS SELECT 'mango'",
        "SELECT name FROM pg_prepared_statements WHERE from_sql",
    ),
    "row security off": (
        "SET row_security = off",
        "SELECT 'off' WHERE current_setting('row_security') = 'off'",
    ),
    "a time limit": (
        "SET statement_timeout = 0",
        "SELECT 'none' WHERE current_setting('statement_timeout') <> '1min'",
    ),
    "a transaction": ("BEGIN", "SELECT 'open' WHERE now() <> statement_timestamp()"),
    "read only": (
        "SET default_transaction_read_only = on",
        "SELECT 'on' WHERE current_setting('transaction_read_only') = 'on'",
    ),
}

NOT_DURABLE = "SELECT 'off' WHERE current_setting('synchronous_commit') = 'off'"


@pytest.mark.parametrize("role", ["discreet_contact", "discreet_worker"])
@pytest.mark.parametrize("what", LEFT_BEHIND)
async def test_a_connection_comes_back_without(what: str, role: str, database: Database) -> None:
    leave, look = LEFT_BEHIND[what]
    async with open_pool(database.conninfo(role), 1, 1) as pool:
        async with pool.connection() as conn:
            await conn.execute(leave)
        async with pool.connection() as conn:
            assert await (await conn.execute(look)).fetchall() == []


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("what", sorted(set(LEFT_BEHIND) - {"a cursor with hold", "a transaction"}))
async def test_a_committed_transaction_leaves_no(
    what: str, durable: bool, database: Database
) -> None:
    leave, look = LEFT_BEHIND[what]
    async with open_pool(database.conninfo("discreet_contact"), 1, 1) as pool:
        async with pool.connection() as conn:
            await conn.execute("BEGIN")
            await conn.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT 'mango'")
            await conn.execute(leave)
            await conn.commit_clean(durable=durable)
            kept = await (await conn.execute("SELECT name FROM pg_cursors")).fetchall()
            kept += await (await conn.execute(NOT_DURABLE)).fetchall()
            if what != "a statement prepared in SQL":  # the pool closes its connection
                kept += await (await conn.execute(look)).fetchall()
        async with pool.connection() as conn:
            kept += await (await conn.execute(look)).fetchall()
    assert kept == []


@pytest.mark.parametrize("what", sorted(set(LEFT_BEHIND) - {"a cursor with hold", "a transaction"}))
async def test_a_pipeline_that_cleans_leaves_no(what: str, database: Database) -> None:
    leave, look = LEFT_BEHIND[what]
    async with open_pool(database.conninfo("discreet_contact"), 1, 1) as pool:
        async with pool.connection() as conn:
            async with conn.cleaned_pipeline():
                await conn.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT 'mango'")
                await conn.execute(leave)
            kept = await (await conn.execute("SELECT name FROM pg_cursors")).fetchall()
            if what != "a statement prepared in SQL":  # its connection is closed
                kept += await (await conn.execute(look)).fetchall()
            await conn.clean_now()
        async with pool.connection() as conn:
            kept += await (await conn.execute(look)).fetchall()
    assert kept == []


async def test_the_lock_of_a_pipeline_that_cleans_is_given_back_even_if_it_fails(
    database: Database,
) -> None:
    conninfo = database.conninfo("discreet_worker")
    async with (
        open_pool(conninfo, 1, 1) as pool,
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as other,
    ):

        async def is_free() -> bool:
            taken = await other.execute("SELECT pg_try_advisory_xact_lock(7)")
            return await taken.fetchone() == (True,)

        async with pool.connection() as conn:
            async with conn.cleaned_pipeline():
                await conn.execute("SELECT pg_advisory_lock(7)")
            assert await is_free()
            with suppress(psycopg.errors.DivisionByZero):
                async with conn.cleaned_pipeline():
                    await conn.execute("SELECT pg_advisory_lock(7)")
                    await conn.execute("SELECT 1/0")
            assert not await is_free()
            await conn.clean_now()
            assert await is_free()


async def test_advisory_locks_are_given_back(database: Database) -> None:
    async with open_pool(database.conninfo("discreet_worker"), 1, 1) as pool:
        async with pool.connection() as conn:
            await conn.execute("SELECT pg_advisory_lock(7), pg_advisory_lock(7)")
        async with await psycopg.AsyncConnection.connect(
            database.conninfo("discreet_worker")
        ) as other:
            taken = await (await other.execute("SELECT pg_try_advisory_lock(7)")).fetchone()
    assert taken == (True,)


async def test_statements_that_the_driver_prepared_stay_usable(database: Database) -> None:
    async with open_pool(database.conninfo("discreet_contact"), 1, 1) as pool:
        backends = set()
        for number in range(8):
            async with pool.connection() as conn:
                backends.add(conn.info.backend_pid)
                row = await (
                    await conn.execute("SELECT %s::int + 1", [number], prepare=True)
                ).fetchone()
                assert row == (number + 1,)
        async with pool.connection() as conn:
            kept = await (
                await conn.execute("SELECT count(*) FROM pg_prepared_statements")
            ).fetchone()
    assert kept == (1,)
    assert len(backends) == 1


async def test_a_connection_that_cannot_be_cleaned_is_not_used_again(database: Database) -> None:
    async with open_pool(database.conninfo("discreet_contact"), 1, 1) as pool:
        async with pool.connection() as conn:
            dirty = conn.info.backend_pid
            await conn.execute("PREPARE kept AS SELECT 1")
        async with pool.connection() as conn:
            assert conn.info.backend_pid != dirty


async def test_a_connection_is_clean_after_an_error_and_after_a_cancel(database: Database) -> None:
    async with open_pool(database.conninfo("discreet_contact"), 1, 1) as pool:

        async def fail_inside() -> None:
            async with pool.connection() as conn, conn.transaction():
                await conn.execute("SELECT set_config('discreet.ticket', 'mango', false)")
                await conn.execute("SELECT pg_sleep(600)")

        cancelled = asyncio.create_task(fail_inside())
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        with suppress(psycopg.errors.DivisionByZero):
            async with pool.connection() as conn:
                await conn.execute("SET discreet.ticket = 'mango'")
                await conn.execute("SELECT 1/0")
        async with pool.connection() as conn:
            row = await (
                await conn.execute("SELECT coalesce(current_setting('discreet.ticket', true), '')")
            ).fetchone()
    assert row == ("",)


async def test_a_session_that_hangs_between_two_messages_keeps_no_lock(database: Database) -> None:
    # Within a pipeline, PostgreSQL waits for the next message, and the session isn't idle.
    lock = "SELECT pg_advisory_xact_lock(4711)"
    conninfo = database.conninfo("discreet_owner")
    with psycopg.connect(conninfo, autocommit=True) as hung, psycopg.connect(conninfo) as other:
        assert hung.execute("SHOW transaction_timeout").fetchone() == ("2min",)
        hung.execute("SET transaction_timeout = '300ms'")
        hung.execute("SET idle_in_transaction_session_timeout = '1ms'")
        with suppress(psycopg.Error), hung.pipeline():
            hung.execute("BEGIN")
            hung.execute(lock).fetchone()
            other.execute(lock)
        assert hung.broken


async def test_a_snapshot_may_take_as_long_as_it_needs(database: Database) -> None:
    async with open_scoped(database) as db:
        owner = (await make_world(db)).owner
        async with db.snapshot(owner) as tx:
            assert await tx.value("SHOW transaction_timeout") == "0"
        async with db.begin(owner) as tx:
            assert await tx.value("SHOW transaction_timeout") == "2min"


async def test_who_hung_in_a_transaction_for_too_long_is_told_to_try_again(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    async def hang(limit: LiteralString) -> None:
        async with db.begin(WorkScope()) as tx:
            pid = await tx.value("SELECT pg_backend_pid()")
            await tx.execute(f"SET LOCAL {limit} = 0")
            await tx.execute(f"SET LOCAL {limit} = '10ms'")
            there = "SELECT FROM pg_stat_activity WHERE pid = %s"
            await until(lambda: not admin.execute(there, (pid,)).fetchall())
            await tx.value("SELECT 1")

    async with open_scoped(database) as db:
        for limit in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            with pytest.raises(Unavailable):
                await hang(limit)
