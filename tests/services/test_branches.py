"""Branches: each agent keeps only what was said to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import ChannelId
from discreet.domain.platform import Receipt
from discreet.intake.groups import move_group
from discreet.intake.receipts import record_receipt
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.scope import ScopedDatabase, WorkScope
from discreet.services.admission import decide_pairing, set_admission
from discreet.services.agents import change_agent, create_agent
from discreet.services.branches import add_branch, list_branches, remove_branch
from discreet.services.channels import list_channels, remove_channel, set_debounce
from discreet.turn.run import run_turn
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder
from tests.support.turns import Recording, do_all, turns_of
from tests.support.world import World, make_world, open_scoped

Admin = psycopg.Connection[Any]

ANN, BOB, GROUP, OTHER_GROUP = "telegram:1001", "telegram:1002", "telegram:-100500", "telegram:-7"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    platform = await make_platform(db, admission="open")
    await set_debounce(db, platform.world.owner_id, platform.channel_id, 0)
    return platform


@pytest.fixture
async def eve(platform: Platform) -> World:
    return await make_world(platform.world.db, agent="Eve")


async def agent_of(admin: Admin, session_id: Any) -> str:
    row = admin.execute(
        "SELECT a.name FROM discreet.sessions s JOIN discreet.agents a ON a.id = s.agent_id"
        " WHERE s.id = %s",
        (session_id,),
    ).fetchone()
    assert row is not None
    return str(row[0])


async def branch(platform: Platform, chat: str, agent: str = "Eve") -> None:
    await add_branch(platform.world.db, platform.world.owner_id, "telegram", chat, agent)


async def test_a_chat_leads_to_its_own_agent_and_the_others_where_the_channel_does(
    platform: Platform, eve: World, admin: Admin, database: Database
) -> None:
    before = await platform.accepted(ANN, "before", group=GROUP)
    await branch(platform, GROUP)
    there = await platform.accepted(ANN, "who are you?", group=GROUP)
    elsewhere = await platform.accepted(ANN, "and you?", group=OTHER_GROUP)
    alone = await platform.accepted(ANN, "and here?")
    assert [
        await agent_of(admin, said.session_id) for said in (before, there, elsewhere, alone)
    ] == ["Ada", "Eve", "Ada", "Ada"]
    wire, responder = Recording("telegram"), Responder()
    await do_all(database, eve.db, responder, {"telegram": wire, "terminal": Recording("terminal")})
    # The original agent answers waiting messages, in their own chat.
    assert sorted((sent.account, sent.chat_id) for sent in wire.sent) == [
        ("bot", "-100500"), ("bot", "-100500"), ("bot", "-7"), ("bot", "1001"),
    ]  # fmt: skip
    assert sorted((one.agent.name, one.waiting[0].text) for one in responder.contexts) == [
        ("Ada", "and here?"),
        ("Ada", "and you?"),
        ("Ada", "before"),
        ("Eve", "who are you?"),
    ]


async def test_neither_agent_knows_what_was_said_to_the_other(
    platform: Platform, eve: World
) -> None:
    responder = Responder()
    said = await platform.accepted(ANN, "Ada alone knows of the heron", group=GROUP)
    async with eve.db.begin(platform.world.contact(said.contact_id)) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('heron')")
    await branch(platform, GROUP)
    asked = await platform.accepted(ANN, "what of the heron?", group=GROUP)
    assert asked.contact_id == said.contact_id
    await run_turn(turns_of(eve.db, responder), asked.session_id)
    [context] = responder.contexts
    assert (context.history, context.recalled, context.knowledge) == ((), (), ())


async def test_somebody_in_a_direct_chat_is_led_by_who_they_are(
    platform: Platform, eve: World, admin: Admin
) -> None:
    await branch(platform, BOB)
    # On some platforms a direct chat has a separate id.
    said = await platform.accepted(BOB, "hello", chat_id="dm-77")
    in_group = await platform.accepted(BOB, "hello", group=GROUP)
    assert await agent_of(admin, said.session_id) == "Eve"
    assert await agent_of(admin, in_group.session_id) == "Ada"
    assert eve.agent_id != platform.world.agent_id


async def test_a_repeated_delivery_changes_nothing_wherever_the_chat_leads_by_then(
    platform: Platform, eve: World, admin: Admin
) -> None:
    async def twice(number: str) -> set[bool]:
        said = [
            await platform.accepted(ANN, "hi", group=GROUP, message_id=number) for _ in range(2)
        ]
        assert len({one.message_id for one in said}) == 1
        return {one.new for one in said}

    assert await twice("1") == {True, False}
    await branch(platform, GROUP)
    assert await twice("1") == {False}
    assert await twice("2") == {True, False}
    await remove_branch(eve.db, eve.owner_id, "telegram", GROUP)
    assert await twice("2") == {False}
    assert (
        await agent_of(admin, (await platform.accepted(ANN, "3", group=GROUP)).session_id) == "Ada"
    )
    await create_agent(eve.db, eve.owner_id, "Ivy")
    await branch(platform, GROUP, "Ivy")
    assert await twice("2") == {False}
    assert await twice("1") == {False}
    assert admin.execute("SELECT count(*) FROM discreet.messages").fetchone() == (3,)


async def test_a_branch_is_one_of_its_channel_and_goes_with_it(
    platform: Platform, eve: World
) -> None:
    await branch(platform, GROUP)
    await branch(platform, GROUP, "Eve")
    [channel] = await list_channels(eve.db, eve.owner_id)
    assert channel.agent == "Ada"
    [made] = await list_branches(eve.db, eve.owner_id)
    assert (made.chat, made.agent, made.instead_of) == ("-100500", "Eve", "Ada")
    async with eve.db.begin(WorkScope()) as tx:
        kept_up = await tx.fetch("SELECT id FROM gate.open_channels()")
    assert [row["id"] for row in kept_up] == [platform.channel_id]
    await remove_channel(eve.db, eve.owner_id, platform.channel_id)
    assert await list_branches(eve.db, eve.owner_id) == []


async def test_who_was_let_in_on_the_channel_is_let_in_on_its_branches_and_nobody_else(
    db: ScopedDatabase,
) -> None:
    platform = await make_platform(db)
    world = platform.world
    await make_world(db, agent="Eve")
    assert await platform.reason(ANN, "hello", group=GROUP) == "aside"
    await decide_pairing(db, world.owner_id, GROUP, let_in=True)
    for chat in (GROUP, OTHER_GROUP):
        await branch(platform, chat)
    await platform.accepted(ANN, "let in", group=GROUP)
    assert await platform.reason(ANN, "not let in", group=OTHER_GROUP) == "aside"
    await decide_pairing(db, world.owner_id, OTHER_GROUP, let_in=True)
    assert await platform.reason(ANN, "alone") == "aside"


async def test_an_agent_that_shares_its_memory_is_open_to_nobody_by_a_branch_either(
    platform: Platform, eve: World, admin: Admin
) -> None:
    shared = AgentChange(memory_model="shared")
    await create_agent(eve.db, eve.owner_id, "Family", shared)
    with pytest.raises(Conflict, match="shares one memory"):
        await branch(platform, GROUP, "Family")
    await set_admission(eve.db, eve.owner_id, "Ada", "telegram", "pairing")
    await branch(platform, GROUP, "Family")
    with pytest.raises(Conflict, match="Family shares one memory"):
        await set_admission(eve.db, eve.owner_id, "Ada", "telegram", "open")
    await branch(platform, GROUP, "Eve")
    await set_admission(eve.db, eve.owner_id, "Ada", "telegram", "open")
    with pytest.raises(Conflict):
        await change_agent(eve.db, eve.owner_id, "Eve", shared)
    found = admin.execute(
        "SELECT DISTINCT admission FROM discreet.channels"
        " WHERE platform = 'telegram' AND closed_at IS NULL"
    ).fetchall()
    assert found == [("open",)]


async def test_a_group_that_moves_takes_its_branch_along(
    platform: Platform, eve: World, admin: Admin
) -> None:
    await branch(platform, GROUP)
    await platform.accepted(ANN, "hello", group=GROUP)
    new = "telegram:-200500"
    assert await move_group(eve.db, eve.owner_id, Address.parse(GROUP), Address.parse(new))
    said = await platform.accepted(ANN, "hello", group=new)
    assert await agent_of(admin, said.session_id) == "Eve"


async def test_what_the_platform_tells_about_an_answer_finds_it_on_the_branch(
    platform: Platform, eve: World, admin: Admin, database: Database
) -> None:
    await branch(platform, GROUP)
    await platform.accepted(ANN, "hello", group=GROUP)
    wires = {"telegram": Recording("telegram"), "terminal": Recording("terminal")}
    await do_all(database, eve.db, Responder(), wires)
    at = admin.execute("SELECT now()").fetchone()
    assert at is not None
    chat = Address.parse(GROUP).platform_id
    receipt = Receipt(platform.channel_id, (chat,), "sent-1", "read", at[0])
    await record_receipt(eve.db, eve.owner_id, receipt)
    stranger = Receipt(ChannelId(eve.channel_id), (chat,), "sent-1", "delivered", at[0])
    await record_receipt(eve.db, eve.owner_id, stranger)
    found = admin.execute("SELECT read_at FROM discreet.outbox").fetchall()
    assert found == [at]


async def test_what_can_not_be_a_branch_is_refused(platform: Platform, eve: World) -> None:
    for chat in ("", "telegram:", "a\nb", "x" * 1000):
        with pytest.raises(BadInput):
            await branch(platform, chat)
    with pytest.raises(NotFound):
        await branch(platform, GROUP, "Nobody")
    with pytest.raises(Conflict, match="already leads"):
        await branch(platform, GROUP, "Ada")
    with pytest.raises(NotFound):
        await remove_branch(eve.db, eve.owner_id, "telegram", GROUP)
    with pytest.raises(NotFound):
        await add_branch(eve.db, eve.owner_id, "discord", GROUP, "Eve")
