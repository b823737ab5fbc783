from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.contacts import entry_at, get_contact, get_entry
from discreet.contacts.store import named_entries
from discreet.domain.addresses import Address
from discreet.domain.errors import ScopeError
from discreet.domain.ids import ContactId
from discreet.postgres.server import Database
from tests.support.world import World, make_world, open_scoped


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


async def test_a_contact_sees_itself_and_nobody_else(world: World) -> None:
    alice = await world.say("telegram:1001", "hello", name="Alice")
    bob = await world.say("telegram:1002", "hello", name="Bob")
    assert alice.contact_id is not None
    assert bob.contact_id is not None
    async with world.db.begin(world.contact(alice.contact_id)) as tx:
        herself = await get_contact(tx, alice.contact_id)
        other = await get_contact(tx, bob.contact_id)
        nobody = await get_contact(tx, ContactId(world.owner_id))
    assert herself is not None
    assert (herself.name, herself.type, herself.addresses) == (
        "Alice",
        "external",
        ("telegram:1001",),
    )
    assert (other, nobody) == (None, None)


async def test_what_the_owner_notes_about_a_contact_is_closed_to_it(world: World) -> None:
    alice = await world.say("telegram:1001", "hello")
    async with world.db.begin(world.owner) as tx:
        await tx.execute("UPDATE discreet.contacts SET note = 'owes me money', aliases = '{Al}'")
        assert alice.contact_id is not None
        entry = await get_entry(tx, alice.contact_id)
    assert entry is not None
    assert (entry.note, entry.aliases) == ("owes me money", ("Al",))
    with pytest.raises(ScopeError):
        async with world.db.begin(world.contact(alice.contact_id)) as tx:
            await named_entries(tx)


async def test_an_address_leads_to_its_contact_and_another_to_nobody(world: World) -> None:
    both = {who: await world.say(who, "hello") for who in ("telegram:1001", "telegram:1002")}
    async with world.db.begin(world.owner) as tx:
        found = {who: await entry_at(tx, Address.parse(who)) for who in both}
        missing = [await entry_at(tx, Address.parse(who)) for who in ("discord:1001", "telegram:1")]
    assert {who: entry and entry.contact.id for who, entry in found.items()} == {
        who: accepted.contact_id for who, accepted in both.items()
    }
    assert missing == [None, None]


async def test_an_entry_has_the_addresses_of_its_own_contact_alone(world: World) -> None:
    both = [await world.say(who, "hello") for who in ("telegram:1001", "telegram:1002")]
    async with world.db.begin(world.owner) as tx:
        for said, who in zip(both, ("telegram:1001", "telegram:1002"), strict=True):
            assert said.contact_id is not None
            contact = await get_contact(tx, said.contact_id)
            assert contact is not None
            assert contact.id == said.contact_id
            assert contact.addresses == (who,)
