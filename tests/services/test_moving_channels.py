"""A channel that leads to another agent from now on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.auth.channel_secrets import load_secret, save_secret
from discreet.channel_registry import ChannelRegistry
from discreet.domain.errors import Conflict
from discreet.domain.ids import ChannelId
from discreet.domain.platform import ChannelSecret
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.agents import create_agent
from discreet.services.channels import ChannelAccess, list_channels, unreadable_secrets
from discreet.services.moving_channels import move_channel
from discreet.settings import Settings
from tests.support.platform import Platform, make_platform
from tests.support.turns import rows_of
from tests.support.world import open_scoped

SECRET = ChannelSecret("7:sesame", webhook_secret="hook")
ALICE, BOB, KEY = "telegram:1001", "telegram:1002", b"k" * 32


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


async def test_a_moved_channel_keeps_its_secret_and_its_people_and_no_conversation(
    db: ScopedDatabase,
) -> None:
    platform = await make_platform(db, admission="open")
    world = platform.world
    before = await platform.accepted(ALICE, "hello")
    async with db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, KEY, "telegram", "bot", SECRET)
        await tx.execute("UPDATE discreet.channels SET admission = 'pairing'")
        await tx.value(
            "SELECT gate.admit_sender(%s, 'telegram', '1001', 'external')", (platform.channel_id,)
        )
    assert await platform.reason(BOB, "let me in") == "aside"
    bea = await create_agent(db, world.owner_id, "Bea")
    with pytest.raises(Conflict, match="Strangers"):
        await move_channel(db, world.owner_id, "telegram", "Bea")
    async with db.begin(OwnerScope(world.owner_id)) as tx:
        await tx.fetch("SELECT gate.decide_pairing(id, false) FROM discreet.pairings")
    moved = await move_channel(db, world.owner_id, "telegram", "Bea")
    assert moved.agent == "Bea"
    with pytest.raises(Conflict, match="already"):
        await move_channel(db, world.owner_id, "telegram", "Bea")
    after = await Platform(world, ChannelId(moved.id)).accepted(ALICE, "hello again")
    assert after.contact_id == before.contact_id
    assert after.session_id != before.session_id
    [row] = await rows_of(
        world, "SELECT agent_id FROM discreet.sessions WHERE id = %s", after.session_id
    )
    assert row["agent_id"] == bea.id
    async with db.begin(OwnerScope(world.owner_id)) as tx:
        secret = await load_secret(tx, KEY, "telegram", "bot")
    assert secret == SECRET


async def test_an_open_channel_is_not_moved_to_an_agent_that_shares_its_memory(
    db: ScopedDatabase,
) -> None:
    platform = await make_platform(db, admission="open")
    world = platform.world
    await create_agent(db, world.owner_id, "Family", AgentChange(memory_model="shared"))
    with pytest.raises(Conflict, match="shares one memory"):
        await move_channel(db, world.owner_id, "telegram", "Family")
    [channel] = await list_channels(db, world.owner_id)
    assert channel.agent == "Ada"


async def test_a_secret_of_other_credentials_is_named(db: ScopedDatabase) -> None:
    world = (await make_platform(db)).world
    registry = ChannelRegistry(Settings())
    async with db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, KEY, "telegram", "bot", SECRET)
    read = ChannelAccess(db, world.owner_id, registry, KEY)
    assert await unreadable_secrets(read) == []
    other = ChannelAccess(db, world.owner_id, registry, b"x" * 32)
    assert [channel.account for channel in await unreadable_secrets(other)] == ["bot"]
