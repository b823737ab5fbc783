"""A worker survives a lost database, and ends when it is told to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from discreet.domain.ids import SessionId
from discreet.intake.accept import quarantine
from discreet.postgres.server import Database
from discreet.queue.worker import Slots, Work, work
from tests.support.jobs import answered, jobs, running
from tests.support.responders import Held
from tests.support.turns import answers_of, turns_of, work_of, working
from tests.support.waiting import patience, until
from tests.support.world import World, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


async def test_a_worker_goes_on_after_the_database_dropped_every_connection(
    database: Database, world: World, queue: Admin
) -> None:
    held = Held()
    async with working(database, world.db, turns_of(world.db, held)):
        said = await world.say(ALICE, "hello")
        await until(held.has_begun)
        assert drop_all(queue) > 3
        held.free.set()

        async def no_error(session_id: SessionId) -> list[str]:
            try:
                return await answered(world, session_id)
            except Exception:
                return []

        assert await until(lambda: no_error(said.session_id)) == ["re: hello"]
        later = await world.say(BOB, "and me?")
        await until(lambda: no_error(later.session_id))


async def test_a_worker_ends_although_an_error_takes_the_place_of_its_cancellation(
    database: Database, world: World, queue: Admin
) -> None:
    sweeping = asyncio.Event()

    async def breaks_when_cancelled() -> None:
        sweeping.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise psycopg.OperationalError("the connection is closed") from None

    await quarantine(world.db, world.owner_id, world.channel_id, "due", {}, "no sender")
    queue.execute("UPDATE discreet.quarantine SET next_try_at = now()")
    what = replace(work_of(world.db, turns_of(world.db)), release_quarantined=breaks_when_cancelled)
    async with patience(), running(database, world, what):
        await sweeping.wait()


async def test_a_worker_ends_although_its_sweep_loses_a_cancellation(
    database: Database, world: World, queue: Admin
) -> None:
    sweeping = asyncio.Event()

    async def loses_a_cancellation() -> None:
        # Like asyncio.wait_for on Python 3.11 if its result arrives at the same moment.
        sweeping.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    await quarantine(world.db, world.owner_id, world.channel_id, "due", {}, "no sender")
    queue.execute("UPDATE discreet.quarantine SET next_try_at = now()")
    what = replace(work_of(world.db, turns_of(world.db)), release_quarantined=loses_a_cancellation)
    async with patience(), running(database, world, what):
        await sweeping.wait()


@pytest.mark.parametrize("when", range(3))
async def test_a_worker_ends_when_it_is_told_to_also_where_the_database_has_just_gone(
    database: Database, world: World, queue: Admin, when: int
) -> None:
    async with patience(), working(database, world.db, turns_of(world.db)):
        for _ in range(when):
            said = await world.say(ALICE, f"{when}")
        if when:
            await until(lambda: answered(world, said.session_id))
        drop_all(queue)


def drop_all(queue: Admin) -> int:
    """End every other connection to this database and return how many there were."""
    row = queue.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row
    return int(row[0])


async def test_a_worker_that_stops_finishes_what_it_began_and_leaves_the_rest(
    database: Database, world: World, queue: Admin
) -> None:
    held = Held()
    work = working(database, world.db, turns_of(world.db, held), slots=Slots(turns=1))
    await work.__aenter__()
    first = await world.say(ALICE, "hello")
    await until(held.has_begun)
    second = await world.say(BOB, "hello")
    stopping = asyncio.create_task(work.__aexit__(None, None, None))
    await asyncio.sleep(0)
    held.free.set()
    await stopping
    assert await answers_of(world, first.session_id) == ["re: hello"]
    assert await answers_of(world, second.session_id) == []
    assert ("run_turn", "todo") in await jobs(queue)
    assert not [job for job in await jobs(queue) if job[1] == "doing"]


async def test_a_worker_that_is_stopped_as_it_starts_stops(database: Database) -> None:
    async def nothing(*_: object) -> None: ...

    for _ in range(20):
        async with patience(), open_scoped(database) as db:
            conninfo = database.conninfo("discreet_worker")
            async with work(conninfo, db, Work(nothing, nothing, nothing, ("terminal",)), Slots(1)):
                await asyncio.sleep(0)
