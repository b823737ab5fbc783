"""Replies, and edits before, during and after a turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from discreet.domain.content import Content, Quote, part
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.turn.context import RepliedTo, Speaker, TurnContext
from discreet.turn.think import Tools
from tests.support.responders import Held, Responder, calling, do_as_told
from tests.support.turns import Recording, answers_of, do_all, rows_of, turns_of, working
from tests.support.waiting import until
from tests.support.world import World, make_world, open_scoped

ALICE, BOB, CAROL = "telegram:1001", "telegram:1002", "telegram:1003"
CHOIR = "telegram:-5"
LONG_AGO = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


async def reply_seen(database: Database, world: World) -> RepliedTo | None:
    """Return the reply of the newest waiting line, as shown to the model."""
    responder = Responder()
    await do_all(database, world.db, responder)
    return responder.contexts[-1].waiting[-1].replies_to


async def test_a_reply_to_an_answer_of_an_ended_session_shows_its_words(
    database: Database, world: World
) -> None:
    await world.say(ALICE, "when do you open?")
    await do_all(database, world.db, channels=Recording())
    await world.say(ALICE, "does this still hold?", reply_to="sent-1", new=True)
    reply = await reply_seen(database, world)
    assert reply is not None
    assert (reply.text, reply.speaker) == ("re: when do you open?", None)


async def test_in_a_group_a_reply_shows_the_line_and_who_said_it(
    database: Database, world: World
) -> None:
    await world.say(BOB, "gate B", group=CHOIR, name="Bob", message_id="1", sent_at=LONG_AGO)
    await world.say(CAROL, "gate C", group=CHOIR, name="Carol", message_id="2")
    sent = Quote("gate B", "Bob", BOB)
    await world.say(ALICE, "is that true?", group=CHOIR, reply_to="1", content=Content(quote=sent))
    reply = await reply_seen(database, world)
    assert reply == RepliedTo("gate B", Speaker("Bob", BOB), LONG_AGO)


async def test_a_part_that_was_picked_is_shown_with_who_said_the_whole(
    database: Database, world: World
) -> None:
    await world.say(BOB, "gate B, not C", group=CHOIR, name="Bob", message_id="1")
    picked = Content(quote=Quote("not C", "Bob", BOB, is_part=True))
    await world.say(ALICE, "sure?", group=CHOIR, reply_to="1", content=picked)
    reply = await reply_seen(database, world)
    assert reply is not None
    assert (reply.text, reply.speaker, reply.is_part) == ("not C", Speaker("Bob", BOB), True)


async def test_an_unstored_message_is_quoted_as_the_platform_sent_it(
    database: Database, world: World
) -> None:
    sent = Content(quote=Quote("gate B", "Bob", BOB, at=LONG_AGO))
    await world.say(ALICE, "is that true?", group=CHOIR, reply_to="77", content=sent)
    reply = await reply_seen(database, world)
    assert reply == RepliedTo("gate B", Speaker("Bob", BOB), LONG_AGO)


async def test_the_words_of_every_part_are_in_the_line_that_search_and_memory_read(
    database: Database, world: World
) -> None:
    card = Content((part("contact", name="Bob Miller", phones=["+49 151 2345"]),))
    said = await world.say(ALICE, "", content=card)
    [row] = await rows_of(world, "SELECT text, details FROM discreet.messages")
    assert row["text"] == "[contact: Bob Miller; phones: +49 151 2345]"
    assert row["details"]["parts"][0]["phones"] == ["+49 151 2345"]
    await do_all(database, world.db)
    assert len(await answers_of(world, said.session_id)) == 1


def edit(text: str, number: int = 1, **more: Any) -> dict[str, Any]:
    said = {"text": text, "message_id": f"1/{number}", "edit_of": "1", "addressed": False}
    return {**said, **more}


async def test_an_edit_before_the_turn_began_replaces_the_text(
    database: Database, world: World
) -> None:
    said = await world.say(ALICE, "Parcel to Rome", message_id="1")
    for _ in range(2):  # even if the platform delivers it twice
        edited = await world.say(ALICE, **edit("Parcel to Milan"))
        assert edited.message_id == said.message_id
    await do_all(database, world.db)
    assert await answers_of(world, said.session_id) == ["re: Parcel to Milan"]
    again = await world.say(ALICE, **edit("Parcel to Milan"))
    assert again.message_id == said.message_id
    await do_all(database, world.db)
    assert len(await answers_of(world, said.session_id)) == 1


async def test_an_edit_before_the_turn_began_replaces_parts_and_may_be_a_command(
    database: Database, world: World
) -> None:
    link = Content((part("link", text="menu", url="https://a.example"),))
    await world.say(ALICE, "see the menu", message_id="1", content=link)
    said = await world.say(ALICE, **edit("/help"))
    await do_all(database, world.db)
    [answer] = await answers_of(world, said.session_id)
    assert "/forget" in answer
    assert await rows_of(world, "SELECT details FROM discreet.messages WHERE direction = 'in'") == [
        {"details": None}
    ]


async def test_an_edit_while_the_model_thinks_begins_the_turn_again_once(
    database: Database, world: World
) -> None:
    held = Held()
    said = await world.say(ALICE, "Parcel to Rome", message_id="1")
    async with working(database, world.db, turns_of(world.db, held)):
        await until(held.has_begun)
        await world.say(ALICE, **edit("Parcel to Milan"))

        async def again() -> bool:
            return held.begun == 2

        await until(again)
        await world.say(ALICE, **edit("Parcel to Oslo", 2))
        held.free.set()

        async def answered() -> bool:
            return bool(await answers_of(world, said.session_id))

        await until(answered)
    assert await answers_of(world, said.session_id) == ["re: Parcel to Milan"]
    assert held.begun == 2
    texts = await rows_of(
        world,
        "SELECT text, attempts FROM discreet.messages WHERE direction = 'in' ORDER BY position",
    )
    assert [row["text"] for row in texts] == ["Parcel to Milan", "[edited] Parcel to Oslo"]
    assert texts[0]["attempts"] == 1


async def test_a_turn_that_changed_something_does_not_begin_again(
    database: Database, world: World
) -> None:
    edited: list[str] = []

    async def remembers(context: TurnContext, tools: Tools) -> str:
        done = await do_as_told(context, tools)
        await world.say(ALICE, **edit("forget it"))
        edited.append(done)
        return "done"

    said = await world.say(ALICE, calling("remember", content="tea"), message_id="1")
    await do_all(database, world.db, Responder(remembers))
    assert len(edited) == 1
    assert await answers_of(world, said.session_id) == ["done"]


async def test_an_edit_after_the_answer_is_context(database: Database, world: World) -> None:
    said = await world.say(ALICE, "Parcel to Rome", message_id="1")
    await do_all(database, world.db)
    await world.say(ALICE, **edit("Parcel to Milan"))
    await do_all(database, world.db)
    assert len(await answers_of(world, said.session_id)) == 1
    await world.say(ALICE, "so where to?")
    responder = Responder()
    await do_all(database, world.db, responder)
    assert "[edited] Parcel to Milan" in [line.text for line in responder.contexts[0].history]
