from __future__ import annotations

from uuid import uuid4

import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import SessionId
from discreet.schemas.memories import ListMemories, Memory
from discreet.schemas.sessions import ListMessages, Session
from discreet.scope import SharedScope
from discreet.services.contacts import find_contact, list_recent_contacts
from discreet.services.memories import list_memories
from discreet.services.sessions import get_session, list_messages, list_recent_sessions
from tests.support.world import World, make_world


def label(item: Memory | Session) -> str | None:
    return None if item.whose is None else item.whose.label


async def _keep(world: World, scope: object, *contents: str) -> None:
    async with world.db.begin(scope) as tx:  # type: ignore[arg-type]
        for content in contents:
            await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (content,))


async def test_contacts_are_listed_with_how_much_there_is_of_each(world: World) -> None:
    first = await world.say("telegram:1001", "hello", name="Alice")
    await world.say("telegram:1002", "hi")
    await world.say("telegram:1001", "again", thread_key="trip")
    await _keep(world, world.contact(first.contact_id), "likes tea", "has a dog")
    listed = await list_recent_contacts(world.db, world.owner_id)
    assert [
        (item.contact.label, item.contact.addresses, item.sessions, item.messages, item.memories)
        for item in listed
    ] == [
        ("Alice", ("telegram:1001",), 2, 2, 2),
        ("telegram:1002", ("telegram:1002",), 1, 1, 0),
    ]


async def test_a_contact_is_found_by_id_address_or_name(world: World) -> None:
    accepted = await world.say("telegram:1001", "hello", name="Alice")
    for who in (str(accepted.contact_id), "telegram:1001", "alice", " ALICE "):
        found = await find_contact(world.db, world.owner_id, who)
        assert found.contact.id == accepted.contact_id


async def test_a_name_that_two_contacts_bear_is_answered_with_their_ids(world: World) -> None:
    both = [await world.say(f"telegram:{n}", "hello", name="Alice") for n in (1001, 1002)]
    with pytest.raises(BadInput) as caught:
        await find_contact(world.db, world.owner_id, "Alice")
    assert all(str(accepted.contact_id) in str(caught.value) for accepted in both)


async def test_a_similar_name_is_suggested_and_never_taken(world: World) -> None:
    accepted = await world.say("telegram:1001", "hello", name="Alice")
    with pytest.raises(NotFound, match=f"Similar: {accepted.contact_id}"):
        await find_contact(world.db, world.owner_id, "Alise")


async def test_sessions_say_whose_they_are_and_what_waits(world: World) -> None:
    await world.say("telegram:1001", "hello", name="Alice")
    await world.say("telegram:1001", "and this")
    await world.say(None, "mine", thread_key="trip")
    listed = await list_recent_sessions(world.context(), limit=100)
    assert [(label(item), item.thread_key, item.messages, item.waiting) for item in listed] == [
        ("owner", "trip", 1, 1),
        ("Alice", "", 2, 2),
    ]


async def test_sessions_and_memories_of_one_contact_are_of_that_one_only(world: World) -> None:
    alice = await world.say("telegram:1001", "hello")
    bob = await world.say("telegram:1002", "hello")
    await _keep(world, world.contact(alice.contact_id), "tea")
    await _keep(world, world.contact(bob.contact_id), "heron")
    sessions = await list_recent_sessions(world.context(), contact_id=alice.contact_id, limit=9)
    memories = await list_memories(world.context(), ListMemories(), contact_id=alice.contact_id)
    assert [item.contact_id for item in sessions] == [alice.contact_id]
    assert [item.content for item in memories.items] == ["tea"]


async def test_every_line_of_a_group_says_who_spoke(world: World) -> None:
    await world.say("telegram:1001", "to the agent alone", name="Alice")
    first = await world.say("telegram:1001", "hello all", group="telegram:-5", name="Alice")
    await world.say("telegram:1002", "hi", group="telegram:-5")
    lines = await list_messages(world.context(), first.session_id, ListMessages())
    assert [(line.said_by and line.said_by.label, line.text) for line in lines.items] == [
        ("Alice", "hello all"),
        ("telegram:1002", "hi"),
    ]


async def test_a_session_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await get_session(world.context(), SessionId(uuid4()))
    with pytest.raises(NotFound):
        await list_messages(world.context(), SessionId(uuid4()), ListMessages())


async def test_memories_are_labelled_with_whose_they_are(world: World) -> None:
    alice = await world.say("telegram:1001", "hello", name="Alice")
    await _keep(world, world.contact(alice.contact_id), "tea")
    bob = await world.say("telegram:1002", "hello", name="Bob")
    await _keep(world, world.contact(bob.contact_id), "heron")
    await _keep(world, world.owner, "mine")
    family = await make_world(world.db, agent="Family", memory_model="shared")
    await _keep(family, SharedScope(family.owner_id, family.agent_id), "ours")
    listed = (await list_memories(world.context(), ListMemories())).items
    assert [(item.content, label(item), item.agent) for item in listed] == [
        ("ours", "shared", "Family"),
        ("mine", "owner", "Ada"),
        ("heron", "Bob", "Ada"),
        ("tea", "Alice", "Ada"),
    ]


async def test_a_limit_keeps_the_newest(world: World) -> None:
    await _keep(world, world.owner, "one", "two", "three")
    listed = (await list_memories(world.context(), ListMemories(limit=2))).items
    assert [item.content for item in listed] == ["three", "two"]


async def test_lists_come_in_pages_in_which_nobody_is_missing_or_shown_twice(world: World) -> None:
    for number in range(7):
        await world.say(f"telegram:{1000 + number}", "hello")
    await world.say("telegram:1003", "again", thread_key="trip")
    pages = [
        await list_recent_contacts(world.db, world.owner_id, limit=3, skip=skip)
        for skip in (0, 3, 6, 9)
    ]
    listed = [item.contact.addresses[0] for page in pages for item in page]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert listed == [f"telegram:{1000 + number}" for number in (3, 6, 5, 4, 2, 1, 0)]
    (newest,) = await list_recent_sessions(world.context(), limit=1)
    (next_one,) = await list_recent_sessions(world.context(), limit=1, skip=1)
    assert (newest.thread_key, newest.messages) == ("trip", 1)
    assert label(next_one) == "telegram:1006"
