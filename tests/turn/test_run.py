"""Turns of one session: one at a time, in order, each message answered once and in its chat.

Only the turn that holds the session answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.ids import SessionId
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.turn.context import TurnContext
from discreet.turn.lease import LeaseLost
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult
from discreet.turn.run import run_turn
from discreet.turn.think import OnText, Tools
from tests.support.responders import Held, Responder, echo, repeat
from tests.support.turns import Recording, answers_of, do_all, one_turn, rows_of, turns_of, working
from tests.support.waiting import until
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


async def answered_by(world: World, session_id: SessionId) -> list[tuple[str, str | None]]:
    """Return each inbound message in order, with the answer that names it."""
    found = await rows_of(
        world,
        "SELECT m.text, a.text AS answer FROM discreet.messages m"
        " LEFT JOIN discreet.messages a ON a.turn_id = m.turn_id AND a.direction = 'out'"
        " WHERE m.session_id = %s AND m.direction = 'in' ORDER BY m.position",
        session_id,
    )
    return [(row["text"], row["answer"]) for row in found]


async def test_messages_that_wait_on_one_route_are_taken_together_in_order(
    database: Database, world: World
) -> None:
    said = [await world.say(ALICE, text) for text in ("one", "two", "three")]
    await do_all(database, world.db)
    answer = "re: one | two | three"
    assert await answered_by(world, said[0].session_id) == [
        ("one", answer),
        ("two", answer),
        ("three", answer),
    ]


async def test_messages_of_another_route_are_answered_apart_and_to_their_own(
    database: Database, world: World
) -> None:
    said = await world.say(ALICE, "home 1", chat="home")
    await world.say(ALICE, "work 1", chat="work")
    await world.say(ALICE, "home 2", chat="home")
    await world.say(ALICE, "work 2", chat="work")
    channel = Recording()
    await do_all(database, world.db, channels=channel)
    assert sorted((one.chat_id, one.text) for one in channel.sent) == [
        ("home", "re: home 1 | home 2"),
        ("work", "re: work 1 | work 2"),
    ]
    assert await answered_by(world, said.session_id) == [
        ("home 1", "re: home 1 | home 2"),
        ("work 1", "re: work 1 | work 2"),
        ("home 2", "re: home 1 | home 2"),
        ("work 2", "re: work 1 | work 2"),
    ]


async def test_an_answer_replies_to_the_last_message_that_it_answers(
    database: Database, world: World
) -> None:
    await world.say(ALICE, "one", message_id="41")
    await world.say(ALICE, "two", message_id="42")
    channel = Recording()
    await do_all(database, world.db, channels=channel)
    [sent] = channel.sent
    assert sent.reply_to == "42"


async def test_what_arrives_during_a_turn_waits_and_is_answered_by_the_next(
    database: Database, world: World
) -> None:
    responder = Held()
    async with working(database, world.db, turns_of(world.db, responder)):
        said = await world.say(ALICE, "one")
        await until(responder.has_begun)
        await world.say(ALICE, "two")
        await world.say(ALICE, "three")
        responder.free.set()
        await until(lambda: both_answered(world, said.session_id))
    assert await answers_of(world, said.session_id) == ["re: one", "re: two | three"]
    assert responder.begun == 2


async def both_answered(world: World, session_id: SessionId) -> bool:
    return all(answer for _, answer in await answered_by(world, session_id))


async def test_many_workers_run_one_turn_at_a_time_in_each_session_and_in_order(
    database: Database, world: World
) -> None:
    thinking: dict[SessionId, int] = {}

    async def watch(context: TurnContext, prompt: Prompt, tools: Tools, tell: OnText) -> TurnResult:
        session: SessionId = tools.session_id  # type: ignore[attr-defined]
        thinking[session] = thinking.get(session, 0) + 1
        assert thinking[session] == 1, "two turns of one session at once"
        await asyncio.sleep(0)
        thinking[session] -= 1
        return await echo(context, prompt, tools, tell)

    async with (
        open_scoped(database) as second,
        open_scoped(database) as third,
        working(database, world.db, turns_of(world.db, watch)),
        working(database, second, turns_of(second, watch)),
        working(database, third, turns_of(third, watch)),
    ):
        said = [
            await world.say(sender, f"{number}") for number in range(15) for sender in (ALICE, BOB)
        ]
        sessions = {one.session_id for one in said}
        for session in sessions:
            await until(lambda s=session: both_answered(world, s))  # type: ignore[misc]
    for session in sessions:
        texts = " | ".join(
            answer.removeprefix("re: ") for answer in await answers_of(world, session)
        )
        assert texts == " | ".join(map(str, range(15)))
    [states] = await rows_of(world, "SELECT array_agg(DISTINCT state) AS all FROM discreet.turns")
    assert states["all"] == ["answered"]


async def remember_twice(context: TurnContext, _: Prompt, tools: Tools, __: OnText) -> TurnResult:
    await tools.call("remember", {"content": "written by the slow turn"})
    return TurnResult("the slow answer", "slow")


async def test_a_turn_that_lost_its_session_changes_nothing_and_the_other_answers_once(
    database: Database, world: World
) -> None:
    slow = Held(then=remember_twice)
    said = await world.say(ALICE, "hello")
    first = asyncio.create_task(one_turn(world, said.session_id, slow))
    await until(slow.has_begun)
    await one_turn(world, said.session_id)
    slow.free.set()
    await first
    assert await answers_of(world, said.session_id) == ["re: hello"]
    assert await rows_of(world, "SELECT * FROM discreet.memories") == []
    states = await rows_of(world, "SELECT state FROM discreet.turns ORDER BY started_at")
    assert [row["state"] for row in states] == ["lost", "answered"]
    assert len(await rows_of(world, "SELECT * FROM discreet.outbox")) == 1


async def test_a_turn_that_lost_its_session_to_one_that_still_thinks_saves_nothing_either(
    world: World,
) -> None:
    slow, slower = Held(), Held()
    said = await world.say(ALICE, "hello")
    first = asyncio.create_task(one_turn(world, said.session_id, slow))
    await until(slow.has_begun)
    second = asyncio.create_task(one_turn(world, said.session_id, slower))
    await until(slower.has_begun)
    slow.free.set()
    await first
    assert await answers_of(world, said.session_id) == []
    slower.free.set()
    await second
    assert await answers_of(world, said.session_id) == ["re: hello"]


async def test_no_tool_and_no_draft_of_a_turn_that_lost_its_session_writes_anything(
    database: Database, world: World
) -> None:
    said = await world.say(ALICE, "hello")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('tea')")
        [tea] = await list_memories(tx)
    lost: list[str] = []

    async def everything(_: TurnContext, __: Prompt, tools: Tools, tell: OnText) -> TurnResult:
        calls: list[tuple[str, dict[str, Any]]] = [
            ("remember", {"content": "x"}),
            ("update_memory", {"memory_id": str(tea.id), "content": "x"}),
            ("forget", {"memory_id": str(tea.id)}),
            ("recall", {"query": "tea"}),
            ("search_conversation", {"query": "hello"}),
        ]
        for name, arguments in calls:
            with pytest.raises(LeaseLost):
                await tools.call(name, arguments)
            lost.append(name)
        tell.__self__._written_at = 0.0  # type: ignore[attr-defined]
        with pytest.raises(LeaseLost):
            await tell("draft")
        raise LeaseLost

    slow = Held(then=everything)
    first = asyncio.create_task(one_turn(world, said.session_id, slow))
    await until(slow.has_begun)
    await one_turn(world, said.session_id)
    slow.free.set()
    await first
    assert len(lost) == 5
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        assert await list_memories(tx) == [tea]
    assert await rows_of(world, "SELECT * FROM discreet.drafts") == []
    assert await rows_of(world, "SELECT * FROM discreet.memory_history") == []


async def test_a_session_in_which_nothing_waits_makes_no_turn(world: World) -> None:
    said = await world.say(ALICE, "hello")
    await one_turn(world, said.session_id)
    responder = Responder(repeat)
    await one_turn(world, said.session_id, responder)
    assert responder.contexts == []
    assert len(await rows_of(world, "SELECT * FROM discreet.turns")) == 1


async def test_a_message_that_waited_is_answered_in_its_contacts_scope_not_the_owners(
    database: Database, world: World
) -> None:
    await world.say(None, "the owner's secret")
    said = await world.say(ALICE, "hello")
    responder = Responder(repeat)
    await do_all(database, world.db, responder)
    [hers] = [one for one in responder.contexts if not one.of_owner]
    assert hers.party.kind == "contact"
    assert not any("secret" in one.text for one in (*hers.history, *hers.recalled))
    [turn] = await rows_of(
        world, "SELECT contact_id FROM discreet.turns WHERE session_id = %s", said.session_id
    )
    assert turn["contact_id"] == said.contact_id


async def test_a_missing_session_is_not_an_error(world: World) -> None:
    said = await world.say(ALICE, "hello")
    async with world.db.begin(world.owner) as tx:
        assert tx
    await run_turn(turns_of(world.db), SessionId(said.message_id))
