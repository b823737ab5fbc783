"""A message is stored once and whole, with its contact, session, route and job.

One file, although it is long: every test begins with a message for the same few tables.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, NotFound, Unavailable
from discreet.domain.ids import ChannelId, ContactId, OwnerId
from discreet.domain.inbound import (
    AddressSender,
    ContactSender,
    Group,
    Inbound,
    OwnerSender,
    UnknownSender,
)
from discreet.domain.text import MAX_NAME, MAX_TEXT
from discreet.intake import accept
from discreet.postgres.server import Database
from tests.support.turns import answers_of, count, do_all, one_turn, rows_of
from tests.support.waiting import until
from tests.support.world import World, make_world, open_scoped

ALICE = AddressSender(Address("telegram", "1001"), "Alice")
TABLES = ("contacts", "addresses", "sessions", "routes", "messages", "quarantine")


def message(world: World, **changes: object) -> Inbound:
    first = Inbound(
        channel_id=world.channel_id,
        chat_id="1001",
        message_id="7",
        sender=ALICE,
        text="hello",
        sent_at=datetime.now(UTC),
    )
    return replace(first, **changes)  # type: ignore[arg-type]


async def nothing_is_stored(world: World) -> bool:
    return not any([await count(world, table) for table in TABLES])


async def jobs(admin: psycopg.Connection[tuple[int]]) -> int:
    row = admin.execute("SELECT count(*) FROM queue.procrastinate_jobs").fetchone()
    assert row
    return row[0]


async def two_wait(admin: psycopg.Connection[tuple[int]]) -> bool:
    """Return whether two others wait for a row of a session."""
    row = admin.execute(
        "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN ("
        "SELECT pid FROM pg_locks WHERE relation = 'discreet.sessions'::regclass"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchone()
    return row == (2,)


async def test_contact_address_session_route_message_and_job_are_one_commit(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    await accept(world.db, world.owner_id, message(world))
    found = [
        {xmin for (xmin,) in admin.execute(f"SELECT xmin::text FROM discreet.{table}").fetchall()}
        for table in ("contacts", "addresses", "sessions", "routes", "messages")
    ]
    job = admin.execute("SELECT xmin::text FROM queue.procrastinate_jobs").fetchall()
    assert found == [{job[0][0]}] * 5


async def test_where_the_job_cannot_be_stored_nothing_is(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    admin.execute("ALTER TABLE queue.procrastinate_jobs ADD CHECK (false) NOT VALID")
    with pytest.raises(psycopg.errors.CheckViolation):
        await accept(world.db, world.owner_id, message(world))
    assert await nothing_is_stored(world)


async def test_a_repeated_message_changes_nothing_and_is_answered_once(
    database: Database, world: World
) -> None:
    first = await accept(world.db, world.owner_id, message(world))
    again = await accept(world.db, world.owner_id, message(world))
    assert (first.new, again.new) == (True, False)
    assert replace(again, new=True) == first
    await do_all(database, world.db)
    late = await accept(world.db, world.owner_id, message(world, text="other words"))
    assert not late.new
    await do_all(database, world.db)
    assert await answers_of(world, first.session_id) == ["re: hello"]


async def test_channel_chat_and_id_together_identify_a_message(
    world: World,
) -> None:
    variants = [
        message(world),
        message(world, message_id="8"),
        message(world, chat_id="1002"),
    ]
    accepted = [await accept(world.db, world.owner_id, one) for one in variants]
    assert all(one.new for one in accepted)
    assert len({one.message_id for one in accepted}) == 3


async def test_the_same_message_delivered_at_once_over_many_connections_is_stored_once(
    database: Database, world: World
) -> None:
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(open_scoped(database)) for _ in range(3)]
        accepted = await asyncio.gather(
            *(accept(db, world.owner_id, message(world)) for db in doors for _ in range(4))
        )
    assert sorted(one.new for one in accepted) == [False] * 11 + [True]
    assert len({one.message_id for one in accepted}) == 1
    assert await count(world, "messages") == 1
    await do_all(database, world.db)
    assert await answers_of(world, accepted[0].session_id) == ["re: hello"]


async def test_of_two_deliveries_that_have_both_looked_one_is_stored_and_the_other_is_told_so(
    database: Database, world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    await accept(world.db, world.owner_id, message(world, message_id="1"))
    async with open_scoped(database) as other:
        with admin.transaction():
            # Both have seen that the message isn't stored yet, and wait for the session's row.
            admin.execute("SELECT 1 FROM discreet.sessions FOR UPDATE")
            both = [
                asyncio.create_task(accept(db, world.owner_id, message(world, message_id="2")))
                for db in (world.db, other)
            ]
            await until(lambda: two_wait(admin), "both deliveries at the session")
        accepted = await asyncio.gather(*both)
    assert sorted(one.new for one in accepted) == [False, True]
    assert len({one.message_id for one in accepted}) == 1
    assert await count(world, "messages") == 2


async def test_first_messages_of_a_sender_at_once_make_one_contact_and_one_session(
    database: Database, world: World
) -> None:
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(open_scoped(database)) for _ in range(4)]
        accepted = await asyncio.gather(
            *(
                accept(
                    db,
                    world.owner_id,
                    message(
                        world,
                        message_id=str(number),
                        sender=AddressSender(Address("telegram", str(number % 2))),
                        chat_id=str(number % 2),
                        group=Group(Address("telegram", "-5")) if number % 4 > 1 else None,
                    ),
                )
                for number, db in enumerate(doors * 8)
            )
        )
    assert all(one.new for one in accepted)
    # Two senders and the group in which they also write.
    assert await count(world, "contacts") == await count(world, "addresses") == 3
    assert await count(world, "sessions") == 3
    assert len({(one.contact_id, one.session_id) for one in accepted}) == 3
    positions = await rows_of(
        world,
        "SELECT array_agg(position ORDER BY position) AS got FROM discreet.messages"
        " GROUP BY session_id",
    )
    assert all(row["got"] == list(range(1, len(row["got"]) + 1)) for row in positions)


async def test_a_new_session_asked_for_many_times_at_once_by_one_message_is_made_once(
    database: Database, world: World
) -> None:
    await accept(world.db, world.owner_id, message(world, message_id="1"))
    fresh = message(world, message_id="2", new_session=True)
    async with open_scoped(database) as other:
        accepted = await asyncio.gather(
            *(accept(db, world.owner_id, fresh) for db in (world.db, other) for _ in range(4))
        )
    assert sum(one.new for one in accepted) == 1
    assert await count(world, "sessions") == 2


async def test_a_message_whose_turn_failed_is_not_taken_in_again(world: World) -> None:
    first = await accept(world.db, world.owner_id, message(world))

    async def broken(*_: object) -> None:
        raise RuntimeError

    await one_turn(world, first.session_id, broken)  # type: ignore[arg-type]
    again = await accept(world.db, world.owner_id, message(world))
    assert not again.new
    await one_turn(world, first.session_id)
    assert await answers_of(world, first.session_id) == ["re: hello"]


async def test_a_message_that_could_not_be_stored_is_taken_in_when_it_comes_again(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    admin.execute("ALTER TABLE discreet.messages ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    with pytest.raises(psycopg.errors.CheckViolation):
        await accept(world.db, world.owner_id, message(world))
    admin.execute("ALTER TABLE discreet.messages DROP CONSTRAINT full_disk")
    assert (await accept(world.db, world.owner_id, message(world))).new


async def test_a_lost_connection_loses_no_message_and_stores_none_twice(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    for number in range(4):
        await accept(world.db, world.owner_id, message(world, message_id=f"before {number}"))
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'discreet_intake'"
    )
    accepted = await asyncio.gather(
        *(
            accept(world.db, world.owner_id, message(world, message_id=f"after {number}"))
            for number in range(8)
        )
    )
    assert all(one.new for one in accepted)
    assert await count(world, "messages") == 12


async def test_if_the_database_is_full_or_shutting_down_the_platform_delivers_again(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    admin.execute(
        "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'disk' USING ERRCODE = 'disk_full'; END $$"
    )
    admin.execute(
        "CREATE TRIGGER t BEFORE INSERT ON discreet.messages"
        " FOR EACH ROW EXECUTE FUNCTION no_space()"
    )
    with pytest.raises(Unavailable):
        await accept(world.db, world.owner_id, message(world))


REFUSED: list[dict[str, object]] = [
    {"text": ""},
    {"text": " \n\t "},
    {"text": "\0\0"},
    {"text": "\x07\x1b\x08"},
    {"text": "x" * (MAX_TEXT + 1)},
    {"text": "x" * 1_000_000},
    {"text": "half a pair \ud83d"},
    {"chat_id": ""},
    {"chat_id": "1\0"},
    {"chat_id": "\ud800"},
    {"chat_id": "9" * 300},
    {"message_id": ""},
    {"message_id": "\0"},
    {"message_id": "\udfff"},
    {"message_id": "9" * 100_000},
    {"platform_thread": "\0"},
    {"thread_key": "trip\0"},
    {"thread_key": "\ud800"},
    {"thread_key": "x" * 10_000},
    {"reply_to": "\0"},
    {"sender": AddressSender(Address("telegram", ""))},
    {"sender": AddressSender(Address("telegram", "1\0"))},
    {"sender": AddressSender(Address("telegram", "1\ud800"))},
    {"sender": AddressSender(Address("telegram", "1 001"))},
    {"sender": AddressSender(Address("telegram", "10\u202e01"))},
    {"sender": AddressSender(Address("nosuch", "1"))},
    {"sender": AddressSender(Address("", ""))},
    {"sender": UnknownSender("the update names nobody")},
    {"group": Group(Address("telegram", "-1\0"))},
    {"group": Group(Address("nosuch", "-1"))},
    {"group": Group(Address("telegram", "1001"))},
]


async def test_an_invalid_message_is_refused_and_nothing_is_stored(
    world: World, admin: psycopg.Connection[tuple[int]]
) -> None:
    for changes in REFUSED:
        with pytest.raises(BadInput) as refused:
            await accept(world.db, world.owner_id, message(world, **changes))
        assert len(str(refused.value)) < 300
        assert str(refused.value).isprintable()
    assert await nothing_is_stored(world)
    assert await jobs(admin) == 0


NAMES = [
    ("Alice\0", "Alice"),
    ("\u202eecilA\u202c", "ecilA"),
    ("Al\nice\r\n\x1b[31m", "Al ice [31m"),
    ("half \ud83d", "half ?"),
    ("a" * 1_000_000, "a" * MAX_NAME),
    ("\u2066\u2069\u200b", ""),
    ("'; DROP TABLE discreet.contacts; --", "'; DROP TABLE discreet.contacts; --"),
    ("%s {0} $1 \\", "%s {0} $1 \\"),
]


async def test_names_are_kept_as_harmless_data(world: World) -> None:
    for number, (name, _) in enumerate(NAMES, 1):
        sender = AddressSender(Address("telegram", str(number)), name)
        await accept(world.db, world.owner_id, message(world, chat_id=str(number), sender=sender))
    kept = [name for _, name in NAMES]
    contacts = await rows_of(world, "SELECT name FROM discreet.contacts ORDER BY created_at")
    messages = await rows_of(world, "SELECT sender_name FROM discreet.messages ORDER BY created_at")
    assert [row["name"] for row in contacts] == kept
    assert [row["sender_name"] for row in messages] == kept


async def test_a_text_is_stored_as_it_was_written(world: World) -> None:
    text = "line\n\ttab 'quote' %s {x} \\ $1 👩‍👩‍👧 \u202etxet " + "x" * 60_000
    await accept(world.db, world.owner_id, message(world, text=text))
    [stored] = await rows_of(world, "SELECT text FROM discreet.messages")
    assert stored["text"] == text


async def test_ids_of_nobody_and_of_another_owner_are_the_same_error(
    world: World, admin: psycopg.Connection[tuple[str]]
) -> None:
    row = admin.execute(
        "INSERT INTO discreet.owners (name) VALUES ('Other') RETURNING id"
    ).fetchone()
    assert row
    other = OwnerId(row[0])  # type: ignore[arg-type]
    theirs = admin.execute(
        "INSERT INTO discreet.contacts (owner_id, name) VALUES (%s, 'Eve') RETURNING id", (other,)
    ).fetchone()
    assert theirs
    said = []
    for contact_id in (theirs[0], uuid4()):
        sender = ContactSender(ContactId(contact_id))  # type: ignore[arg-type]
        with pytest.raises(NotFound) as refused:
            await accept(world.db, world.owner_id, message(world, sender=sender))
        said.append(str(refused.value))
    assert said[0] == said[1]
    said = []
    # The channel belongs to another owner, seen from that owner; and one that doesn't exist.
    for owner, channel in ((other, world.channel_id), (world.owner_id, ChannelId(uuid4()))):
        with pytest.raises(NotFound) as refused:
            await accept(world.db, owner, message(world, channel_id=channel))
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert await nothing_is_stored(world)


async def test_only_on_the_terminal_can_one_speak_as_the_owner_or_as_a_contact_by_id(
    world: World, admin: psycopg.Connection[tuple[str]]
) -> None:
    known = await accept(world.db, world.owner_id, message(world))
    row = admin.execute(
        "INSERT INTO discreet.channels (owner_id, agent_id, platform, account)"
        " VALUES (%s, %s, 'telegram', 'bot') RETURNING id",
        (world.owner_id, world.agent_id),
    ).fetchone()
    assert row
    assert known.contact_id
    for sender in (OwnerSender(), ContactSender(known.contact_id)):
        with pytest.raises(BadInput):
            await accept(
                world.db,
                world.owner_id,
                message(world, channel_id=ChannelId(row[0]), sender=sender),  # type: ignore[arg-type]
            )
    assert await count(world, "messages") == await count(world, "sessions") == 1


async def test_an_owners_address_leads_to_the_owner_and_a_name_to_nobody(
    world: World, admin: psycopg.Connection[tuple[str]]
) -> None:
    admin.execute(
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, of_owner)"
        " VALUES (%s, 'telegram', '42', true)",
        (world.owner_id,),
    )
    own = await accept(
        world.db,
        world.owner_id,
        message(world, sender=AddressSender(Address("telegram", "42"), "Olga")),
    )
    assert own.contact_id is None
    contacts = {
        (
            await accept(
                world.db,
                world.owner_id,
                message(
                    world,
                    message_id=number,
                    sender=AddressSender(Address("telegram", number), name),
                ),
            )
        ).contact_id
        for number, name in (("1", "Alice"), ("2", "Alice"), ("3", "Olga"), ("4", "owner"))
    }
    assert None not in contacts
    assert len(contacts) == 4


async def test_agents_of_one_owner_have_sessions_of_their_own_for_the_same_sender(
    world: World,
) -> None:
    other = await make_world(world.db, agent="Bea")
    first = await accept(world.db, world.owner_id, message(world))
    second = await accept(other.db, other.owner_id, message(other))
    assert first.contact_id == second.contact_id
    assert first.session_id != second.session_id
