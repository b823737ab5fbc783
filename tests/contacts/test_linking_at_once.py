"""Linking while messages, turns and answers of the contacts are under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from discreet.auth import mcp_sessions, tokens
from discreet.delivery import deliver
from discreet.domain.errors import Conflict
from discreet.postgres.server import Database
from discreet.turn.context import TurnContext
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.contacts.linked import (
    ANN,
    ANN_TOO,
    Admin,
    keep,
    kept_by,
    link,
    naming,
    route_of,
    undo,
    until_blocked,
)
from tests.support.platform import Platform
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, do_all, turns_of


async def test_what_waits_at_that_moment_is_answered_once_where_it_was_asked(
    platform: Platform, database: Database
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    await link(platform, ANN, ANN_TOO)
    wire = Recording("telegram")
    db, responder = platform.world.db, Responder()
    for said in (first, other):
        await run_turn(turns_of(db, responder), said.session_id)
    await do_all(database, db, responder, {"telegram": wire, "terminal": Recording("terminal")})
    assert sorted((sent.chat_id, sent.text) for sent in wire.sent) == [
        ("1001", "hm"),
        ("2001", "hm"),
    ]


async def test_a_turn_that_thinks_while_its_contact_is_joined_saves_nothing_and_is_run_again(
    platform: Platform, admin: Admin
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    thinking, joined = asyncio.Event(), asyncio.Event()

    async def slowly(_: TurnContext, tools: Tools) -> str:
        thinking.set()
        await joined.wait()
        await tools.call("remember", {"content": "written too late"})
        return "too late"

    turn = asyncio.create_task(
        run_turn(turns_of(platform.world.db, Responder(slowly)), other.session_id)
    )
    await thinking.wait()
    admin.execute("TRUNCATE queue.procrastinate_jobs CASCADE")
    made = await link(platform, ANN, ANN_TOO)
    jobs = admin.execute("SELECT lock FROM queue.procrastinate_jobs").fetchall()
    assert jobs == [(f"turn:{other.session_id}",)]
    joined.set()
    await turn
    assert await platform.sent(ANN_TOO) == []
    assert await kept_by(platform, first.contact_id) == set()
    await run_turn(turns_of(platform.world.db, Responder()), other.session_id)
    assert await platform.sent(ANN_TOO) == ["hm"]
    await undo(platform, made)
    assert await kept_by(platform, other.contact_id) == set()


async def test_nobody_is_joined_while_an_answer_is_being_sent(platform: Platform) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    await run_turn(turns_of(platform.world.db, Responder()), other.session_id)
    refused: list[str] = []

    class Joining(Recording):
        async def send(self, outbound: Any) -> Any:
            with pytest.raises(Conflict) as error:
                await link(platform, ANN, ANN_TOO)
            refused.append(error.value.message)
            return await super().send(outbound)

    wire = Joining("telegram")
    route = await route_of(platform, other.session_id)
    await deliver(platform.world.db, by_platform({"telegram": wire}), route)
    assert refused == ["That can't be done: an answer is being sent; try again in a moment."]
    await link(platform, ANN, ANN_TOO)
    await deliver(platform.world.db, by_platform({"telegram": wire}), route)
    assert [sent.chat_id for sent in wire.sent] == ["2001"]
    assert first.contact_id != other.contact_id


async def test_a_message_that_arrives_at_the_same_moment_is_stored_once_for_who_it_is_then(
    platform: Platform, admin: Admin
) -> None:
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    for round_ in range(3):
        made, *said = await asyncio.gather(
            link(platform, ANN, str(other.contact_id)),
            *(
                platform.accepted(ANN_TOO, f"{round_} {n}", thread_key=f"{round_}" * (n % 3))
                for n in range(5)
            ),
        )
        assert set(naming(admin, other.contact_id)) == set()
        assert len({accepted.message_id for accepted in said}) == 5
        await undo(platform, made)
    found = admin.execute(
        "SELECT count(*) FROM discreet.messages WHERE sender_address = %s", (ANN_TOO,)
    ).fetchone()
    assert found == (1 + 3 * 5,)


@pytest.mark.parametrize("thread", ["", "of its own"])
async def test_who_looked_a_contact_up_before_it_was_joined_looks_again(
    platform: Platform, admin: Admin, thread: str
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (first.contact_id, other.contact_id))
        saying = asyncio.create_task(platform.accepted(ANN_TOO, "c", thread_key=thread))
        await until_blocked(admin)
    assert (await saying).contact_id == first.contact_id
    assert naming(admin, other.contact_id) == {}


async def test_a_memory_of_a_contact_being_merged_is_refused(
    platform: Platform, admin: Admin
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (first.contact_id, other.contact_id))
        keeping = asyncio.create_task(keep(platform, other, "too late"))
        await until_blocked(admin)
    with pytest.raises(Conflict):
        await keeping
    assert await kept_by(platform, first.contact_id) == set()


async def test_a_connection_that_was_bound_to_the_joined_one_is_nobodys_afterwards(
    platform: Platform,
) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    _, token = await tokens.create_token(world.db, world.owner_id)
    owner = await tokens.authenticate(world.db, token)
    await mcp_sessions.begin_mcp_session(world.db, owner, "key")
    _, found = await mcp_sessions.find_mcp_session(world.db, token, "key")
    assert found is not None
    assert await found.binding.bind(world.contact(other.contact_id), other.session_id)
    made = await link(platform, ANN, ANN_TOO)
    assert (await mcp_sessions.find_mcp_session(world.db, token, "key"))[1] is None
    await undo(platform, made)
    assert (await mcp_sessions.find_mcp_session(world.db, token, "key"))[1] is None
