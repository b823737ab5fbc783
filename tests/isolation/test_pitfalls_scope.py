"""Ways in which similar systems lose the scope; pNN is the number in the list of pitfalls.

1-11 are here, 12-22 in test_pitfalls_tools.py, 23-31, 36 and 37 in test_pitfalls_messages.py. What
isn't built yet will be tested with its feature: child processes (16), webhooks (24), formatting
(27), limits for strangers (30), phone numbers, linking, merging and erasing contacts (32-35).
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.cli.chat import _said
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.domain.ids import ContactId, TurnId
from discreet.domain.inbound import (
    AddressSender,
    ContactSender,
    Inbound,
    OwnerSender,
    UnknownSender,
)
from discreet.intake import Accepted, accept
from discreet.intake.accept import Quarantined, accept_or_quarantine
from discreet.intake.retry import release_due
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.memory.embedding import bundled_embedder
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.schemas.sessions import ListMessages
from discreet.scope import IntakeScope, ScopedDatabase, SharedScope
from discreet.services.quarantine import list_quarantine
from discreet.services.sessions import end_session, get_session, list_messages
from discreet.sessions.replies import reply_to
from discreet.sessions.transcript import transcript
from discreet.turn.context import TurnContext
from discreet.turn.lease import LeaseLost, acquire
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from discreet.turn.toolbox import Toolbox
from tests.isolation.conftest import ALICE, BOB, OWNERS_SECRET, Neighbours
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all, turns_of
from tests.support.world import World, make_world, open_scoped, other_owner

Admin = psycopg.Connection[Any]
GROUP = "telegram:-100500"

SCOPED = ("sessions", "routes", "turns", "messages", "outbox", "memories", "memory_history")


def whose(admin: Admin, table: str, world: World) -> set[Any]:
    """Return the contacts, or None, that rows of a table belong to."""
    found = admin.execute(
        f"SELECT DISTINCT contact_id FROM discreet.{table} WHERE owner_id = %s", (world.owner_id,)
    )
    return {contact for (contact,) in found}


async def contents(db: ScopedDatabase, scope: Any) -> list[str]:
    async with db.begin(scope) as tx:
        return sorted(memory.content for memory in await list_memories(tx))


async def said(db: ScopedDatabase, scope: Any, session_id: Any) -> list[str]:
    async with db.begin(scope) as tx:
        return [message.text for message in await transcript(tx, session_id)]


def inbound(world: World, sender: Any, text: str = "hello", **more: Any) -> Inbound:
    made = to_inbound(TerminalMessage(text), world.channel_id)
    values = {name: getattr(made, name) for name in Inbound.__slots__}
    return Inbound(**{**values, "sender": sender, **more})


async def test_p01_a_message_that_waited_in_the_queue_is_still_its_senders(
    world: World, database: Database, admin: Admin
) -> None:
    remembered = {"a": ALICE, "b": BOB, "o": None}
    accepted = {
        text: await world.say(sender, calling("remember", content=text))
        for text, sender in remembered.items()
    }
    # Another process finds them waiting, after a restart.
    async with open_scoped(database) as db:
        await do_all(database, db, Responder(do_as_told))
        for text, one in accepted.items():
            scope = world.contact(one.contact_id) if one.contact_id else world.owner
            spoken = await said(db, scope, one.session_id)
            assert len(spoken) == 2
            if one.contact_id:
                assert await contents(db, scope) == [text]
        assert await contents(db, world.owner) == ["a", "b", "o"]
    for table in ("turns", "messages", "outbox", "memories", "routes"):
        assert whose(admin, table, world) == {one.contact_id for one in accepted.values()}, table


async def test_p01_a_turn_that_failed_and_is_tried_again_is_still_its_senders(
    world: World, database: Database, admin: Admin
) -> None:
    failing = [True]

    async def at_the_second_try(context: TurnContext, tools: Tools) -> str:
        if failing.pop() if failing else False:
            raise RuntimeError
        return await do_as_told(context, tools)

    alice = await world.say(ALICE, calling("remember", content="alice"))
    await do_all(database, world.db, Responder(at_the_second_try))
    for table in ("turns", "messages", "outbox", "memories"):
        assert whose(admin, table, world) == {alice.contact_id}, table
    states = admin.execute("SELECT state FROM discreet.turns ORDER BY started_at").fetchall()
    assert states == [("failed",), ("answered",)]


async def test_p02_taking_somebodys_display_name_takes_nothing_of_theirs(
    world: World, database: Database
) -> None:
    alice = await world.say(ALICE, calling("remember", content="rex"), name="Alice")
    owner = await world.say(None, calling("remember", content="safe"))
    responder = Responder(do_as_told)
    await do_all(database, world.db, responder)
    for place, name in enumerate(["Alice", "alice", "Olga", "Ada", "owner", ALICE, "", "  "]):
        mallory = await world.say(f"telegram:66{place}", calling("recall"), name=name)
        await do_all(database, world.db, responder)
        assert mallory.contact_id not in (None, alice.contact_id)
        assert mallory.session_id not in (alice.session_id, owner.session_id)
        answer = (await said(world.db, world.contact(mallory.contact_id), mallory.session_id))[1]
        assert answer == "No results."
    again = await world.say(ALICE, "me again", name="Somebody else")
    assert again.contact_id == alice.contact_id


async def test_p02_a_sender_that_cannot_be_resolved_waits_in_quarantine_and_is_never_the_owner(
    world: World, admin: Admin
) -> None:
    await world.say(ALICE, "hi", group=GROUP)
    unresolved = [
        UnknownSender("the update had no sender"),
        # A group is not a person.
        AddressSender(Address.parse(GROUP), "Olga"),
        ContactSender(ContactId(uuid4())),
    ]
    for sender in unresolved:
        with pytest.raises(DiscreetError):
            await accept(world.db, world.owner_id, inbound(world, sender))
        given = inbound(world, sender, "let me in")
        kept = await accept_or_quarantine(world.db, world.owner_id, given)
        assert isinstance(kept, Quarantined)
        assert "contact" in kept.why or "sender" in kept.why
    assert len(await list_quarantine(world.db, world.owner_id)) == len(unresolved)
    assert None not in whose(admin, "messages", world)
    admin.execute("UPDATE discreet.quarantine SET next_try_at = now()")
    assert await release_due(world.db) == 0
    assert None not in whose(admin, "messages", world)
    assert len(await list_quarantine(world.db, world.owner_id)) == len(unresolved)


async def test_p02_an_error_while_the_contact_is_resolved_never_makes_the_message_the_owners(
    world: World, admin: Admin
) -> None:
    admin.execute(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no contacts today'; END $$;"
        "CREATE TRIGGER fail BEFORE INSERT ON discreet.contacts FOR EACH ROW"
        " EXECUTE FUNCTION public.fail()"
    )
    message = inbound(world, AddressSender(Address.parse(ALICE), "Olga"), "remember me")
    kept = await accept_or_quarantine(world.db, world.owner_id, message)
    assert isinstance(kept, Quarantined)
    assert whose(admin, "messages", world) == whose(admin, "sessions", world) == set()
    admin.execute("DROP TRIGGER fail ON discreet.contacts")
    admin.execute("UPDATE discreet.quarantine SET next_try_at = now()")
    assert await release_due(world.db) == 1
    assert await list_quarantine(world.db, world.owner_id) == []
    assert None not in whose(admin, "messages", world)
    assert (await world.say(ALICE, "and again")).contact_id in whose(admin, "messages", world)


async def test_p02_what_one_owner_has_in_quarantine_no_other_can_see_count_or_release(
    world: World, admin: Admin
) -> None:
    await accept_or_quarantine(world.db, world.owner_id, inbound(world, UnknownSender("?")))
    (kept,) = await list_quarantine(world.db, world.owner_id)
    other = await other_owner(world, admin)
    assert await list_quarantine(other.db, other.owner_id) == []
    await other.db.call(
        IntakeScope(other.owner_id),
        "SELECT gate.release_quarantined(%(ticket)s, %(id)s)",
        {"id": kept.id},
    )
    with pytest.raises(psycopg.DatabaseError, match="no_such_channel"):
        await other.db.call(
            IntakeScope(other.owner_id),
            "SELECT gate.quarantine_message(%(ticket)s, %(channel)s, 'key', '{}', 'why', NULL)",
            {"channel": world.channel_id},
        )
    assert [one.id for one in await list_quarantine(world.db, world.owner_id)] == [kept.id]


async def test_p03_a_session_that_is_named_by_its_id_is_used_in_its_own_scope_only(
    neighbours: Neighbours, admin: Admin
) -> None:
    world = neighbours.world
    alice = world.contact(neighbours.alice.contact_id)
    otto = await other_owner(world, admin)
    ottos = await otto.say(ALICE, "hello Otto")
    strangers = [alice, otto.contact(ottos.contact_id), otto.owner, SharedScope(*_ids(world))]
    for stranger in strangers:
        async with world.db.begin(stranger) as tx:
            for theirs in (neighbours.bob, neighbours.owner):
                assert await transcript(tx, theirs.session_id) == []
                assert await acquire(tx, theirs.session_id) is None
                with pytest.raises(NotFound):
                    await reply_to(tx, theirs.message_id)
        for theirs in (neighbours.bob, neighbours.owner):
            context = world.context(stranger)
            with pytest.raises(NotFound):
                await get_session(context, theirs.session_id)
            with pytest.raises(NotFound):
                await list_messages(context, theirs.session_id, ListMessages())
            with pytest.raises(NotFound):
                await end_session(context, theirs.session_id)
        box = _toolbox(world, stranger, neighbours.bob)
        with pytest.raises(LeaseLost):
            await box.call("recall", {})
    held = admin.execute("SELECT DISTINCT state FROM discreet.messages").fetchall()
    assert held == [("waiting",)]


def _ids(world: World) -> tuple[Any, Any]:
    return world.owner_id, world.agent_id


def _toolbox(world: World, scope: Any, accepted: Accepted) -> Toolbox:
    return Toolbox(world.db, scope, accepted.session_id, TurnId(uuid4()), bundled_embedder())


async def test_p03_a_channel_of_another_owner_takes_no_message(world: World, admin: Admin) -> None:
    otto = await other_owner(world, admin)
    for sender in (OwnerSender(), AddressSender(Address.parse(ALICE))):
        with pytest.raises(NotFound, match="no such channel"):
            await accept(world.db, otto.owner_id, inbound(world, sender))
    assert admin.execute("SELECT count(*) FROM discreet.messages").fetchone() == (0,)


async def test_p03_an_answer_to_somebody_elses_message_stays_in_ones_own_session(
    neighbours: Neighbours, database: Database
) -> None:
    world = neighbours.world
    bob = neighbours.bob
    # A platform says what a message replies to; whoever names one of our ids is refused.
    with pytest.raises(NotFound):
        await world.say(ALICE, "hi", reply_to=str(bob.message_id))
    replying = inbound(
        world,
        AddressSender(Address.parse(ALICE)),
        calling("recall"),
        channel_id=await world.add_channel("telegram"),
        chat_id=ALICE,
        reply_to=str(bob.message_id),
        thread_key=str(bob.session_id),
    )
    accepted = await accept(world.db, world.owner_id, replying)
    assert accepted.contact_id == neighbours.alice.contact_id
    assert accepted.session_id not in (neighbours.bob.session_id, neighbours.owner.session_id)
    responder = Responder(do_as_told)
    await run_turn(turns_of(world.db, responder), accepted.session_id)
    assert "alice likes tea" in (await said(world.db, world.owner, accepted.session_id))[1]
    assert OWNERS_SECRET not in repr(responder.prompts)
    assert "heron" not in repr(responder.prompts)


async def test_p04_the_same_thread_key_is_another_session_for_every_sender(
    world: World, admin: Admin
) -> None:
    async def everybody() -> list[Accepted]:
        return [
            await world.say(ALICE, "hi", thread_key="trip:lisbon"),
            await world.say(BOB, "hi", thread_key="trip:lisbon"),
            await world.say(ALICE, "hi", thread_key="trip:lisbon", group=GROUP),
            await world.say(None, "hi", thread_key="trip:lisbon"),
            await world.say(ALICE, "hi"),
            await world.say(None, "hi"),
        ]

    first, second = await everybody(), await everybody()
    assert len({one.session_id for one in first}) == len(first)
    assert [one.session_id for one in first] == [one.session_id for one in second]
    assert len({one.contact_id for one in first}) == 4
    assert len(whose(admin, "sessions", world)) == 4


async def test_p04_a_thread_key_of_another_agent_or_owner_is_another_session(
    world: World, admin: Admin
) -> None:
    worlds = [world, await make_world(world.db, agent="Eve"), await other_owner(world, admin)]
    for sender in (ALICE, None):
        sessions = [(await one.say(sender, "hi", thread_key="t")).session_id for one in worlds]
        again = [(await one.say(sender, "hi", thread_key="t")).session_id for one in worlds]
        assert len(set(sessions)) == len(worlds)
        assert again == sessions
    # The same person for both agents of an owner, a different one for another owner.
    contacts = [(await one.say(ALICE, "hi")).contact_id for one in worlds]
    assert contacts[0] == contacts[1] != contacts[2]


@pytest.mark.parametrize("sender", [ALICE, None])
async def test_p05_first_messages_that_arrive_at_once_make_one_contact_and_one_session(
    database: Database, admin: Admin, sender: str | None
) -> None:
    async with open_scoped(database, size=6) as db:
        world = await make_world(db)
        accepted = await asyncio.gather(
            *(world.say(sender, f"message {n}", name=f"Name {n}") for n in range(12))
        )
    assert len({one.contact_id for one in accepted}) == 1
    assert len({one.session_id for one in accepted}) == 1
    assert len({one.message_id for one in accepted}) == 12
    counts = admin.execute(
        "SELECT (SELECT count(*) FROM discreet.contacts), (SELECT count(*) FROM discreet.sessions),"
        " (SELECT array_agg(position ORDER BY position) FROM discreet.messages)"
    ).fetchone()
    assert counts == (0 if sender is None else 1, 1, list(range(1, 13)))


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
    given |= {"thread_key": "", "new": False, "text": "hi", "checked": True, "replies_to": None}
    with pytest.raises(BadInput) as refused:
        _said(**{**given, **words})
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
