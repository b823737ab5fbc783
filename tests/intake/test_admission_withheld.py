"""What the owner withholds from an agent: blocked contacts, and everything while it is paused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.intake import Accepted
from discreet.intake.accept import NotTaken
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase, WorkScope
from discreet.services.agents import pause_agent, resume_agent
from discreet.services.contacts import block_contact, unblock_contact
from discreet.turn.lease import Lease, LeaseLost, acquire, hold
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.save import save_answer
from tests.support.world import World, make_world, open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


async def lease(world: World, said: Accepted) -> Lease | None:
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        found = await acquire(tx, said.session_id)
    return found if isinstance(found, Lease) else None


async def save(world: World, said: Accepted, turn: Lease) -> None:
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        await save_answer(
            tx, turn, Prompt("", ()), TurnResult("the answer", "offline", (), Usage())
        )


def jobs(admin: psycopg.Connection[Any]) -> int:
    row = admin.execute(
        "SELECT count(*) FROM queue.procrastinate_jobs WHERE task_name = 'run_turn'"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_nothing_that_a_blocked_contact_says_is_stored(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await world.say(ALICE, "hello")
    await block_contact(world.db, world.owner_id, ALICE)
    for group in (None, GROUP):
        with pytest.raises(NotTaken):
            await world.say(ALICE, "are you there?", group=group)
    assert (await world.say(BOB, "hello", group=GROUP)).new
    assert admin.execute("SELECT count(*) FROM discreet.messages").fetchone() == (2,)


async def test_a_blocked_group_is_silent_and_its_members_are_not(world: World) -> None:
    await world.say(ALICE, "hello", group=GROUP)
    await block_contact(world.db, world.owner_id, GROUP)
    with pytest.raises(NotTaken):
        await world.say(ALICE, "hello?", group=GROUP)
    assert (await world.say(ALICE, "hello?")).new


async def test_messages_waiting_at_a_block_are_answered_after_unblocking(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say(ALICE, "hello")
    await block_contact(world.db, world.owner_id, ALICE)
    assert await lease(world, said) is None
    admin.execute("SET search_path = queue; DELETE FROM procrastinate_jobs")
    async with world.db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_stranded()") == 0
    await unblock_contact(world.db, world.owner_id, ALICE)
    assert jobs(admin) == 1
    assert await lease(world, said)


async def test_a_blocked_members_question_in_a_group_is_answered_no_more(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say(ALICE, "a question", group=GROUP)
    await block_contact(world.db, world.owner_id, ALICE)
    assert await lease(world, said) is None
    assert admin.execute("SELECT state FROM discreet.messages").fetchone() == ("context",)


async def test_a_paused_agent_stores_messages_and_answers_them_on_resume(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await pause_agent(world.db, world.owner_id, "Ada")
    said = await world.say(ALICE, "hello")
    assert said.new
    assert await lease(world, said) is None
    admin.execute("SET search_path = queue; DELETE FROM procrastinate_jobs")
    await resume_agent(world.db, world.owner_id, "Ada")
    assert jobs(admin) == 1
    assert await lease(world, said)


async def test_a_paused_agent_obeys_a_command_and_leaves_what_was_said_before_it(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await pause_agent(world.db, world.owner_id, "Ada")
    said = await world.say(ALICE, "hello")
    await world.say(ALICE, "/memories")
    async with world.db.begin(WorkScope()) as tx:
        await tx.execute("DELETE FROM queue.procrastinate_jobs")
        assert await tx.value("SELECT gate.wake_stranded()") == 1
    turn = await lease(world, said)
    assert turn is not None
    assert turn.command == "memories"
    await save(world, said, turn)
    assert await lease(world, said) is None
    found = admin.execute(
        "SELECT text, state FROM discreet.messages WHERE direction = 'in' ORDER BY position"
    ).fetchall()
    assert found == [("hello", "waiting"), ("/memories", "answered")]


@pytest.mark.parametrize("why", ["paused", "blocked"])
async def test_a_running_turn_that_is_withheld_saves_nothing_and_is_repeated_later(
    world: World, admin: psycopg.Connection[Any], why: str
) -> None:
    said = await world.say(ALICE, "hello")
    first = await lease(world, said)
    assert first is not None
    if why == "paused":
        await pause_agent(world.db, world.owner_id, "Ada")
    else:
        await block_contact(world.db, world.owner_id, ALICE)
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        with pytest.raises(LeaseLost):
            await hold(tx, said.session_id, first.turn_id)
    with pytest.raises(LeaseLost):
        await save(world, said, first)
    assert admin.execute("SELECT count(*) FROM discreet.outbox").fetchone() == (0,)
    if why == "paused":
        await resume_agent(world.db, world.owner_id, "Ada")
    else:
        await unblock_contact(world.db, world.owner_id, ALICE)
    again = await lease(world, said)
    assert again is not None
    assert again.turn_id != first.turn_id


async def test_another_agent_of_the_owner_goes_on_while_one_pauses(world: World) -> None:
    other = await make_world(world.db, agent="Bert")
    await pause_agent(world.db, world.owner_id, "Ada")
    said = await other.say(ALICE, "hello")
    assert await lease(other, said)
