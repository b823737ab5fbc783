from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.intake.accept import NotTaken
from discreet.postgres.server import Database
from discreet.services.contacts import note_contact
from discreet.services.exporting import export_contact
from discreet.services.linking import link_contacts
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all
from tests.support.world import World

ALICE = "telegram:1001"
BOB = "telegram:700200300400"
GROUP = "telegram:-77"


def read(archive: zipfile.ZipFile) -> Mapping[str, list[Any]]:
    return {
        Path(name).stem: [json.loads(line) for line in archive.read(name).splitlines()]
        for name in archive.namelist()
        if name.startswith("data/")
    }


async def test_an_export_contains_all_data_of_its_contact_and_none_of_others(
    world: World, database: Database, tmp_path: Path
) -> None:
    await world.say(ALICE, calling("remember", content="alice likes figs"), name="Alice")
    await world.say(BOB, calling("remember", content="bob likes plums"), name="Bob")
    await world.say(ALICE, "hello all, says alice", group=GROUP)
    await world.say(BOB, "hello all, says bob", group=GROUP)
    await do_all(database, world.db, Responder(do_as_told))
    await note_contact(world.db, world.owner_id, ALICE, "owes me a book")

    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "alice.zip")

    assert written.file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(written.file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        page = archive.read("contact.html").decode()
        data = read(archive)
    assert {kind: len(records) for kind, records in data.items()} == dict(written.counts)
    assert [record["content"] for record in data["memories"]] == ["alice likes figs"]
    assert [record["text"] for record in data["said_to_others"]] == ["hello all, says alice"]
    assert data["contact"][0]["note"] == "owes me a book"
    assert [record["direction"] for record in data["messages"]] == ["in", "out"]
    assert "system" not in data["turns"][0]["prompt"]
    assert data["turns"][0]["prompt"]["messages"]
    for told in ("alice likes figs", "owes me a book", "hello all, says alice"):
        assert told in page
    for foreign in (b"plums", b"says bob", b"700200300400"):
        assert foreign not in everything


async def test_peoples_text_is_not_markup_on_the_page(world: World, tmp_path: Path) -> None:
    await world.say(ALICE, "<script>alert(1)</script>", name="<b>Al</b>")
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        page = archive.read("contact.html").decode()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "<b>" not in page


async def test_a_file_keeps_its_bytes_under_a_name_of_ours(
    world: World, admin: Any, tmp_path: Path
) -> None:
    said = await world.say(ALICE, "see this")
    admin.execute(
        """INSERT INTO discreet.attachments (owner_id, agent_id, contact_id, shared, session_id,
             route_id, message_id, position, kind, platform_file, name, media_type, channel_id,
             chat_id, platform_message_id, state, content)
           SELECT owner_id, agent_id, contact_id, shared, session_id, route_id, id, 0, 'document',
                  'f1', '../../evil.pdf', 'application/pdf', channel_id, chat_id,
                  platform_message_id, 'kept', 'bytes'
             FROM discreet.messages WHERE contact_id = %s""",
        (said.contact_id,),
    )
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        files = [name for name in archive.namelist() if name.startswith("files/")]
        assert [archive.read(name) for name in files] == [b"bytes"]
        assert not any(".." in name for name in archive.namelist())
        assert f'href="{files[0]}"' in archive.read("contact.html").decode()


async def test_an_export_replaces_no_file_and_leaves_none_behind(
    world: World, tmp_path: Path
) -> None:
    await world.say(ALICE, "hello")
    file = tmp_path / "kept.zip"
    file.write_text("mine")
    with pytest.raises(BadInput):
        await export_contact(world.db, world.owner_id, ALICE, file)
    with pytest.raises(BadInput):
        await export_contact(world.db, world.owner_id, ALICE, tmp_path / "no" / "folder.zip")
    with pytest.raises(NotFound):
        await export_contact(world.db, world.owner_id, BOB, tmp_path / "b.zip")
    assert os.listdir(tmp_path) == ["kept.zip"]
    assert file.read_text() == "mine"


async def test_every_table_with_something_of_a_contact_is_in_the_export(
    world: World, admin: Any, tmp_path: Path
) -> None:
    await world.say(ALICE, "hello")
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    tables = {
        name
        for (name,) in admin.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns"
            " WHERE table_schema = 'discreet' AND column_name = 'contact_id'"
        ).fetchall()
    }
    # Hashes and ids that only the gate reads, ids of what the owner was told about, and ids of what
    # programs were told.
    assert tables - written.counts.keys() == {
        *("mcp_sessions", "link_requests", "owner_notices"),
        *("events", "self_erasures"),
    }


async def test_what_a_stranger_said_before_being_let_in_is_in_the_export(
    world: World, admin: Any, tmp_path: Path
) -> None:
    channel = await world.add_channel("telegram", "bot", admission="pairing")
    for who, name in ((ALICE, "alice"), (BOB, "bob")):
        with pytest.raises(NotTaken):
            await world.say(who, f"let me in, says {name}", channel_id=channel)
    (code,) = admin.execute(
        "SELECT p.code FROM discreet.pairings p JOIN discreet.addresses a USING (contact_id)"
        " WHERE a.platform_id = '1001' AND p.owner_id = %s",
        (world.owner_id,),
    ).fetchone()
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        data = read(archive)
    assert len(data["pairings"]) == 1
    assert code not in json.dumps(data["pairings"])
    assert "says alice" in json.dumps(data["held_messages"])
    assert "says bob" not in json.dumps(data)


async def test_what_waits_in_quarantine_is_exported_with_its_sender(
    world: World, admin: Any, tmp_path: Path
) -> None:
    channel = await world.add_channel("telegram", "bot")
    for sender in (ALICE, BOB):
        await world.say(sender, "hello")
        inbound = {
            "text": f"held from {sender}",
            "sender": {"address": {"platform": "telegram", "platform_id": sender[9:]}},
        }
        admin.execute(
            "INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason)"
            " VALUES (%s, %s, %s, %s, 'tried')",
            (world.owner_id, channel, sender, json.dumps(inbound)),
        )
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        held = read(archive)["quarantine"]
    assert [record["inbound"]["text"] for record in held] == [f"held from {ALICE}"]


async def test_an_export_is_of_one_moment(
    world: World, tmp_path: Path, admin: psycopg.Connection[Any]
) -> None:
    await world.say(ALICE, "one")

    def meanwhile(line: str) -> None:
        if line == "Writing addresses.":
            admin.execute("UPDATE discreet.messages SET text = 'two'")

    written = await export_contact(
        world.db, world.owner_id, ALICE, tmp_path / "a.zip", progress=meanwhile
    )
    assert written.counts["messages"] == 1
    with zipfile.ZipFile(written.file) as archive:
        assert [record["text"] for record in read(archive)["messages"]] == ["one"]


async def test_who_was_joined_is_in_the_archive_of_the_one_that_was_kept(
    world: World, tmp_path: Path
) -> None:
    first = await world.say(ALICE, "I am Alice")
    other = await world.say(BOB, "Alice as well")
    for said in (first, other):
        async with world.db.begin(world.contact(said.contact_id)) as tx:
            await tx.execute("INSERT INTO discreet.memories (content) VALUES ('likes tea')")
    await link_contacts(world.db, world.owner_id, ALICE, BOB)
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        data = read(archive)
    assert [record["id"] for record in data["contact"]] == [
        str(first.contact_id), str(other.contact_id),
    ]  # fmt: skip
    assert [record["text"] for record in data["messages"]] == ["I am Alice", "Alice as well"]
    assert (len(data["memories"]), len(data["links"])) == (2, 1)
