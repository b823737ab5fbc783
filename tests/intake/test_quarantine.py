from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import Unavailable
from discreet.domain.inbound import AddressSender, Group, Inbound, Sender, UnknownSender
from discreet.intake.accept import Accepted, Quarantined, accept, accept_or_quarantine
from discreet.intake.retry import release, release_due
from discreet.intake.serialization import from_json, to_json
from discreet.postgres.server import Database
from discreet.services.quarantine import list_quarantine
from discreet.services.status import get_status
from tests.support.turns import answers_of, count, do_all, turns_of, working
from tests.support.waiting import until
from tests.support.world import World

Admin = psycopg.Connection[Any]


def message(world: World, sender: Sender, text: str = "hello", message_id: str = "1") -> Inbound:
    return Inbound(world.channel_id, "1001", message_id, sender, text, datetime.now(UTC))


def of(number: str, name: str = "") -> AddressSender:
    return AddressSender(Address("telegram", number), name)


def break_contacts(admin: Admin, name: str) -> None:
    """Make the creation of contacts with this name fail."""
    admin.execute(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.name = TG_ARGV[0] THEN RAISE 'broken: %', NEW.name; END IF;"
        " RETURN NEW; END $$"
    )
    admin.execute(
        "CREATE TRIGGER broken BEFORE INSERT ON discreet.contacts"
        f" FOR EACH ROW EXECUTE FUNCTION broken('{name}')"
    )


def mend_contacts(admin: Admin) -> None:
    admin.execute("DROP TRIGGER broken ON discreet.contacts")


def make_due(admin: Admin) -> None:
    admin.execute("UPDATE discreet.quarantine SET next_try_at = now()")


async def test_a_sender_who_cannot_become_a_contact_is_quarantined_and_in_no_session(
    world: World, admin: Admin
) -> None:
    owner = await world.say(None, "mine")
    break_contacts(admin, "Olga")
    kept = await accept_or_quarantine(
        world.db, world.owner_id, message(world, of("1001", "Olga"), "who am I?")
    )
    assert isinstance(kept, Quarantined)
    assert await count(world, "messages") == 1
    assert await count(world, "sessions") == 1
    assert await count(world, "contacts") == 0
    [waiting] = (await get_status(world.db, world.owner_id)).quarantine
    assert waiting.inbound["text"] == "who am I?"
    assert (waiting.reason, waiting.attempts) == ("RaiseException", 1)
    assert "who am I?" not in waiting.reason
    assert owner.new
    # Other messages are not delayed.
    fine = await accept_or_quarantine(world.db, world.owner_id, message(world, of("2"), "hi"))
    assert isinstance(fine, Accepted)


async def test_a_quarantined_message_reaches_its_contact_once_the_fault_is_gone(
    database: Database, world: World, admin: Admin
) -> None:
    break_contacts(admin, "Alice")
    inbound = message(world, of("1001", "Alice"))
    await accept_or_quarantine(world.db, world.owner_id, inbound)
    make_due(admin)
    assert await release_due(world.db) == 0
    [waiting] = await list_quarantine(world.db, world.owner_id)
    assert waiting.attempts == 2
    assert waiting.next_try_at > datetime.now(UTC)
    mend_contacts(admin)
    make_due(admin)
    async with working(database, world.db, turns_of(world.db)):

        async def answered() -> list[str]:
            said = admin.execute("SELECT session_id FROM discreet.messages").fetchone()
            return [] if said is None else await answers_of(world, said[0])

        assert await until(answered, "the answer") == ["re: hello"]
    assert await list_quarantine(world.db, world.owner_id) == []
    # The platform delivers it again.
    again = await accept_or_quarantine(world.db, world.owner_id, inbound)
    assert isinstance(again, Accepted)
    assert not again.new
    [contact] = admin.execute("SELECT contact_id FROM discreet.messages WHERE direction = 'in'")
    assert contact == (again.contact_id,)


async def test_a_quarantined_message_is_kept_and_retried_at_growing_intervals(
    world: World, admin: Admin
) -> None:
    break_contacts(admin, "Alice")
    await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice")))
    waits = []
    for _ in range(9):
        make_due(admin)
        await release_due(world.db)
        [waiting] = await list_quarantine(world.db, world.owner_id)
        waits.append((waiting.next_try_at - datetime.now(UTC)).total_seconds())
    assert all(later > earlier - 1 for earlier, later in pairwise(waits))
    assert 50 < waits[0] < 61
    assert 3590 < waits[-1] < 3601
    assert waiting.attempts == 10


async def test_a_repeated_delivery_to_quarantine_is_one_row(world: World, admin: Admin) -> None:
    break_contacts(admin, "Alice")
    for _ in range(3):
        await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice")))
    [waiting] = await list_quarantine(world.db, world.owner_id)
    assert waiting.attempts == 3


async def test_a_message_released_by_many_workers_at_once_is_answered_once(
    database: Database, world: World, admin: Admin
) -> None:
    break_contacts(admin, "Alice")
    for number in range(3):
        await accept_or_quarantine(
            world.db, world.owner_id, message(world, of("1", "Alice"), f"{number}", f"{number}")
        )
    mend_contacts(admin)
    make_due(admin)
    await asyncio.gather(*(release_due(world.db) for _ in range(4)))
    assert await count(world, "messages") == 3
    assert await count(world, "contacts") == 1
    await do_all(database, world.db)
    [session] = admin.execute("SELECT id FROM discreet.sessions").fetchall()
    assert len(await answers_of(world, session[0])) == 1


