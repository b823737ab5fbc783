from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from discreet.domain.errors import LostRace
from discreet.services import erasing
from discreet.services.lost_races import TRIES, retry_lost_races
from tests.support.waiting import until
from tests.support.world import World


async def test_an_erasure_that_loses_a_deadlock_is_done_again(
    world: World, admin: psycopg.Connection, tmp_path: Path
) -> None:
    said = await world.say("telegram:1001", "hello")
    other = psycopg.connect(admin.info.dsn, password=admin.info.password)
    with other:
        # The transaction that detects the deadlock is aborted: the erasure, which checks first.
        other.execute("SET deadlock_timeout = '60s'")
        other.execute("SELECT FROM discreet.sessions WHERE id = %s FOR UPDATE", (said.session_id,))
        erased = asyncio.create_task(
            erasing.erase_contact(world.db, world.owner_id, "telegram:1001", tmp_path)
        )
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        await until(lambda: admin.execute(waits).fetchone() == (1,), "the erasure behind it")
        await asyncio.to_thread(
            other.execute,
            "SELECT FROM discreet.contacts WHERE id = %s FOR KEY SHARE",
            (said.contact_id,),
        )
    assert (await erased).erasure.counts["contacts"] == 1


async def test_what_loses_each_time_says_so() -> None:
    tries = []

    async def work() -> None:
        tries.append(1)
        raise LostRace("It was changed at the same time.")

    with pytest.raises(LostRace):
        await retry_lost_races(work)
    assert len(tries) == TRIES
