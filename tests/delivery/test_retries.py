"""A send that failed is tried again later, in order, and not for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from discreet.delivery.outbox import MAX_ATTEMPTS
from discreet.domain.outbound import Channel, Later, Outbound, Rejected, SendResult
from discreet.postgres.server import Database
from discreet.services.status import get_status
from tests.support.answers import answer, let_doubt_end, make_due, outbox, send_all
from tests.support.turns import Recording, rows_of, turns_of, working
from tests.support.waiting import until
from tests.support.world import World

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


async def test_later_waits_as_long_as_the_platform_says_and_keeps_the_order(
    world: World, admin: Admin
) -> None:
    for text in ("one", "two"):
        await answer(world, ALICE, text)
    admin.execute("SET search_path TO queue")
    admin.execute("DELETE FROM procrastinate_jobs")
    channel = Recording(results=[Later(timedelta(minutes=5), "too many requests")])
    await send_all(world, channel)
    await send_all(world, channel)
    assert [one.text for one in channel.tried] == ["re: one"]
    assert await outbox(world) == [("pending", 1, "too many requests"), ("pending", 0, None)]
    [row] = admin.execute(
        "SELECT max(extract(epoch FROM scheduled_at - now()))::float FROM queue.procrastinate_jobs"
        " WHERE task_name = 'deliver'"
    ).fetchall()
    assert 290 < row[0] <= 300
    make_due(admin)
    await send_all(world, channel)
    assert [one.text for one in channel.sent] == ["re: one", "re: two"]
    assert [state for state, _, _ in await outbox(world)] == ["sent", "sent"]


async def test_one_chat_that_has_to_wait_holds_up_no_other(world: World) -> None:
    await answer(world, ALICE)
    await answer(world, BOB)
    channel = Recording(results=[Later(timedelta(minutes=5), "busy")])
    await send_all(world, channel)
    assert sorted(state for state, _, _ in await outbox(world)) == ["pending", "sent"]


async def test_the_wait_grows_and_after_the_last_attempt_the_owner_is_told(
    world: World, admin: Admin
) -> None:
    await answer(world, ALICE, "one")
    await answer(world, ALICE, "two")
    channel = Recording(results=[Later(timedelta(0), "busy")] * MAX_ATTEMPTS)
    waits = []
    for _ in range(MAX_ATTEMPTS):
        await send_all(world, channel)
        [row] = await rows_of(
            world,
            "SELECT extract(epoch FROM max(next_try_at) - clock_timestamp())::float AS wait"
            " FROM discreet.outbox WHERE attempts > 0",
        )
        waits.append(row["wait"])
        make_due(admin)
    assert waits[:-1] == sorted(waits[:-1])
    assert waits[0] < 3
    assert 500 < waits[-2] <= 600
    assert await outbox(world) == [
        ("failed", MAX_ATTEMPTS, "given up: busy"),
        ("sent", 1, None),
    ]
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert (held.state, held.error, held.attempts) == ("failed", "given up: busy", MAX_ATTEMPTS)


async def test_a_rejected_answer_is_told_to_the_owner_and_the_next_goes_on(world: World) -> None:
    await answer(world, ALICE, "one")
    await answer(world, ALICE, "two")
    channel = Recording(results=[Rejected("the bot was blocked")])
    await send_all(world, channel)
    assert await outbox(world) == [("failed", 1, "the bot was blocked"), ("sent", 1, None)]
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert held.error == "the bot was blocked"


async def test_a_channel_that_breaks_is_tried_later_and_its_words_are_kept_nowhere(
    world: World, admin: Admin
) -> None:
    await answer(world, ALICE)
    channel = Recording(results=[RuntimeError("re: hello"), RuntimeError("re: hello")])
    await send_all(world, channel)
    await send_all(world, channel)
    assert len(channel.tried) == 1
    assert await outbox(world) == [("pending", 1, "the channel failed (RuntimeError)")]
    make_due(admin)
    await send_all(world, channel)
    make_due(admin)
    await send_all(world, channel)
    assert await outbox(world) == [("sent", 3, None)]


class Gone(Channel):
    """A channel whose process dies while it sends."""

    platform = "terminal"

    def parts(self, text: str) -> int:
        return 1

    async def send(self, outbound: Outbound) -> SendResult:
        raise asyncio.CancelledError


async def test_a_send_of_unknown_outcome_is_sent_again_but_not_for_ever(
    world: World, admin: Admin
) -> None:
    await answer(world, ALICE)
    with pytest.raises(asyncio.CancelledError):
        await send_all(world, Gone())
    assert await outbox(world) == [("sending", 1, None)]
    let_doubt_end(admin)
    channel = Recording()
    await send_all(world, channel)
    assert [one.text for one in channel.sent] == ["re: hello"]
    await answer(world, BOB)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await send_all(world, Gone())
        let_doubt_end(admin)
    await send_all(world, channel)
    assert len(channel.sent) == 1
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert held.error == "given up: its outcome is unknown"


async def test_the_worker_tries_again_by_itself_when_the_time_has_come(
    database: Database, world: World, admin: Admin
) -> None:
    channel = Recording(results=[Later(timedelta(0), "busy")])
    async with working(database, world.db, turns_of(world.db), channel):
        await world.say(ALICE, "hello")

        async def delivered() -> bool:
            # The first wait is two seconds; the test skips it.
            await asyncio.to_thread(make_due, admin)
            await asyncio.to_thread(
                admin.execute, "UPDATE procrastinate_jobs SET scheduled_at = NULL"
            )
            return bool(channel.sent)

        admin.execute("SET search_path TO queue")
        await until(delivered)
    assert [one.text for one in channel.tried] == ["re: hello", "re: hello"]
