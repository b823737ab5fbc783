"""Names follow changes on the platform, unless the owner has set one.

A group may address the agent by its name. Senders of unreadable messages are notified.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from discreet.domain.addresses import Address
from discreet.domain.inbound import Inbound, UnknownSender
from discreet.intake.accept import Quarantined, accept_or_quarantine
from discreet.postgres.server import Database
from discreet.services.contacts import rename_contact
from tests.support.turns import answers_of, do_all, rows_of
from tests.support.world import World

ALICE, BOB, CHOIR = "telegram:1001", "telegram:1002", "telegram:-5"


async def names(world: World) -> dict[str, str]:
    found = await rows_of(
        world,
        "SELECT a.platform || ':' || a.platform_id AS address, c.name"
        "  FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id",
    )
    return {row["address"]: row["name"] for row in found}


async def test_a_changed_name_is_taken_over_and_only_that_contacts(world: World) -> None:
    await world.say(ALICE, "hi", name="Alice")
    await world.say(BOB, "hi", name="Alice")
    await world.say(ALICE, "hi", name="Alice Adams")
    assert await names(world) == {ALICE: "Alice Adams", BOB: "Alice"}
    await world.say(ALICE, "hi")  # not every message contains a name
    assert (await names(world))[ALICE] == "Alice Adams"


async def test_a_name_that_the_owner_gave_stays(world: World) -> None:
    said = await world.say(ALICE, "hi", name="Alice")
    await rename_contact(world.db, world.owner_id, str(said.contact_id), "The baker")
    await world.say(ALICE, "hi", name="Ali")
    assert (await names(world))[ALICE] == "The baker"
    await world.say(ALICE, "hi", name="Alice again")
    assert (await names(world))[ALICE] == "The baker"


async def test_a_contact_without_a_name_gets_the_first_one(world: World) -> None:
    await world.say(ALICE, "hi")
    await world.say(ALICE, "hi", name="Alice")
    assert (await names(world))[ALICE] == "Alice"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("@Ada /memories", "/memories"),
        ("@ada, /memories", "/memories"),
        (" @ADA: @Ada help", "help"),
        ("@Ada! /memories", "/memories"),
        ("@Ada — /memories", "/memories"),
        ("@Ada，/memories", "/memories"),
        ("@Ada - milk", "- milk"),
        ("@Ada !important", "!important"),
        ("@Adam /memories", "@Adam /memories"),
        ("@Ada", "@Ada"),
        ("ask @Ada", "ask @Ada"),
        ("@Ada 你好", "你好"),
    ],
)
async def test_in_a_group_the_agents_name_in_front_is_removed_from_the_text(
    world: World, text: str, kept: str
) -> None:
    await world.say(ALICE, text, group=CHOIR)
    [row] = await rows_of(world, "SELECT text, command FROM discreet.messages")
    assert row == {"text": kept, "command": "memories" if kept == "/memories" else None}


async def test_a_direct_message_keeps_its_text_unchanged(world: World) -> None:
    await world.say(ALICE, "@Ada /memories")
    [row] = await rows_of(world, "SELECT text FROM discreet.messages")
    assert row["text"] == "@Ada /memories"


def broken(world: World, number: int, sender: str | None = ALICE, **more: Any) -> Inbound:
    tell = None if sender is None else Address.parse(sender)
    return Inbound(
        more.pop("channel_id", world.channel_id),
        str(sender),
        f"update {number}",
        UnknownSender("it could not be read", tell),
        "[unreadable]",
        datetime.now(UTC),
        **more,
    )


async def told(world: World) -> list[str]:
    found = await rows_of(
        world,
        "SELECT r.chat_id || ' ' || left(m.text, 20) AS told FROM discreet.messages m"
        "  JOIN discreet.routes r ON r.id = m.route_id"
        "  JOIN discreet.outbox o ON o.message_id = m.id ORDER BY m.created_at",
    )
    return [row["told"] for row in found]


async def test_only_the_sender_of_an_unreadable_message_is_notified_once(
    world: World,
) -> None:
    await world.say(BOB, "hi")
    for number in (1, 1, 2):  # delivered again, and another one immediately
        outcome = await accept_or_quarantine(world.db, world.owner_id, broken(world, number))
        assert isinstance(outcome, Quarantined)
    assert await told(world) == [f"{ALICE} I couldn't read your"]
    [row] = await rows_of(world, "SELECT count(*) AS n FROM discreet.quarantine")
    assert row["n"] == 2
    await accept_or_quarantine(world.db, world.owner_id, broken(world, 3, None))
    assert len(await told(world)) == 1


async def test_a_stranger_who_may_not_come_in_is_not_told(world: World) -> None:
    closed = await world.add_channel("telegram", "1", admission="allowlist")
    await accept_or_quarantine(world.db, world.owner_id, broken(world, 1, ALICE, channel_id=closed))
    assert await told(world) == []
    assert await names(world) == {}


async def test_notices_are_not_part_of_the_conversation(world: World, database: Database) -> None:
    await accept_or_quarantine(world.db, world.owner_id, broken(world, 1))
    said = await world.say(ALICE, "hello?")
    await do_all(database, world.db)
    assert await answers_of(world, said.session_id) == ["re: hello?"]
