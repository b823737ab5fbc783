"""Input other than plain lines: overheard lines, albums, files, groups that move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Attachment, Group, Inbound
from discreet.intake import Accepted, accept
from discreet.intake.accept import TurnedAway, accept_or_quarantine
from discreet.intake.groups import move_group
from discreet.postgres.server import Database
from discreet.scope import ContactScope, ScopedDatabase
from discreet.services.contacts import block_contact, unblock_contact
from discreet.sessions.transcript import messages_before
from discreet.turn.lease import Lease, NotYet, acquire
from tests.support.world import World, make_world, open_scoped

OLD, NEW = Address("telegram", "-500"), Address("telegram", "-100500")


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


def line(world: World, message_id: str, text: str, **more: Any) -> Inbound:
    values: dict[str, Any] = {
        "channel_id": world.channel_id,
        "chat_id": "-500",
        "message_id": message_id,
        "sender": AddressSender(Address("telegram", "1001"), "Alice"),
        "text": text,
        "sent_at": datetime.now(UTC),
        "group": Group(OLD, "The Adamses"),
    }
    return Inbound(**{**values, **more})


async def say(world: World, inbound: Inbound) -> Accepted:
    return await accept(world.db, world.owner_id, inbound)


def scope_of(world: World, accepted: Accepted) -> ContactScope:
    return world.contact(accepted.contact_id)


async def test_an_overheard_line_is_context_and_nobody_answers_it(world: World) -> None:
    overheard = await say(world, line(world, "1", "I bake on Sunday", addressed=False))
    async with world.db.begin(scope_of(world, overheard)) as tx:
        assert await acquire(tx, overheard.session_id) is None
    asked = await say(world, line(world, "2", "@ada when do I bake?"))
    assert asked.session_id == overheard.session_id
    async with world.db.begin(scope_of(world, asked)) as tx:
        assert isinstance(await acquire(tx, asked.session_id), Lease)
        before = await messages_before(tx, asked.session_id, 2, 10)
    assert [message.text for message in before] == ["I bake on Sunday"]


async def test_a_limited_number_of_overheard_lines_is_kept_and_no_other_line_is_removed(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    asked = await say(world, line(world, "asked", "@ada hello"))
    for number in range(104):
        await say(world, line(world, str(number), f"line {number}", addressed=False))
    kept = admin.execute(
        "SELECT text FROM discreet.messages WHERE session_id = %s ORDER BY position",
        (asked.session_id,),
    ).fetchall()
    assert [text for (text,) in kept] == ["hello", *(f"line {n}" for n in range(4, 104))]


async def test_the_parts_of_an_album_are_one_message_and_a_part_again_changes_nothing(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    parts = [
        line(
            world,
            str(number),
            text,
            album="a1",
            attachments=(Attachment("photo", f"file {number}", "", "image/jpeg", 10),),
        )
        for number, text in ((1, "[photo] our kitchen"), (2, "[photo]"), (3, "[photo]"))
    ]
    accepted = [await say(world, part) for part in (*parts, *parts)]
    assert len({one.message_id for one in accepted}) == 1
    assert [one.new for one in accepted] == [True, True, True, False, False, False]
    files = admin.execute(
        "SELECT position, platform_file FROM discreet.attachments ORDER BY position"
    ).fetchall()
    assert files == [(1, "file 1"), (2, "file 2"), (3, "file 3")]
    texts = admin.execute("SELECT text FROM discreet.messages").fetchall()
    assert texts == [("[photo] our kitchen\n[photo]\n[photo]",)]
    async with world.db.begin(scope_of(world, accepted[0])) as tx:
        assert isinstance(await acquire(tx, accepted[0].session_id), NotYet), "more may come"


async def test_two_albums_of_two_people_stay_apart(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    photo = (Attachment("photo", "file", "", "image/jpeg", 10),)
    hers = line(world, "1", "[photo]", album="same", attachments=photo)
    his = replace(hers, message_id="2", sender=AddressSender(Address("telegram", "1002"), "Bob"))
    assert (await say(world, hers)).message_id != (await say(world, his)).message_id


async def test_two_albums_of_one_person_in_two_chats_stay_apart(world: World) -> None:
    photo = (Attachment("photo", "file", "", "image/jpeg", 10),)
    in_the_group = line(world, "1", "[photo]", album="same", attachments=photo)
    direct = replace(in_the_group, message_id="2", chat_id="1001", group=None)
    said = [await say(world, one) for one in (in_the_group, direct)]
    assert said[0].message_id != said[1].message_id
    assert said[0].session_id != said[1].session_id


async def test_a_file_is_its_contacts_alone(world: World) -> None:
    photo = (Attachment("photo", "secret file", "", "image/jpeg", 10),)
    alice = await say(
        world, line(world, "1", "[photo]", chat_id="1001", group=None, attachments=photo)
    )
    bob = await say(
        world,
        line(
            world,
            "2",
            "hello",
            chat_id="1002",
            group=None,
            sender=AddressSender(Address("telegram", "1002")),
        ),
    )
    group = await say(world, line(world, "3", "hello"))
    seen = []
    for accepted in (alice, bob, group):
        async with world.db.begin(scope_of(world, accepted)) as tx:
            seen.append(await tx.value("SELECT count(*) FROM discreet.attachments"))
    assert seen == [1, 0, 0]


async def test_a_group_that_becomes_a_supergroup_stays_the_same_contact(world: World) -> None:
    before = await say(world, line(world, "1", "hello"))
    assert await move_group(world.db, world.owner_id, OLD, NEW)
    assert not await move_group(world.db, world.owner_id, OLD, NEW)
    after = await say(world, line(world, "1", "hello again", chat_id="-100500", group=Group(NEW)))
    assert (after.contact_id, after.session_id) == (before.contact_id, before.session_id)


async def test_a_group_whose_new_chat_was_heard_of_first_is_the_contact_that_it_was(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    before = await say(world, line(world, "1", "our secret"))
    early = await say(world, line(world, "2", "hello", chat_id="-100500", group=Group(NEW)))
    assert early.contact_id != before.contact_id
    await block_contact(world.db, world.owner_id, str(early.contact_id))
    assert await move_group(world.db, world.owner_id, OLD, NEW)
    assert not await move_group(world.db, world.owner_id, OLD, NEW)
    # The owner's decisions about either contact apply to the remaining one.
    inbound = line(world, "3", "hello", chat_id="-100500", group=Group(NEW))
    assert isinstance(await accept_or_quarantine(world.db, world.owner_id, inbound), TurnedAway)
    await unblock_contact(world.db, world.owner_id, str(before.contact_id))
    after = await say(world, line(world, "4", "hello", chat_id="-100500", group=Group(NEW)))
    assert (after.contact_id, after.session_id) == (before.contact_id, before.session_id)
    # Messages under the other name stay there, and a repeated delivery finds them.
    said = "SELECT text FROM discreet.messages WHERE contact_id = %s ORDER BY position"
    texts = admin.execute(said, (early.contact_id,)).fetchall()
    assert texts == [("hello",)]
    again = await say(world, line(world, "2", "hello", chat_id="-100500", group=Group(NEW)))
    assert (again.new, again.contact_id) == (False, early.contact_id)


async def test_a_person_is_never_moved_and_nobody_is_moved_onto_a_person(world: World) -> None:
    person = Address("telegram", "1001")
    alice = await say(world, line(world, "1", "hello", chat_id="1001", group=None))
    await say(world, line(world, "2", "hello"))
    assert not await move_group(world.db, world.owner_id, person, NEW)
    assert not await move_group(world.db, world.owner_id, OLD, person)
    again = await say(world, line(world, "3", "hello", chat_id="1001", group=None))
    assert again.contact_id == alice.contact_id
