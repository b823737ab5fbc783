"""Messages whose turn fails: kept, retried with growing delays, then given up with one notice.

They never block those behind them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.domain.ids import SessionId
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services.status import get_status
from discreet.turn.context import TurnContext
from discreet.turn.lease import Lease, acquire
from discreet.turn.model_limits import ModelLimits
from discreet.turn.prompt import Prompt
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.save import COURTESY
from discreet.turn.think import OnText, Tools, think
from tests.support.openai_server import Call, Fail, Garbage, Hang, Reply, Say, openai_server
from tests.support.responders import Failing, Responder, echo, repeat
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


def provider_down() -> ModelError:
    return ModelError("provider", "The provider answered with status 500.")


async def waiting_in(world: World, session_id: SessionId) -> list[tuple[str, str, int]]:
    found = await rows_of(
        world,
        "SELECT text, state, attempts FROM discreet.messages WHERE session_id = %s"
        " AND direction = 'in' ORDER BY position",
        session_id,
    )
    return [(row["text"], row["state"], row["attempts"]) for row in found]


async def test_a_failed_turn_keeps_the_message_and_the_next_try_answers_it(world: World) -> None:
    said = await world.say(ALICE, "hello")
    responder = Failing([provider_down()])
    await one_turn(world, said.session_id, responder)
    assert await waiting_in(world, said.session_id) == [("hello", "waiting", 1)]
    assert await answers_of(world, said.session_id) == []
    await one_turn(world, said.session_id, responder)
    assert await answers_of(world, said.session_id) == ["re: hello"]


async def test_a_setup_failure_on_this_server_is_never_given_up_or_counted(
    world: World, admin: Admin
) -> None:
    """Test a missing key: another server may have it, or a person provides it hours later."""
    said = await world.say(ALICE, "hello")
    responder = Failing([ModelError("setup", "The model has no key.")] * 6)
    for _ in range(6):
        await one_turn(world, said.session_id, responder, max_attempts=2)
        assert await waiting_in(world, said.session_id) == [("hello", "waiting", 0)]
        assert await answers_of(world, said.session_id) == []
        admin.execute("UPDATE discreet.messages SET not_before = NULL")
    (turn,) = (await get_status(world.db, world.owner_id)).turns
    assert "has no key" in turn.error
    await one_turn(world, said.session_id, responder, max_attempts=2)
    assert await answers_of(world, said.session_id) == ["re: hello"]


async def test_a_lost_database_does_not_count_as_an_attempt(world: World) -> None:
    said = await world.say(ALICE, "hello")
    responder = Failing([Unavailable("The database was lost.")])
    await one_turn(world, said.session_id, responder, max_attempts=1)
    assert await waiting_in(world, said.session_id) == [("hello", "waiting", 0)]


@pytest.mark.parametrize(
    ("age", "least", "most"), [("0 s", 0.5, 1.5), ("20 s", 9, 12), ("2 hours", 55, 61)]
)
async def test_the_longer_it_has_waited_for_a_key_the_rarer_it_is_looked_at_up_to_a_minute(
    world: World, admin: Admin, age: str, least: float, most: float
) -> None:
    said = await world.say(ALICE, "hello")
    admin.execute("UPDATE discreet.messages SET created_at = now() - %s::interval", (age,))
    admin.execute("SET search_path = queue")
    admin.execute("DELETE FROM procrastinate_jobs")
    await one_turn(world, said.session_id, Failing([ModelError("setup", "No key.")]))
    (row,) = admin.execute(
        "SELECT extract(epoch FROM m.not_before - t.finished_at)::float,"
        "       (SELECT j.scheduled_at = m.not_before FROM queue.procrastinate_jobs j"
        "         WHERE j.status = 'todo' AND j.queueing_lock = 'turn:' || m.session_id)"
        "  FROM discreet.messages m, discreet.turns t WHERE m.direction = 'in'"
    ).fetchall()
    assert least < row[0] < most
    assert row[1] is True


async def test_the_wait_doubles_from_try_to_try_and_nothing_is_thought_before(
    world: World, admin: Admin
) -> None:
    said = await world.say(ALICE, "hello")
    responder = Failing([provider_down()] * 9)
    admin.execute("SET search_path TO queue")
    waits = []
    for _ in range(4):
        admin.execute("DELETE FROM queue.procrastinate_jobs")
        await one_turn(
            world, said.session_id, responder, max_attempts=9, first_wait=timedelta(minutes=1)
        )
        idle = Responder(repeat)
        await one_turn(world, said.session_id, idle)
        assert idle.contexts == []
        # Until then the message waits, and so does the job that will check it.
        [row] = admin.execute(
            "SELECT extract(epoch FROM m.not_before - now())::float,"
            "       extract(epoch FROM j.scheduled_at - now())::float"
            "  FROM discreet.messages m, queue.procrastinate_jobs j"
        ).fetchall()
        assert abs(row[0] - row[1]) < 1
        waits.append(round(row[0] / 60))
        admin.execute("UPDATE discreet.messages SET not_before = now()")
    assert waits == [1, 2, 4, 8]


async def test_after_the_last_attempt_the_sender_gets_one_courteous_line_and_the_owner_the_error(
    database: Database, world: World
) -> None:
    said = await world.say(ALICE, "hello")
    responder = Failing([provider_down()] * 99)
    channel = Recording()
    async with working(database, world.db, turns_of(world.db, responder), channel):
        await until(lambda: answers_of(world, said.session_id))
        assert responder.asked == 3
        await world.say(ALICE, "are you there?")
        await until(lambda: two(channel))
    assert responder.asked == 6
    assert [one.text for one in channel.sent] == [COURTESY, COURTESY]
    status = await get_status(world.db, world.owner_id)
    assert [(turn.state, turn.attempt, turn.error) for turn in status.turns] == [
        ("given_up", 3, "provider: The provider answered with status 500.")
    ] * 2
    assert status.waiting.messages == 0


async def two(channel: Recording) -> bool:
    return len(channel.sent) == 2


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ((Fail(500),), "provider"),
        ((Hang(),), "timeout"),
        ((Garbage(),), "confused"),
        ((Say(""),), "empty"),
        ((Call((("recall", {"query": "tea"}),)),), "limits"),
    ],
)
async def test_a_model_that_fails_hangs_loops_or_says_nothing_is_given_up_politely(
    world: World, replies: tuple[Reply, ...], kind: str
) -> None:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    with openai_server(*replies) as script:

        async def model(_: TurnContext, prompt: Prompt, tools: Tools, tell: OnText) -> TurnResult:
            provider = OpenAIProvider(base_url=script.base_url, api_key="none")
            scripted = OpenAIChatModel("scripted", provider=provider)
            return await think(
                prompt,
                tools,
                scripted,
                ModelLimits(3, 10_000, 0.3 if kind == "timeout" else 30.0),
                tell,
            )

        said = await world.say(ALICE, "hello")
        for _ in range(2):
            await one_turn(world, said.session_id, model, max_attempts=2)
    assert await answers_of(world, said.session_id) == [COURTESY]
    [turn] = (await get_status(world.db, world.owner_id)).turns
    assert turn.error.startswith(kind)
    assert "hello" not in turn.error


async def test_an_unexpected_error_is_counted_and_given_up_like_any_other(
    database: Database, world: World
) -> None:
    poisoned = await world.say(ALICE, "poison")
    fine = await world.say(BOB, "hello")
    responder = Failing([ZeroDivisionError("poison")] * 99, only="poison")
    await do_all(database, world.db, responder)
    assert responder.asked == 3
    assert await answers_of(world, poisoned.session_id) == [COURTESY]
    assert await answers_of(world, fine.session_id) == ["re: hello"]
    [turn] = (await get_status(world.db, world.owner_id)).turns
    assert turn.error == "internal: Internal error (ZeroDivisionError)."


async def test_messages_behind_one_that_cannot_be_answered_go_on(
    database: Database, world: World
) -> None:
    said = await world.say(ALICE, "poison")
    responder = Failing([ZeroDivisionError()] * 99, only="poison")
    await one_turn(world, said.session_id, responder)
    await world.say(ALICE, "and my dog?")
    await world.say(ALICE, "hello?", chat="another chat")
    channel = Recording()
    await do_all(database, world.db, responder, channel)
    assert responder.asked == 3
    assert await waiting_in(world, said.session_id) == [
        ("poison", "failed", 3),
        ("and my dog?", "answered", 3),
        ("hello?", "answered", 1),
    ]
    assert [one.text for one in channel.sent if one.chat_id == ALICE] == [
        COURTESY,
        "re: and my dog?",
    ]
    [given_up] = await rows_of(
        world,
        "SELECT array_agg(m.text) AS texts FROM discreet.messages m"
        " JOIN discreet.turns t ON t.id = m.turn_id"
        " WHERE t.state = 'given_up' AND m.direction = 'in'",
    )
    assert given_up["texts"] == ["poison"]


async def test_an_answer_that_cannot_be_saved_is_a_failure_like_any_other(
    world: World, admin: Admin
) -> None:
    admin.execute("ALTER TABLE discreet.messages ADD CHECK (text NOT LIKE '%unsavable%') NOT VALID")

    async def unsavable(_: TurnContext, __: Prompt, ___: Tools, ____: OnText) -> TurnResult:
        return TurnResult("unsavable", "m")

    said = await world.say(ALICE, "hello")
    for _ in range(3):
        await one_turn(world, said.session_id, unsavable)
    assert await answers_of(world, said.session_id) == [COURTESY]
    [turn] = (await get_status(world.db, world.owner_id)).turns
    assert turn.error == "internal: Internal error (CheckViolation)."


async def test_a_message_that_kills_every_worker_is_given_up_without_another_thought(
    world: World,
) -> None:
    said = await world.say(ALICE, "poison")
    for _ in range(3):
        async with world.db.begin(world.contact(said.contact_id)) as tx:
            assert isinstance(await acquire(tx, said.session_id), Lease)
        # ... and the worker is gone.
    responder = Responder(repeat)
    await one_turn(world, said.session_id, responder)
    assert responder.contexts == []
    assert await answers_of(world, said.session_id) == [COURTESY]


async def test_a_failed_indexing_after_an_answer_does_not_undo_it(
    database: Database, world: World, admin: Admin
) -> None:
    admin.execute(
        "CREATE FUNCTION no_index() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'no index'; END $$"
    )
    admin.execute(
        "CREATE TRIGGER t BEFORE UPDATE OF terms ON discreet.messages"
        " FOR EACH ROW EXECUTE FUNCTION no_index()"
    )
    said = await world.say(ALICE, "hello")
    responder = Responder(repeat)
    await do_all(database, world.db, responder)
    await do_all(database, world.db, responder)
    assert len(responder.contexts) == 1
    assert await answers_of(world, said.session_id) == ["re: hello"]
    assert not (await get_status(world.db, world.owner_id)).turns


async def test_a_tool_call_before_the_failure_is_done_once_however_often_the_turn_is_tried(
    world: World,
) -> None:
    async def remember_and_fail(
        _: TurnContext, __: Prompt, tools: Tools, ___: OnText
    ) -> TurnResult:
        await tools.call("remember", {"content": "likes tea"})
        raise provider_down()

    said = await world.say(ALICE, "remember that I like tea")
    for _ in range(2):
        await one_turn(world, said.session_id, remember_and_fail)
    await one_turn(world, said.session_id, echo)
    [memory] = await rows_of(world, "SELECT content, contact_id FROM discreet.memories")
    assert memory == {"content": "likes tea", "contact_id": said.contact_id}
