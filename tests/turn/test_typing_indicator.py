"""Waiting people see a typing indicator."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from discreet.domain.outbound import Place
from discreet.postgres.server import Database
from discreet.turn.run import run_turn
from tests.support.responders import Responder
from tests.support.turns import answers_of, turns_of
from tests.support.waiting import patience
from tests.support.world import World, make_world, open_scoped

ALICE = "whatsapp:US.1"


async def test_only_the_messages_being_answered_are_marked_as_read(
    database: Database,
) -> None:
    async with open_scoped(database) as db:
        await _shows_what_is_answered(await make_world(db))


async def _shows_what_is_answered(world: World) -> None:
    channel = await world.add_channel("whatsapp", "1")
    shown: list[tuple[str, Place]] = []
    seen = asyncio.Event()

    async def reply(*_: Any) -> str:
        await world.say(ALICE, "and more", channel_id=channel, message_id="wamid.3")
        await seen.wait()
        return "hm"

    async def show(_: object, platform: str, place: Place) -> None:
        shown.append((platform, place))
        seen.set()

    for name in ("wamid.1", "wamid.2"):
        said = await world.say(ALICE, "hello", channel_id=channel, message_id=name)
    turns = replace(turns_of(world.db, Responder(reply)), show_typing=show)
    async with patience():
        await run_turn(turns, said.session_id)
    assert shown == [("whatsapp", Place("1", ALICE, "", "wamid.2"))]


async def test_a_turn_is_saved_although_what_shows_it_loses_its_cancellation(
    database: Database,
) -> None:
    shown = asyncio.Event()

    async def reply(*_: Any) -> str:
        await shown.wait()
        return "hm"

    async def show(*_: Any) -> None:
        # Like asyncio.wait_for on Python 3.11 if its result arrives at the same moment.
        shown.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async with open_scoped(database) as db, patience():
        world = await make_world(db)
        said = await world.say(ALICE, "hello", channel_id=await world.add_channel("whatsapp", "1"))
        turns = replace(turns_of(db, Responder(reply)), show_typing=show)
        await run_turn(turns, said.session_id)
        assert await answers_of(world, said.session_id) == ["hm"]


async def test_a_terminal_is_shown_no_typing_and_a_platform_is(database: Database) -> None:
    running: set[str] = set()

    async def reply(*_: Any) -> str:
        running.update(task.get_name() for task in asyncio.all_tasks())
        return "hm"

    async with open_scoped(database) as db:
        world = await make_world(db)
        turns = turns_of(db, Responder(reply))
        await run_turn(turns, (await world.say("telegram:1", "hello")).session_id)
        assert "thinking" in running
        assert not running & {"typing", "streaming"}
        channel = await world.add_channel("whatsapp", "1")
        said = await world.say(ALICE, "hello", channel_id=channel)
        await run_turn(turns, said.session_id)
        assert "typing" in running
