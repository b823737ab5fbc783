"""Ways in which similar systems lose the scope; pNN is the number in the list of pitfalls.

1-5 are here, 6-11 in test_pitfalls_sessions.py, 12-16 and 20 in test_pitfalls_tools.py, 17-22 in
test_pitfalls_recall.py, 23-31, 36 and 37 in test_pitfalls_messages.py. What
isn't built yet will be tested with its feature: child processes (16), webhooks (24), formatting
(27), limits for strangers (30), phone numbers, linking, merging and erasing contacts (32-35).
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import DiscreetError, NotFound
from discreet.domain.ids import ContactId, TurnId
from discreet.domain.inbound import (
    AddressSender,
    ContactSender,
    OwnerSender,
    UnknownSender,
)
from discreet.intake import Accepted, accept
from discreet.intake.accept import Quarantined, accept_or_quarantine
from discreet.intake.retry import release_due
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.schemas.sessions import ListMessages
from discreet.scope import IntakeScope, SharedScope
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
from tests.isolation.pitfalls import GROUP, Admin, contents, inbound, said, whose
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all, turns_of
from tests.support.world import World, make_world, open_scoped, other_owner


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
