"""The dashboard: a session of one owner shows nothing of another's, and a part of a page that is
about one contact holds nothing of the others'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from discreet.app import App
from discreet.auth.sign_ins import create_sign_in_code, sign_in
from discreet.dashboard.application import dashboard_app
from discreet.dashboard.security import COOKIE
from discreet.domain.errors import NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.inbound import Attachment
from discreet.postgres.server import Database
from discreet.schemas.memories import Remember
from discreet.services import attachments, memories, own_data, references
from discreet.services.agents import create_agent
from discreet.settings import Settings
from tests.support.world import World, make_world, open_scoped, other_owner

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


@asynccontextmanager
async def browser(
    world: World, database: Database, owner_id: OwnerId
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a session of an owner, at this world's dashboard, in process."""
    secret = await sign_in(world.db, await create_sign_in_code(world.db, owner_id), "a browser")
    app = App(Settings(), database, world.db, world.owner_id)
    transport = httpx.ASGITransport(app=dashboard_app(app))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", cookies={COOKIE: secret or ""}
    ) as client:
        yield client
    await app.wakes.close()


async def test_a_session_of_another_owner_opens_no_page(
    world: World, database: Database, admin: Admin
) -> None:
    other = await other_owner(world, admin)
    async with browser(world, database, other.owner_id) as client:
        for path in ("/", "/inbox", "/settings", "/tokens"):
            assert (await client.get(path)).status_code == 401, path
    async with browser(world, database, world.owner_id) as client:
        assert (await client.get("/settings")).status_code == 200


async def test_whoever_looks_at_a_contact_in_the_dashboard_is_in_its_log(
    world: World, database: Database, admin: Admin
) -> None:
    """Each way of looking is tried with a contact of its own: repeated looks are one entry."""
    photo = Attachment("photo", "f", "mine.png")
    ways = (
        ("/contacts/{contact}", ["read"]),
        ("/contacts/{contact}?q=heron", ["read", "searched"]),
        ("/contacts/{contact}/lines", ["read"]),
        ("/contacts/{contact}/export", ["exported"]),
        ("/files/{file}", ["read"]),
        ("/simulator/column?sender={sender}", ["read"]),
    )
    async with browser(world, database, world.owner_id) as client:
        for number, (path, expected) in enumerate(ways):
            sender = f"telegram:{5001 + number}"
            said = await world.say(sender, "a heron", attachments=(photo,))
            [(file,)] = admin.execute(
                "UPDATE discreet.attachments SET content = 'x', state = 'kept'"
                " WHERE contact_id = %s RETURNING id", (said.contact_id,),
            ).fetchall()  # fmt: skip
            asked = path.format(contact=said.contact_id, file=file, sender=sender)
            assert (await client.get(asked)).status_code == 200, path
            listed = await own_data.list_access(world.context(world.contact(said.contact_id)))
            assert sorted(one.did for one in listed.items) == expected, path
            assert {one.place for one in listed.items} == {"dashboard"}, path


async def test_another_owners_rows_are_no_pages(
    world: World, database: Database, admin: Admin
) -> None:
    other = await other_owner(world, admin)
    file = Attachment("photo", "f", "theirs.png")
    said = await other.say(ALICE, "theirs", attachments=(file,))
    admin.execute("UPDATE discreet.attachments SET content = 'x', state = 'kept'")
    row = admin.execute("SELECT id FROM discreet.attachments").fetchone()
    assert row is not None
    async with browser(world, database, world.owner_id) as client:
        for path in (
            f"/contacts/{said.contact_id}",
            f"/contacts/{said.contact_id}/export",
            f"/contacts/{said.contact_id}/erase",
            f"/files/{row[0]}",
            f"/agents/{other.agent_id}",
            f"/agents/{other.agent_id}/references",
        ):
            got = await client.get(path)
            assert (got.status_code, "theirs" in got.text) == (404, False), path
        lines = await client.get(f"/contacts/{said.contact_id}/lines")
        assert "theirs" not in lines.text
    with pytest.raises(NotFound):
        await attachments.get_file(world.db, world.owner_id, row[0])


async def test_a_session_is_made_anew_and_not_of_anything_the_link_holds(world: World) -> None:
    code = await create_sign_in_code(world.db, world.owner_id)
    first = await sign_in(world.db, code, "one")
    second = await sign_in(world.db, await create_sign_in_code(world.db, world.owner_id), "two")
    assert first is not None
    assert second is not None
    assert len({first, second, code}) == 3
    assert await sign_in(world.db, code, "again") is None
    # Nobody who reads the link in a history can compute the session.
    import hashlib

    assert first != hashlib.sha256(code.encode()).hexdigest()


async def test_a_column_of_the_simulator_holds_its_senders_memories_alone(
    world: World, database: Database
) -> None:
    for sender, fact in ((ALICE, "likes tea"), (BOB, "likes beer")):
        said = await world.say(sender, "hello")
        context = world.context(world.contact(said.contact_id))
        await memories.remember(context, Remember(content=fact))
    async with browser(world, database, world.owner_id) as client:
        column = (await client.get(f"/simulator/column?sender={ALICE}")).text
    assert "likes tea" in column
    assert "likes beer" not in column


async def test_a_line_of_a_conversation_has_its_own_files_alone(
    world: World, database: Database, admin: Admin
) -> None:
    mine = await world.say(ALICE, "look", attachments=(Attachment("photo", "1", "mine.png"),))
    await world.say(ALICE, "again", attachments=(Attachment("photo", "3", "another.png"),))
    await world.say(BOB, "look", attachments=(Attachment("photo", "2", "bobs.png"),))
    found = await attachments.files_of_messages(world.db, world.owner_id, [mine.message_id])
    assert [file.name for files in found.values() for file in files] == ["mine.png"]


async def test_publishing_for_one_agent_gives_it_nothing_of_another(world: World) -> None:
    second = await create_agent(world.db, world.owner_id, "Bea")
    for agent_id, title in ((world.agent_id, "of Ada"), (second.id, "of Bea")):
        text = references.ReferenceText(title, (f"A text {title}.",))
        change = references.ReferenceChange([text], remove=["of Ada"])
        await references.change_references(world.db, world.owner_id, agent_id, change)
    for agent_id, title in ((world.agent_id, "of Ada"), (second.id, "of Bea")):
        found = await references.list_references(world.db, world.owner_id, agent_id)
        assert list(found) == [title]
    with pytest.raises(NotFound):
        await references.get_reference(world.db, world.owner_id, second.id, "of Ada")
