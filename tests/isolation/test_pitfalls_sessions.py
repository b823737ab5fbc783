"""Ways in which a turn, a group or an entry point ends in another sender's session.

pNN is the number in the list of pitfalls; test_pitfalls_scope.py describes the whole list.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.inbound import (
    ContactSender,
    OwnerSender,
)
from discreet.intake import accept
from discreet.intake.terminal_message import typed_message
from discreet.postgres.server import Database
from discreet.sessions.transcript import transcript
from discreet.turn.context import TurnContext
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.isolation.conftest import ALICE, BOB
from tests.isolation.pitfalls import GROUP, Admin, contents, inbound, said, whose
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all, turns_of
from tests.support.world import World, make_world, open_scoped, other_owner

SCOPED = ("sessions", "routes", "turns", "messages", "outbox", "memories", "memory_history")


async def test_p06_and_p09_two_who_write_in_one_chat_each_keep_their_own_session(
    world: World, database: Database, admin: Admin
) -> None:
    responder = Responder(do_as_told)
    first = {}
    for turn in range(3):
        for sender in (ALICE, BOB, None):
            accepted = await world.say(
                sender, calling("remember", content=f"{sender} {turn}"), chat="one chat for all"
            )
            assert first.setdefault(sender, accepted).session_id == accepted.session_id
            await do_all(database, world.db, responder)
    assert len({one.session_id for one in first.values()}) == 3
    for sender in (ALICE, BOB):
        kept = await contents(world.db, world.contact(first[sender].contact_id))
        assert kept == [f"{sender} {turn}" for turn in range(3)]
    # An answer's route belongs to its own session, although the chat is the same.
    routes = admin.execute(
        "SELECT count(*), count(DISTINCT r.session_id), bool_and(r.session_id = m.session_id)"
        " FROM discreet.messages m JOIN discreet.routes r ON r.id = m.route_id"
        " WHERE m.direction = 'out'"
    ).fetchone()
    assert routes == (9, 3, True)


async def test_p07_each_line_in_a_group_is_its_speakers_and_the_group_is_nobodys_private_scope(
    world: World, database: Database
) -> None:
    responder = Responder(do_as_told)
    alone = await world.say(ALICE, calling("remember", content="alice, in private"))
    await do_all(database, world.db, responder)
    spoken = [
        await world.say(ALICE, "I eat fish", group=GROUP, name="Alice"),
        await world.say(BOB, "I don't", group=GROUP, name="Alice"),
        await world.say(ALICE, calling("recall"), group=GROUP, name="Alice"),
    ]
    responder.contexts.clear()
    await do_all(database, world.db, responder)
    (context,) = responder.contexts
    assert [(line.speaker.address, line.text) for line in context.waiting if line.speaker] == [
        (ALICE, "I eat fish"),
        (BOB, "I don't"),
        (ALICE, calling("recall")),
    ]
    assert context.knowledge == context.recalled == ()
    assert len({one.session_id for one in spoken}) == 1
    async with world.db.begin(world.contact(spoken[0].contact_id)) as tx:
        lines = await transcript(tx, spoken[0].session_id)
    speakers = [line.sender_contact_id for line in lines if line.direction == "in"]
    assert speakers[0] == speakers[2] == alone.contact_id
    assert speakers[1] not in (None, alone.contact_id, spoken[0].contact_id)
    assert alone.contact_id not in {one.contact_id for one in spoken}
    answer = await said(world.db, world.contact(spoken[0].contact_id), spoken[0].session_id)
    assert answer[-1] == "No results."


async def test_p07_direct_messages_of_several_people_that_wait_together_are_several_turns(
    world: World, database: Database
) -> None:
    responder = Responder()
    for text in ("one", "two"):
        for sender in (ALICE, BOB, None):
            await world.say(sender, text)
    await do_all(database, world.db, responder)
    assert sorted(
        [(line.speaker.address, line.text) for line in one.waiting if line.speaker]
        for one in responder.contexts
    ) == sorted([(who, "one"), (who, "two")] for who in (ALICE, BOB, "owner"))


async def test_p08_what_a_turn_leaves_behind_has_the_contact_of_its_session(
    world: World, database: Database, admin: Admin
) -> None:
    responder = Responder(do_as_told)
    await world.say(ALICE, calling("remember", content="tea", salience="high"))
    await do_all(database, world.db, responder)
    (memory_id,) = _memory_ids(admin)
    await world.say(ALICE, calling("update_memory", memory_id=memory_id, content="coffee"))
    await do_all(database, world.db, responder)
    alice = await world.say(ALICE, calling("forget", memory_id=memory_id))
    await do_all(database, world.db, responder)
    for table in SCOPED:
        expected = set() if table == "memories" else {alice.contact_id}
        assert whose(admin, table, world) == expected, table
    indexed = admin.execute(
        "SELECT count(*), count(terms), count(embedder) FROM discreet.messages"
    ).fetchone()
    assert indexed == (6, 6, 6)


def _memory_ids(admin: Admin) -> list[str]:
    return [str(id) for (id,) in admin.execute("SELECT id FROM discreet.memories")]


async def test_p09_turns_that_run_at_the_same_moment_never_get_each_others_sender(
    database: Database,
) -> None:
    everybody = (ALICE, BOB, "telegram:1003", None)
    together = asyncio.Barrier(len(everybody))

    async def all_at_once(context: TurnContext, tools: Tools) -> str:
        await together.wait()
        await tools.call("remember", {"content": f"I am {context.waiting[0].text}"})
        await together.wait()
        found = await tools.call("recall", {"query": "who am I"})
        return found.text

    async with open_scoped(database, size=2) as db:
        world = await make_world(db)
        accepted = {sender: await world.say(sender, str(sender)) for sender in everybody}
        turns = turns_of(db, Responder(all_at_once))
        await asyncio.gather(*(run_turn(turns, one.session_id) for one in accepted.values()))
        for sender, one in accepted.items():
            answer = (await said(db, world.owner, one.session_id))[1]
            seen = {str(other) for other in everybody if f"I am {other}" in answer}
            assert seen == ({str(other) for other in everybody} if sender is None else {sender})


@pytest.mark.parametrize(
    "words",
    [
        {"sender": "foo"},
        {"sender": "nosuch:1"},
        {"sender": "telegram:"},
        {"sender": ""},
        {"sender": " telegram:1001"},
        {"sender": ALICE, "contact_id": str(uuid4())},
        {"contact_id": "1"},
        {"contact_id": ""},
        {"group": GROUP},
        {"sender": ALICE, "group": ""},
        {"sender": ALICE, "thread_key": " x"},
    ],
)
def test_p10_a_sender_that_cannot_be_read_ends_the_command_and_nobody_speaks_as_the_owner(
    words: dict[str, str],
) -> None:
    given: dict[str, Any] = dict.fromkeys(["agent", "sender", "contact_id", "group"])
    given |= {"thread_key": "", "new": False, "text": "hi", "replies_to": None}
    with pytest.raises(BadInput) as refused:
        typed_message(**{**given, **words})
    assert refused.value.exit_code == 2


async def test_p10_a_contact_that_does_not_exist_or_is_another_owners_cannot_be_spoken_as(
    world: World, admin: Admin
) -> None:
    otto = await other_owner(world, admin)
    ottos = await otto.say(ALICE, "hello Otto")
    for unknown in (uuid4(), ottos.contact_id, world.owner_id, world.agent_id):
        with pytest.raises(NotFound) as refused:
            await accept(world.db, world.owner_id, inbound(world, ContactSender(unknown)))
        assert str(refused.value) == "There is no such contact. Check the id."
    assert whose(admin, "messages", world) == whose(admin, "sessions", world) == set()


async def test_p10_only_a_terminal_lets_anybody_be_the_owner_or_a_contact_by_id(
    world: World, admin: Admin
) -> None:
    alice = await world.say(ALICE, "hi")
    telegram = await world.add_channel("telegram", "bot")
    for sender in (OwnerSender(), ContactSender(alice.contact_id)):  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="can't be resolved"):
            await accept(world.db, world.owner_id, inbound(world, sender, channel_id=telegram))
    assert whose(admin, "messages", world) == {alice.contact_id}


async def test_p11_nobody_is_put_into_the_latest_session_of_anyone(world: World) -> None:
    bob, owner = await world.say(BOB, "hi"), await world.say(None, "hi")
    alice = await world.say(ALICE, "hi")
    assert len({one.session_id for one in (alice, bob, owner)}) == 3
    trip = await world.say(ALICE, "hi", thread_key="trip:lisbon")
    anew = await world.say(ALICE, "hi", new=True)
    assert len({one.session_id for one in (alice, trip, anew)}) == 3
    # Each conversation continues, whatever others began or ended last, or on other threads.
    await world.say(BOB, "hi", thread_key="trip:lisbon", new=True)
    await world.say(None, "hi", new=True)
    assert (await world.say(ALICE, "hi")).session_id == anew.session_id
    assert (await world.say(ALICE, "hi", thread_key="trip:lisbon")).session_id == trip.session_id
    assert (await world.say(BOB, "hi")).session_id == bob.session_id


async def test_p11_a_new_session_ends_nobody_elses(world: World, admin: Admin) -> None:
    eve = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    others = [
        await world.say(BOB, "hi"), await world.say(None, "hi"), await eve.say(ALICE, "hi"),
        await eve.say(None, "hi"), await otto.say(ALICE, "hi"), await otto.say(None, "hi"),
        await world.say(ALICE, "hi", thread_key="other"), await world.say(ALICE, "hi", group=GROUP),
    ]  # fmt: skip
    mine = await world.say(ALICE, "hi")
    await world.say(ALICE, "hi", new=True)
    ended = admin.execute("SELECT id FROM discreet.sessions WHERE ended_at IS NOT NULL").fetchall()
    assert ended == [(mine.session_id,)]
    owners = others.pop(1)
    await world.say(None, "hi", new=True)
    ended = admin.execute("SELECT id FROM discreet.sessions WHERE ended_at IS NOT NULL").fetchall()
    assert set(ended) == {(mine.session_id,), (owners.session_id,)}
