"""One call stores many messages, each with its own outcome."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from discreet.intake.batches import ACCEPT
from discreet.postgres.server import Database
from tests.intake.calls import accepted, message
from tests.support.turns import count, rows_of
from tests.support.world import World


async def test_messages_of_one_call_are_stored_in_their_order(
    world: World, database: Database
) -> None:
    found = accepted(world, database, *[message(world, number) for number in range(20)])
    assert [row[0] for row in found] == ["accepted"] * 20
    rows = await rows_of(world, "SELECT text FROM discreet.messages ORDER BY position")
    assert [row["text"] for row in rows] == [f"line {number}" for number in range(20)]
    assert await count(world, "contacts") == await count(world, "sessions") == 1


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"channel": str(uuid4())}, "DS001"),
        ({"sender_kind": None}, "DS002"),
        ({"body": ""}, "23514"),
        ({"body": None}, "23502"),
        ({"files": {"kind": "photo"}}, "22023"),
    ],
    ids=["no such channel", "no sender", "no text", "null", "files that are no list"],
)
async def test_a_message_that_fails_leaves_nothing_and_the_others_are_stored(
    world: World, database: Database, bad: dict[str, object], code: str
) -> None:
    other = {"chat": "2002", "sender_id": "2002"}
    found = accepted(
        world, database, message(world, 1), message(world, 2, **(other | bad)), message(world, 3)
    )
    assert [row[0] for row in found] == ["accepted", "failed", "accepted"]
    assert [row[4] for row in found] == [None, code, None]
    assert found[1][1:4] == (None, None, None)
    rows = await rows_of(world, "SELECT text FROM discreet.messages ORDER BY position")
    assert [row["text"] for row in rows] == ["line 1", "line 3"]
    assert await count(world, "contacts") == await count(world, "sessions") == 1


async def test_an_error_message_quotes_no_row(world: World, database: Database) -> None:
    secret = "a thing that only Alice knows"
    found = accepted(world, database, message(world, 1, body=secret, files=[{"kind": secret}]))
    assert found[0][0] == "failed"
    assert not any(secret in str(value) for value in found[0])


async def test_a_message_that_is_twice_in_one_call_is_stored_once(
    world: World, database: Database
) -> None:
    found = accepted(world, database, message(world, 1), message(world, 1))
    assert [row[0] for row in found] == ["accepted", "duplicate"]
    assert found[0][1:4] == found[1][1:4]
    assert await count(world, "messages") == 1


async def test_a_command_behind_the_agents_name_finds_the_messages_before_it_in_its_call(
    world: World, database: Database, admin: psycopg.Connection[object]
) -> None:
    admin.execute("UPDATE discreet.agents SET memory_model = 'shared'")
    group = {"chat": "g", "group_platform": "telegram", "group_id": "g", "group_name": "family"}
    known: list[dict[str, object]] = [{}, {"sender_id": "2002", **group}]
    for number, sender in enumerate(known):
        accepted(world, database, message(world, number, **sender))
    found = accepted(
        world,
        database,
        message(world, 3),
        message(world, 4, body="@Ada /stop", sender_id="2002", **group),
    )
    assert [row[0] for row in found] == ["accepted", "accepted"]
    states = admin.execute(
        "SELECT state FROM discreet.messages WHERE platform_message_id IN ('3', '4')"
        " ORDER BY position"
    ).fetchall()
    assert states == [("context",), ("waiting",)]


async def test_an_invalid_ticket_stores_no_message(world: World, database: Database) -> None:
    with (
        psycopg.connect(database.conninfo("discreet_intake"), autocommit=True) as intake,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        intake.execute(ACCEPT, {"ticket": "forged//#0", "messages": Jsonb([message(world, 1)])})
    assert await count(world, "messages") == 0
