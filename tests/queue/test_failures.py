"""What fails by an error of the program is tried again later and later, and the owner sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.amounts import ago
from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId, SessionId
from discreet.postgres.server import Database
from discreet.queue import failing_jobs as module
from discreet.queue.failing_jobs import Recurring, record_failure
from discreet.queue.worker import Slots, work
from discreet.scope import ScopedDatabase, WorkScope
from discreet.scope.scopes import SessionScope
from discreet.services.attention import find_concerns
from discreet.services.channels import ChannelAccess
from discreet.services.erasing import erase_contact
from discreet.services.status import get_status
from discreet.services.status_turns import FailingJob
from discreet.settings import Settings
from tests.support.turns import turns_of, work_of
from tests.support.waiting import until
from tests.support.world import World, other_owner

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


async def failing(db: ScopedDatabase, owner_id: OwnerId) -> list[FailingJob]:
    return list((await get_status(db, owner_id)).failing_jobs)


async def woken(world: World) -> int:
    async with world.db.begin(WorkScope()) as tx:
        await tx.execute("DELETE FROM queue.procrastinate_jobs")
        return int(await tx.value("SELECT gate.wake_stranded()"))


async def forget(world: World) -> None:
    async with world.db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.clear_failures()")


async def test_a_turn_that_always_raises_is_put_off_and_named(
    database: Database, world: World, admin: Admin
) -> None:
    async def broken(_: SessionId, __: SessionScope) -> None:
        raise KeyError("the words of a sender")

    said = await world.say(ALICE, "hello", name="Alice")
    works = replace(work_of(world.db, turns_of(world.db)), run_turn=broken)
    async with work(database.conninfo("discreet_worker"), world.db, works, Slots(4)):
        await until(lambda: failing(world.db, world.owner_id))
    [job] = await failing(world.db, world.owner_id)
    assert (job.task, job.session_id, job.contact_id) == ("turn", said.session_id, said.contact_id)
    assert (job.agent, job.whose, job.error) == ("Ada", "Alice", "KeyError")
    admin.execute("UPDATE queue.failures SET next_try_at = clock_timestamp() + interval '1 hour'")
    assert await woken(world) == 0
    admin.execute("UPDATE queue.failures SET next_try_at = clock_timestamp()")
    assert await woken(world) == 1
    # A new message is looked at without delay.
    admin.execute("UPDATE queue.failures SET next_try_at = clock_timestamp() + interval '1 hour'")
    admin.execute("SET search_path = queue; DELETE FROM procrastinate_jobs")
    await world.say(ALICE, "are you there?")
    assert admin.execute("SELECT count(*) FROM queue.procrastinate_jobs").fetchone() == (1,)


async def test_what_fails_is_named_at_the_terminal_and_on_the_phone(
    world: World, tmp_path: Path
) -> None:
    said = await world.say(ALICE, "hello", name="Alice")
    await record_failure(world.db, f"turn:{said.session_id}", KeyError("secret"))
    await record_failure(world.db, "webhooks", ValueError("secret"))
    access = ChannelAccess(world.db, world.owner_id, {}, bytes(32))
    found = await find_concerns(access, Settings(home=tmp_path))
    shown = [one.shown(str, ago, str) for one in found.items]
    assert any(
        line.startswith(
            "Answering Alice as Ada has failed because of an error in Discreet (KeyError, 1 time,"
            " the first just now)"
        )
        for line in shown
    )
    assert any(line.startswith("The server's task “webhooks” has failed") for line in shown)
    assert "secret" not in "".join(shown)


async def test_each_failure_doubles_the_wait_up_to_five_minutes(world: World, admin: Admin) -> None:
    waits = []
    for _ in range(10):
        await record_failure(world.db, "webhooks", ValueError())
        [(wait,)] = admin.execute(
            "SELECT round(extract(epoch FROM next_try_at - clock_timestamp()))::int"
            "  FROM queue.failures"
        ).fetchall()
        waits.append(wait)
    assert all(
        abs(wait - wanted) <= 1
        for wait, wanted in zip(waits, (2, 4, 8, 16, 32, 64, 128, 256, 300, 300), strict=True)
    )


async def test_a_database_that_is_away_is_no_failure_of_the_job(world: World, admin: Admin) -> None:
    for error in (Unavailable("away"), psycopg.OperationalError("away")):
        await record_failure(world.db, "webhooks", error)
    assert admin.execute("SELECT count(*) FROM queue.failures").fetchone() == (0,)


async def test_failures_are_forgotten_when_the_work_is_done_or_erased(
    world: World, admin: Admin, tmp_path: Path
) -> None:
    said = await world.say(ALICE, "hello", name="Alice")
    await record_failure(world.db, f"turn:{said.session_id}", KeyError())
    await forget(world)
    assert len(await failing(world.db, world.owner_id)) == 1
    await erase_contact(world.db, world.owner_id, ALICE, tmp_path)
    assert admin.execute("SELECT count(*) FROM queue.failures").fetchone() == (0,)
    said = await world.say(BOB, "hello")
    await record_failure(world.db, f"turn:{said.session_id}", KeyError())
    await record_failure(world.db, f"deliver:{uuid4()}", KeyError())
    await record_failure(world.db, f"remind:{uuid4()}", KeyError())
    admin.execute("UPDATE discreet.messages SET state = 'answered'")
    await forget(world)
    assert admin.execute("SELECT count(*) FROM queue.failures").fetchone() == (0,)


async def test_another_owner_sees_no_failing_job_of_this_one(world: World, admin: Admin) -> None:
    other = await other_owner(world, admin)
    said = await world.say(ALICE, "hello")
    await record_failure(world.db, f"turn:{said.session_id}", KeyError())
    assert await failing(other.db, other.owner_id) == []
    assert len(await failing(world.db, world.owner_id)) == 1


async def test_a_task_of_the_server_that_fails_waits_and_is_forgotten_once_it_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, runs = [0.0], 0
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    async def work_badly() -> str:
        nonlocal runs
        runs += 1
        if runs <= 2:
            raise ValueError("words")
        return "done"

    task = Recurring(world.db, "webhooks", work_badly)
    assert await task.run_if_due() is None
    now[0] = 1.9
    assert await task.run_if_due() is None
    assert runs == 1
    now[0] = 2.0
    assert await task.run_if_due() is None
    [job] = await failing(world.db, world.owner_id)
    assert (job.task, job.session_id, job.failures, job.error) == (
        "webhooks",
        None,
        2,
        "ValueError",
    )
    now[0] = 6.0
    assert await task.run_if_due() == "done"
    assert await failing(world.db, world.owner_id) == []
