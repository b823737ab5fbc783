"""Replies, quotes and edits lead to lines of the same chat and scope, never to anybody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from discreet.domain.content import Content, Quote
from discreet.postgres.server import Database
from discreet.services.erasing import erase_contact
from tests.isolation.conftest import ALICE, BOB, BOBS_SECRET
from tests.support.responders import Responder
from tests.support.turns import do_all, rows_of
from tests.support.world import World, other_owner

CHOIR = "telegram:-5"


async def test_a_reply_to_another_senders_message_does_not_show_it(
    database: Database, world: World, admin: psycopg.Connection[Any]
) -> None:
    await world.say(BOB, BOBS_SECRET, message_id="1")
    await world.say(BOB, BOBS_SECRET, message_id="2", chat=ALICE)  # even in a chat with that id
    otto = await other_owner(world, admin)
    await otto.say(ALICE, BOBS_SECRET, message_id="3")
    await do_all(database, world.db)
    responder = Responder()
    for message in ("1", "2", "3"):
        await world.say(ALICE, "what was that?", reply_to=message, chat=ALICE)
        await world.say(ALICE, "what was that?", reply_to=message, chat=BOB)
    await do_all(database, world.db, responder)
    lines = [
        line for context in responder.contexts for line in (*context.waiting, *context.history)
    ]
    assert [line.replies_to for line in lines if line.replies_to is not None] == []
    assert BOBS_SECRET not in str(responder.prompts)
    rows = await rows_of(
        world,
        "SELECT replies_to FROM discreet.messages WHERE reply_to IS NOT NULL AND direction = 'in'",
    )
    assert len(rows) == 6
    assert all(row["replies_to"] is None for row in rows)


async def test_a_reply_in_a_group_leads_to_no_line_of_a_members_direct_chat(
    database: Database, world: World
) -> None:
    await world.say(BOB, BOBS_SECRET, message_id="1", chat=CHOIR)
    await world.say(BOB, "what was that?", reply_to="1", group=CHOIR)
    responder = Responder()
    await do_all(database, world.db, responder)
    assert not [p for p in responder.prompts if BOBS_SECRET in str(p) and CHOIR in str(p)]
    group = [c for c in responder.contexts if c.party.kind == "group"]
    assert [line.replies_to for context in group for line in context.waiting] == [None]


async def test_an_edit_replaces_nobody_elses_words(database: Database, world: World) -> None:
    await world.say(BOB, "Parcel to Rome", message_id="1")
    await world.say(ALICE, "send it to me", message_id="9", edit_of="1", addressed=False)
    await world.say(ALICE, "send it to me", message_id="10", edit_of="1", addressed=False, chat=BOB)
    await world.say(BOB, "gate B", message_id="2", group=CHOIR)
    await world.say(ALICE, "gate C", message_id="11", edit_of="2", addressed=False, group=CHOIR)
    rows = await rows_of(
        world, "SELECT text FROM discreet.messages WHERE sender_address = %s ORDER BY text", BOB
    )
    assert [row["text"] for row in rows] == ["Parcel to Rome", "gate B"]


async def test_what_others_quoted_of_somebody_is_erased_with_them(
    world: World, tmp_path: Path
) -> None:
    bob = await world.say(BOB, "hello", message_id="1")
    await world.say(BOB, "gate B", message_id="2", group=CHOIR)
    for message, is_part in (("2", True), ("77", False)):
        quote = Content(quote=Quote("gate B", "Bob", BOB, is_part=is_part))
        await world.say(ALICE, "true?", group=CHOIR, reply_to=message, content=quote)
    assert bob.contact_id is not None
    await erase_contact(world.db, world.owner_id, str(bob.contact_id), tmp_path)
    rows = await rows_of(world, "SELECT m::text AS row FROM discreet.messages m")
    assert len(rows) == 2
    assert "gate B" not in str(rows)
