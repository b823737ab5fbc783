from __future__ import annotations

import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.services.agents import pause_agent, resume_agent
from discreet.services.contacts import (
    block_contact,
    find_contact,
    note_contact,
    rename_contact,
    unblock_contact,
)
from discreet.services.status import get_status
from tests.support.world import World

ALICE = "telegram:1001"


async def test_a_renamed_contact_is_found_by_both_names(world: World) -> None:
    said = await world.say(ALICE, "hello", name="Al")
    entry = await rename_contact(world.db, world.owner_id, ALICE, "Alice Adams")
    assert (entry.contact.name, entry.aliases) == ("Alice Adams", ("Al",))
    for name in ("Al", "Alice Adams"):
        found = await find_contact(world.db, world.owner_id, name)
        assert found.contact.id == said.contact_id
    again = await rename_contact(world.db, world.owner_id, ALICE, "Alice Adams")
    assert again.aliases == ("Al",)


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\u202eecila", "x" * 200])
async def test_a_name_that_could_act_is_refused(world: World, name: str) -> None:
    await world.say(ALICE, "hello", name="Al")
    with pytest.raises(BadInput):
        await rename_contact(world.db, world.owner_id, ALICE, name)


async def test_a_remark_is_the_owners_alone(world: World) -> None:
    said = await world.say(ALICE, "hello")
    entry = await note_contact(world.db, world.owner_id, ALICE, "owes me a book")
    assert entry.note == "owes me a book"
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        granted = await tx.fetch(
            "SELECT column_name FROM information_schema.column_privileges"
            " WHERE table_name IN ('contacts', 'agents')"
            "   AND column_name IN ('note', 'aliases', 'blocked_at', 'paused_at')"
        )
    assert granted == []
    assert (await note_contact(world.db, world.owner_id, ALICE, "")).note == ""


async def test_the_status_says_who_is_blocked_and_which_agent_pauses(world: World) -> None:
    await world.say(ALICE, "hello", name="Alice")
    await block_contact(world.db, world.owner_id, ALICE)
    await pause_agent(world.db, world.owner_id, "Ada")
    status = await get_status(world.db, world.owner_id)
    assert (status.paused, status.blocked) == (("Ada",), ("Alice",))
    await unblock_contact(world.db, world.owner_id, ALICE)
    await resume_agent(world.db, world.owner_id, "Ada")
    status = await get_status(world.db, world.owner_id)
    assert (status.paused, status.blocked) == ((), ())


async def test_who_is_not_there_can_not_be_blocked(world: World) -> None:
    with pytest.raises(NotFound):
        await block_contact(world.db, world.owner_id, "telegram:404")
