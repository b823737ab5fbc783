"""Senders' commands, and debouncing of their messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from discreet.domain.ids import SessionId
from discreet.intake import Accepted
from discreet.memory.embedding import bundled_embedder
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import admission
from discreet.turn.context import TurnContext
from discreet.turn.lease import MAX_TAKEN, Lease
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.result import TurnResult
from discreet.turn.run import run_turn
from discreet.turn.think import OnText, Tools
from discreet.turn.turns import Turns
from tests.support.platform import Platform, make_platform
from tests.support.waiting import patience
from tests.support.world import open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def echo(context: TurnContext, _: Prompt, __: Tools, ___: OnText) -> TurnResult:
    return TurnResult("I heard: " + " / ".join(line.text for line in context.waiting), "echo")


async def run(platform: Platform, session_id: SessionId, responder: Any = echo) -> None:
    db = platform.world.db
    await run_turn(Turns(db, bundled_embedder(), responder, 3, Budget()), session_id)


async def answer(platform: Platform, sender: str, text: str, **more: Any) -> str:
    said = await platform.accepted(sender, text, **more)
    await run(platform, said.session_id)
    return (await platform.sent(more.get("group") or sender))[-1]


async def keep(platform: Platform, said: Accepted, *contents: str) -> None:
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        for content in contents:
            await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (content,))


def due(admin: psycopg.Connection[Any]) -> list[tuple[bool, int]]:
    return admin.execute(
        "SELECT coalesce(scheduled_at > clock_timestamp(), false), priority"
        " FROM queue.procrastinate_jobs"
        " WHERE task_name = 'run_turn' AND status = 'todo'"
    ).fetchall()


async def test_messages_in_quick_succession_are_one_turn(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    for text in ("hello", "one more thing", "and another"):
        said = await platform.accepted(ALICE, text)
    assert due(admin) == [(True, 0)]
    await run(platform, said.session_id)
    assert await platform.sent(ALICE) == ["I heard: hello / one more thing / and another"]


async def test_a_command_goes_through_at_once(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await platform.accepted(ALICE, "hello")
    said = await platform.accepted(ALICE, "/help")
    assert due(admin) == [(False, 10)]
    await run(platform, said.session_id)
    [told] = await platform.sent(ALICE)
    assert "/memories" in told
    await run(platform, said.session_id)
    assert (await platform.sent(ALICE))[1] == "I heard: hello"


async def test_at_a_terminal_nothing_is_waited_for(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await platform.world.say(ALICE, "hello")
    assert due(admin) == [(False, 10)]


async def test_a_turn_takes_a_limited_number_of_messages_and_the_next_takes_the_rest(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    said = await platform.world.say(ALICE, "0")
    for number in range(1, MAX_TAKEN + 5):
        await platform.world.say(ALICE, str(number))
    taken = await platform.acquire(said)
    assert isinstance(taken, Lease)
    counts = admin.execute(
        "SELECT state, count(*), max(position) FROM discreet.messages GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert counts == [("taken", MAX_TAKEN, MAX_TAKEN), ("waiting", 5, MAX_TAKEN + 5)]


@pytest.mark.parametrize("text", ["/weather", "/forgetful", "please /help", "/Help me?", "/"])
async def test_text_that_is_not_a_command_goes_to_the_agent(platform: Platform, text: str) -> None:
    answered = await answer(platform, ALICE, text)
    assert answered.startswith("I heard") == (text != "/Help me?")


async def test_start_says_who_the_agent_is_and_what_stays_private(platform: Platform) -> None:
    told = await answer(platform, ALICE, "/start")
    assert told.startswith("Hello, I am Ada.")
    assert "between you, me" in told
    assert "stays in this group" in await answer(platform, ALICE, "/start", group=GROUP)


async def test_new_begins_a_conversation_with_nothing_behind_it(platform: Platform) -> None:
    before = await platform.accepted(ALICE, "hello")
    new = await platform.accepted(ALICE, "/new")
    assert new.session_id != before.session_id
    assert (await platform.accepted(ALICE, "hello again")).session_id == new.session_id
    await run(platform, before.session_id)
    assert await platform.sent(ALICE) == ["I heard: hello"], "what was asked is still answered"


async def test_memories_and_export_show_only_the_senders_own_data(
    platform: Platform,
) -> None:
    for sender, secret in ((ALICE, "likes tea"), (BOB, "keeps a heron")):
        said = await platform.accepted(sender, f"I am the one who {secret}")
        await keep(platform, said, secret)
    in_group = await platform.accepted(BOB, "hello", group=GROUP)
    await keep(platform, in_group, "meets on Mondays")
    assert await answer(platform, ALICE, "/memories") == "- likes tea"
    assert await answer(platform, BOB, "/memories", group=GROUP) == "- meets on Mondays"
    exported = await answer(platform, ALICE, "/export")
    assert "the one who likes tea" in exported
    assert "heron" not in exported
    assert "Mondays" not in exported


async def test_forget_removes_the_named_memory_and_no_other_persons(platform: Platform) -> None:
    alice = await platform.accepted(ALICE, "hello")
    bob = await platform.accepted(BOB, "hello")
    await keep(platform, alice, "likes green tea", "likes black tea", "has a dog")
    await keep(platform, bob, "likes green tea")
    assert "WORDS" in await answer(platform, ALICE, "/forget")
    assert "green tea" in await answer(platform, ALICE, "/forget tea green")
    assert await answer(platform, ALICE, "/forget cat") == "I have no memory like that."
    await answer(platform, ALICE, "/forget all")
    left = []
    for said in (alice, bob):
        async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
            left.append([memory.content for memory in await list_memories(tx)])
    assert left == [[], ["likes green tea"]]


async def test_nobody_has_the_memory_of_a_group_forgotten(platform: Platform) -> None:
    said = await platform.accepted(ALICE, "hello", group=GROUP)
    await keep(platform, said, "meets on Mondays")
    assert "shares this memory" in await answer(platform, BOB, "/forget all", group=GROUP)
    assert await answer(platform, BOB, "/memories", group=GROUP) == "- meets on Mondays"


async def test_system_messages_are_not_part_of_the_conversation(platform: Platform) -> None:
    said = await platform.accepted(ALICE, "hello")
    await run(platform, said.session_id)
    await keep(platform, said, "likes tea")
    await answer(platform, ALICE, "/memories")
    seen: list[str] = []

    async def look(context: TurnContext, *_: Any) -> TurnResult:
        seen.extend(line.text for line in context.history)
        seen.extend(found.text for found in context.recalled if found.kind == "message")
        return TurnResult("yes", "echo")

    said = await platform.accepted(ALICE, "do you know the memories?")
    await run(platform, said.session_id, look)
    assert not [text for text in seen if "/memories" in text or text.startswith("- ")]


async def test_stop_ends_the_turn_that_thinks_and_what_waits(platform: Platform) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def think_for_ever(*_: Any) -> TurnResult:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    said = await platform.accepted(ALICE, "count to a million")
    thinking = asyncio.create_task(run(platform, said.session_id, think_for_ever))
    await began.wait()
    await platform.accepted(ALICE, "faster")
    stop = await platform.accepted(ALICE, "/stop")
    async with patience():
        await thinking
    assert ended.is_set()
    await run(platform, stop.session_id)
    await run(platform, stop.session_id)
    assert await platform.sent(ALICE) == ["Stopped."]


async def test_the_owner_lets_strangers_in_from_a_chat_of_their_own(db: ScopedDatabase) -> None:
    platform = await make_platform(db)
    owner = platform.world.owner_id
    await platform.say(ALICE, await admission.make_owner_link(db, owner, "telegram"))
    await platform.say(BOB, "let me in", name="Bob")
    assert "Bob telegram:1002" in await answer(platform, ALICE, "/pairing")
    assert "wrong" in await answer(platform, ALICE, "/approve ABCDEFGH")
    code = (await platform.sent(BOB))[0].split("code: ")[1][:9]
    assert (
        await answer(platform, ALICE, f"/approve {code}")
        == "`Bob telegram:1002` may talk to `Ada`."
    )
    assert (await platform.accepted(BOB, "thanks")).new
    async with db.begin(platform.world.owner) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.wrong_codes") == 1


async def test_a_sender_has_none_of_the_owners_commands(platform: Platform) -> None:
    for text in ("/pairing", "/approve telegram:1002", "/deny telegram:1002"):
        assert await answer(platform, ALICE, text) == f"I heard: {text}"


async def test_the_owner_can_not_have_everybodys_memories_forgotten_by_a_word(
    platform: Platform,
) -> None:
    said = await platform.accepted(BOB, "hello")
    await keep(platform, said, "keeps a heron")
    asked = await platform.world.say(None, "/forget all")
    await run(platform, asked.session_id)
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        assert [memory.content for memory in await list_memories(tx)] == ["keeps a heron"]


async def test_how_long_is_waited_for_more_can_be_set(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    from discreet.services.channels import set_debounce

    await set_debounce(platform.world.db, platform.world.owner_id, platform.channel_id, 0)
    await platform.accepted(ALICE, "hello")
    assert due(admin) == [(False, 0)]
    assert admin.execute(
        "SELECT debounce FROM discreet.channels WHERE platform = 'telegram'"
    ).fetchone() == (timedelta(0),)
