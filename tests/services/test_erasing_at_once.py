"""Messages and answers that are under way while their contact is erased write nobody back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from discreet.delivery import deliver
from discreet.domain.ids import RouteId
from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.turn.context import TurnContext
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.services.erased import ANN, BOB, GROUP, MARK, Admin, answered, erase, holding
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, turns_of
from tests.support.waiting import until
from tests.support.world import open_scoped


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def test_a_turn_that_thinks_meanwhile_writes_nobody_back(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    world = platform.world
    thinking, gone = asyncio.Event(), asyncio.Event()
    began = 0

    async def slowly(_: TurnContext, tools: Tools) -> str:
        nonlocal began
        began += 1
        if began == 3:
            thinking.set()
        await gone.wait()
        await tools.call("remember", {"content": f"{MARK} comes back"})
        return f"{MARK} comes back"

    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    group = await platform.accepted(ANN, f"here too {MARK}", group=GROUP)
    await platform.accepted(BOB, "me as well", group=GROUP)
    own = await world.say(None, "who is there?")
    turns = [
        asyncio.create_task(run_turn(turns_of(world.db, Responder(slowly)), session_id))
        for session_id in (said.session_id, group.session_id, own.session_id)
    ]
    await thinking.wait()
    admin.execute("TRUNCATE queue.procrastinate_jobs CASCADE")
    await erase(platform, ANN, tmp_path)
    jobs = admin.execute("SELECT lock FROM queue.procrastinate_jobs").fetchall()
    assert {lock for (lock,) in jobs} == {f"turn:{one.session_id}" for one in (group, own)}
    gone.set()
    await asyncio.gather(*turns)
    assert holding(admin, MARK, ANN.partition(":")[2]) == {}
    # Other people's questions in these conversations are answered again.
    responder = Responder()
    for session_id in (group.session_id, own.session_id):
        await run_turn(turns_of(world.db, responder), session_id)
    assert [[line.text for line in one.waiting] for one in responder.contexts] == [
        ["me as well"],
        ["who is there?"],
    ]


async def test_an_answer_on_its_way_writes_nobody_back(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await answered(platform, ANN, f"I am {MARK}", Responder())
    route = admin.execute(
        "SELECT id FROM discreet.routes WHERE session_id = %s", (said.session_id,)
    ).fetchone()
    assert route is not None

    class Erasing(Recording):
        async def send(self, outbound: Any) -> Any:
            await erase(platform, ANN, tmp_path)
            return await super().send(outbound)

    wire = Erasing("telegram")
    await deliver(platform.world.db, by_platform({"telegram": wire}), RouteId(route[0]))
    await deliver(platform.world.db, by_platform({"telegram": wire}), RouteId(route[0]))
    assert len(wire.sent) == 1
    assert holding(admin, MARK, ANN.partition(":")[2], str(said.session_id)) == {}


HOLD = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(4712); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION public.hold();
SELECT pg_advisory_lock(4712)
"""


WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def in_this_order(
    admin: Admin, table: str, first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Any]
) -> tuple[Any, Any]:
    """Run two coroutines in a fixed order and return both results.

    The first is stopped in its transaction, at a write to the table, and continues once the second
    waits for it.
    """
    for statement in HOLD.format(table).split(";\n"):
        admin.execute(statement.encode())
    tasks = [asyncio.create_task(first)]
    await until(lambda: admin.execute(WAITING).fetchall() == [(1,)], "the first in the middle")
    tasks.append(asyncio.create_task(second))
    await until(lambda: admin.execute(WAITING).fetchall() == [(2,)], "the second behind it")
    assert not any(task.done() for task in tasks)
    admin.execute("SELECT pg_advisory_unlock(4712)")
    one, other = await asyncio.gather(*tasks)
    return one, other


@pytest.mark.parametrize("group", [None, GROUP])
async def test_a_message_that_is_stored_while_the_erasure_waits_is_gone(
    platform: Platform, admin: Admin, tmp_path: Path, group: str | None
) -> None:
    before = await platform.accepted(ANN, "before")
    await platform.accepted(ANN, "before", group=group)
    said, _ = await in_this_order(
        admin,
        "discreet.messages",
        platform.accepted(ANN, f"meanwhile {MARK}", group=group),
        erase(platform, str(before.contact_id), tmp_path),
    )
    assert holding(admin, str(before.contact_id), str(said.message_id), MARK) == {}


@pytest.mark.parametrize("group", [None, GROUP])
async def test_a_message_that_waits_for_the_erasure_is_somebody_new_s(
    platform: Platform, admin: Admin, tmp_path: Path, group: str | None
) -> None:
    before = await platform.accepted(ANN, "before")
    await platform.accepted(ANN, "before", group=group)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    _, said = await in_this_order(
        admin,
        "discreet.erasures",
        erase(platform, str(before.contact_id), tmp_path),
        platform.accepted(ANN, "meanwhile", group=group, sent_at=soon),
    )
    assert said.contact_id != before.contact_id
    assert holding(admin, str(before.contact_id)) == {}
    left = admin.execute("SELECT text FROM discreet.messages").fetchall()
    assert left == [("meanwhile",)]


async def answering(platform: Platform, said: Accepted) -> None:
    async def answer(_: TurnContext, tools: Tools) -> str:
        await tools.call("remember", {"content": f"{MARK} comes back"})
        return f"{MARK} comes back"

    await run_turn(turns_of(platform.world.db, Responder(answer)), said.session_id)


async def test_an_answer_that_is_saved_while_the_erasure_waits_is_gone(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    await in_this_order(
        admin, "discreet.outbox", answering(platform, said), erase(platform, ANN, tmp_path)
    )
    assert holding(admin, MARK, str(said.session_id)) == {}


async def test_an_answer_that_waits_for_the_erasure_is_not_saved(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    await in_this_order(
        admin, "discreet.erasures", erase(platform, ANN, tmp_path), answering(platform, said)
    )
    assert holding(admin, MARK, str(said.session_id)) == {}


async def test_a_message_from_before_an_erasure_is_rejected_afterwards(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    group = await platform.accepted(BOB, "hello", group=GROUP)
    await platform.accepted(ANN, "hello")
    old = datetime.now(UTC)
    await erase(platform, ANN, tmp_path)
    for more in ({}, {"group": GROUP}, {"chat_id": "another"}):
        assert await platform.reason(ANN, "from before", sent_at=old, **more) == "erased"
    assert (await platform.accepted(BOB, "from before", sent_at=old)).new
    await platform.accepted(BOB, "from before", sent_at=old, group=GROUP)
    await platform.accepted(ANN, "from now on")
    await erase(platform, str(group.contact_id), tmp_path)
    assert await platform.reason(BOB, "from before", sent_at=old, group=GROUP) == "erased"
    # A week later nothing is known of it any more.
    admin.execute("UPDATE discreet.erased_addresses SET erased_at = now() - interval '8 days'")
    await platform.accepted(ANN, "from before", sent_at=old)
    await erase(platform, ANN, tmp_path)
    assert admin.execute("SELECT count(*) FROM discreet.erased_addresses").fetchone() == (1,)
