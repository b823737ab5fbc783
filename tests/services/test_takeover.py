"""The owner answers in person: the agent is silent, and later knows what was said."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import ContactId
from discreet.memory.embedding import bundled_embedder
from discreet.scope import OwnerScope
from discreet.services.status import get_status
from discreet.services.takeover import hand_back, lines_after, speak, take_over
from discreet.sessions.replies import reply_to
from discreet.turn.lease import Lease, LeaseLost, acquire
from discreet.turn.load import load
from discreet.turn.prompt import Budget, Prompt, build_prompt
from discreet.turn.result import TurnResult
from discreet.turn.save import save_answer
from tests.support.world import World

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"


async def lease(world: World, who: str) -> Lease | None:
    said = world.said[who]
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        found = await acquire(tx, said.session_id)
    return found if isinstance(found, Lease) else None


async def say(world: World, who: str, text: str) -> None:
    world.said[who] = await world.say(who, text)


async def contact(world: World, who: str) -> ContactId:
    return (await take_over(world.db, world.owner_id, who)).id


async def test_the_agent_is_silent_for_this_contact_and_for_no_other(world: World) -> None:
    await say(world, ALICE, "hello")
    await say(world, BOB, "hello")
    await take_over(world.db, world.owner_id, ALICE)
    assert await lease(world, ALICE) is None
    assert await lease(world, BOB)
    assert (await get_status(world.db, world.owner_id)).taken_over == (ALICE,)


async def test_a_turn_that_thinks_when_the_owner_takes_over_says_nothing(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await say(world, ALICE, "hello")
    turn = await lease(world, ALICE)
    assert turn is not None
    await take_over(world.db, world.owner_id, ALICE)
    with pytest.raises(LeaseLost):
        async with world.db.begin(world.contact(world.said[ALICE].contact_id)) as tx:
            await save_answer(tx, turn, Prompt("", ()), TurnResult("too late", "model"))
    assert admin.execute("SELECT count(*) FROM discreet.outbox").fetchone() == (0,)


async def test_what_the_owner_says_answers_what_waits_and_goes_where_the_contact_wrote(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await say(world, ALICE, "is anybody there?")
    await say(world, BOB, "hello")
    await lease(world, ALICE)
    await speak(world.db, world.owner_id, await contact(world, ALICE), "It is me, Olga.")
    sent = admin.execute(
        "SELECT r.chat_id, m.text, m.contact_id FROM discreet.outbox o"
        " JOIN discreet.messages m ON m.id = o.message_id"
        " JOIN discreet.routes r ON r.id = o.route_id"
    ).fetchall()
    assert sent == [(ALICE, "It is me, Olga.", world.said[ALICE].contact_id)]
    await hand_back(world.db, world.owner_id, ALICE)
    assert await lease(world, ALICE) is None, "nothing is left to answer"
    admin.execute("UPDATE discreet.outbox SET state = 'sent'")
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        reply = await reply_to(tx, world.said[ALICE].message_id)
    assert reply.answer == "It is me, Olga."


async def test_what_nobody_answered_the_agent_answers_once_it_is_handed_back(
    world: World,
) -> None:
    await say(world, ALICE, "hello")
    await take_over(world.db, world.owner_id, ALICE)
    await hand_back(world.db, world.owner_id, ALICE)
    assert await lease(world, ALICE)


async def test_the_agent_later_knows_what_was_said_and_by_whom(world: World) -> None:
    await say(world, ALICE, "may I have a discount?")
    await speak(world.db, world.owner_id, await contact(world, ALICE), "You get ten percent.")
    await hand_back(world.db, world.owner_id, ALICE)
    await say(world, ALICE, "how much was it?")
    turn = await lease(world, ALICE)
    assert turn is not None
    scope = world.contact(world.said[ALICE].contact_id)
    context = await load(world.db, scope, turn, bundled_embedder())
    prompt = build_prompt(context, Budget())
    [answer] = [message.text for message in prompt.messages if message.role == "assistant"]
    assert answer == "[said by your owner in person, in your place] You get ten percent."


async def test_the_owner_reads_along_with_this_contact_alone(world: World) -> None:
    await say(world, ALICE, "hello")
    await say(world, BOB, "a secret")
    alice = await contact(world, ALICE)
    heard = await lines_after(world.db, world.owner_id, alice, after=None, limit=20)
    assert [(line.speaker, line.text) for line in heard] == [(ALICE, "hello")]
    await speak(world.db, world.owner_id, alice, "Hi!")
    [more] = await lines_after(world.db, world.owner_id, alice, after=heard[-1].at, limit=20)
    assert (more.speaker, more.in_person) == ("you", True)


async def test_a_group_can_be_taken_over_too(world: World) -> None:
    said = await world.say(ALICE, "@ada hello", group=GROUP)
    group = await contact(world, GROUP)
    assert group == said.contact_id
    await speak(world.db, world.owner_id, group, "Hello, all of you.")


async def test_only_a_contact_that_was_taken_over_and_has_written_can_be_answered(
    world: World,
) -> None:
    await say(world, ALICE, "hello")
    said = await world.say(BOB, "hello", group=GROUP)
    assert said.contact_id is not None
    with pytest.raises(BadInput):
        await speak(world.db, world.owner_id, said.contact_id, "hello")
    with pytest.raises(BadInput):
        await speak(world.db, world.owner_id, await contact(world, BOB), "hello")
    with pytest.raises(NotFound):
        await take_over(world.db, world.owner_id, "telegram:404")