async def test_a_released_message_is_not_released_again(world: World, admin: Admin) -> None:
    break_contacts(admin, "Alice")
    await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice"), "hi"))
    mend_contacts(admin)
    [kept] = await list_quarantine(world.db, world.owner_id)
    assert await release(world.db, world.owner_id, kept.id)
    assert not await release(world.db, world.owner_id, kept.id)


async def test_an_unknown_sender_stays_in_quarantine_with_the_reason(
    world: World, admin: Admin
) -> None:
    kept = await accept_or_quarantine(
        world.db, world.owner_id, message(world, UnknownSender("the update names nobody"))
    )
    assert isinstance(kept, Quarantined)
    make_due(admin)
    assert await release_due(world.db) == 0
    [waiting] = await list_quarantine(world.db, world.owner_id)
    assert waiting.attempts == 2
    assert "the update names nobody" in waiting.reason
    assert await count(world, "sessions") == 0


async def test_a_group_that_is_a_person_is_quarantined_not_mixed_up(world: World) -> None:
    known = await world.say("telegram:1001", "hello")
    mixed = await accept_or_quarantine(
        world.db,
        world.owner_id,
        replace(message(world, of("2"), message_id="9"), group=Group(Address("telegram", "1001"))),
    )
    assert isinstance(mixed, Quarantined)
    assert known.new
    assert await count(world, "messages") == 1


async def test_an_id_that_had_to_be_changed_to_be_kept_never_becomes_somebody_elses(
    world: World, admin: Admin
) -> None:
    """Test ids with U+FFFD and "?", which are valid characters in an id."""
    await world.say("telegram:1?2", "the neighbour")
    await world.say("telegram:1\ufffd2", "the other neighbour")
    for text in ("1\ud8002", "1\x002"):
        inbound = message(world, of(text), "nul \0, half \ud83d", text)
        kept = await accept_or_quarantine(world.db, world.owner_id, inbound)
        assert isinstance(kept, Quarantined)
    for _ in range(2):
        make_due(admin)
        assert await release_due(world.db) == 0
    waiting = await list_quarantine(world.db, world.owner_id)
    assert [one.attempts for one in waiting] == [3, 3]
    assert await count(world, "messages") == 2


async def test_text_that_no_column_takes_is_kept_readable_and_given_to_its_sender(
    world: World, admin: Admin
) -> None:
    kept = await accept_or_quarantine(
        world.db, world.owner_id, message(world, of("1001"), "half a pair \ud83d")
    )
    assert isinstance(kept, Quarantined)
    make_due(admin)
    assert await release_due(world.db) == 1
    [row] = admin.execute("SELECT text, sender_address FROM discreet.messages").fetchall()
    assert row == ("half a pair \ufffd", "telegram:1001")


async def test_a_quarantined_row_of_another_version_does_not_block_the_others(
    world: World, admin: Admin
) -> None:
    admin.execute(
        "INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason,"
        " next_try_at) VALUES (%s, %s, 'old', '{\"v\": 0}', 'old', now() - interval '1 hour')",
        (world.owner_id, world.channel_id),
    )
    break_contacts(admin, "Alice")
    await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice")))
    mend_contacts(admin)
    admin.execute("UPDATE discreet.quarantine SET next_try_at = now() WHERE dedupe_key <> 'old'")
    assert await release_due(world.db) == 1
    [old] = await list_quarantine(world.db, world.owner_id)
    assert (old.reason, old.attempts) == ("ValidationError", 2)
    assert old.next_try_at > datetime.now(UTC)


async def test_an_owner_cannot_release_another_owners_message(world: World, admin: Admin) -> None:
    break_contacts(admin, "Alice")
    await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice")))
    mend_contacts(admin)
    row = admin.execute("INSERT INTO discreet.owners (name) VALUES ('Eve') RETURNING id").fetchone()
    assert row
    [waiting] = await list_quarantine(world.db, world.owner_id)
    assert not await release(world.db, row[0], waiting.id)
    assert await list_quarantine(world.db, row[0]) == []
    assert [one.id for one in await list_quarantine(world.db, world.owner_id)] == [waiting.id]
    assert isinstance(waiting.id, UUID)


async def test_if_the_quarantine_cannot_be_written_the_platform_delivers_again(
    world: World, admin: Admin
) -> None:
    break_contacts(admin, "Alice")
    admin.execute("ALTER TABLE discreet.quarantine ADD CHECK (false) NOT VALID")
    with pytest.raises(Unavailable):
        await accept_or_quarantine(world.db, world.owner_id, message(world, of("1", "Alice")))


def test_a_stored_message_is_deserialized_unchanged(world: World) -> None:
    inbound = replace(
        message(world, of("1", "Zoë 👩‍👧")), reply_to="5", thread_key="a", text="x\ny"
    )
    assert from_json(to_json(inbound)) == inbound


async def test_a_known_sender_is_not_quarantined_by_a_fault_that_hits_new_ones(
    world: World, admin: Admin
) -> None:
    await accept(world.db, world.owner_id, message(world, of("1", "Alice")))
    break_contacts(admin, "Alice")
    second = await accept_or_quarantine(
        world.db, world.owner_id, message(world, of("1", "Alice"), "again", "2")
    )
    assert isinstance(second, Accepted)
