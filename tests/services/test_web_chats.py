"""A web chat is a channel: listed, found, tested, moved and removed like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.auth.tokens import authenticate
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict, NotFound, Unauthorized
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.schemas.retention import RetentionTarget
from discreet.schemas.web_chats import AddedWebChat, VisitorToOpen, WebChatToAdd
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services import admission, branches, channels, moving_channels, retention
from discreet.services.agents import create_agent
from discreet.services.channels import ChannelAccess
from discreet.services.status import get_attention, with_unreadable
from discreet.services.web_chats import WebChatAccess, add_web_chat, open_web_chat
from tests.support.platform import Platform, make_platform
from tests.support.world import open_scoped

KEY = b"k" * 32


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    """Ada with a bot on Telegram."""
    return await make_platform(db)


def access_of(platform: Platform, key: bytes = KEY) -> ChannelAccess:
    return ChannelAccess(platform.world.db, platform.world.owner_id, {}, key)


def chats_of(platform: Platform) -> WebChatAccess:
    return WebChatAccess(platform.world.db, platform.world.owner_id, KEY)


@pytest.fixture
async def shop(platform: Platform) -> AddedWebChat:
    given = WebChatToAdd(name="shop", agent="Ada", origins=["https://shop.example"])
    return await add_web_chat(chats_of(platform), given)


async def test_a_web_chat_is_listed_with_the_channels_and_found_by_any_of_its_names(
    platform: Platform, shop: AddedWebChat
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    [_, listed] = await channels.list_channels(db, owner_id)
    assert (listed.id, listed.platform, listed.label, listed.agent, listed.origins) == (
        shop.chat.id,
        "web",
        "shop",
        "Ada",
        ("https://shop.example",),
    )
    for name in ("shop", "SHOP", "web", "web:shop", str(shop.chat.id)):
        assert await channels.find_channel(db, owner_id, name) == listed
    await add_web_chat(
        chats_of(platform), WebChatToAdd(name="home", origins=["https://shop.example"])
    )
    with pytest.raises(BadInput, match="web:shop, web:home"):
        await channels.find_channel(db, owner_id, "web")


async def test_a_web_chat_is_open_in_the_list_of_admission_and_cannot_be_closed_there(
    platform: Platform, shop: AddedWebChat
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    for _ in range(2):
        await open_web_chat(chats_of(platform), shop.chat.id, VisitorToOpen())
    [_, policy] = await admission.list_policies(db, owner_id)
    assert (policy.platform, policy.name, policy.admission, policy.admitted) == (
        "web",
        "shop",
        "open",
        2,
    )
    done = await admission.set_admission(db, owner_id, "Ada", "web", "open")
    assert [one.name for one in done.items] == ["shop"]
    with pytest.raises(Conflict, match="sb channels remove shop"):
        await admission.set_admission(db, owner_id, "Ada", "web", "pairing")
    with pytest.raises(Conflict):
        await admission.allow_address(
            db, owner_id, "Ada", Address.parse("web:shop/anna"), of_group=False
        )


async def test_what_a_web_chat_does_not_have_is_refused_by_name(
    platform: Platform, shop: AddedWebChat
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    found = await channels.find_channel(db, owner_id, "shop")
    with pytest.raises(Conflict, match="shop is a web chat"):
        await channels.set_debounce(db, owner_id, found.id, 2)
    with pytest.raises(Conflict, match="shop is a web chat"):
        await channels.set_contact_labels(db, owner_id, found.id, ["customer"])
    with pytest.raises(Conflict, match="shop is a web chat"):
        await branches.add_branch(db, owner_id, "shop", "anna", "Ada")
    with pytest.raises(Conflict, match="shop is a web chat"):
        await retention.remove_retention(db, owner_id, RetentionTarget(channel="shop"))


async def test_a_web_chat_that_moves_signs_its_visitors_out_and_leads_to_the_other_agent(
    platform: Platform, shop: AddedWebChat
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    bea = await create_agent(db, owner_id, "Bea")
    visitor = await open_web_chat(chats_of(platform), shop.chat.id, VisitorToOpen())
    moved = await moving_channels.move_channel(db, owner_id, "shop", "Bea")
    assert (moved.id, moved.agent) == (shop.chat.id, "Bea")
    with pytest.raises(Unauthorized):
        await authenticate(db, visitor.token)
    again = await open_web_chat(chats_of(platform), shop.chat.id, VisitorToOpen())
    assert (await authenticate(db, again.token)).agent_id == bea.id
    await create_agent(db, owner_id, "Family", AgentChange(memory_model="shared"))
    for agent, error in (("Bea", Conflict), ("Family", Conflict), ("Nobody", NotFound)):
        with pytest.raises(error):
            await moving_channels.move_channel(db, owner_id, "shop", agent)


async def test_a_web_chat_whose_secret_is_of_other_credentials_is_named(
    platform: Platform, shop: AddedWebChat
) -> None:
    world = platform.world
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await tx.execute("UPDATE discreet.channels SET closed_at = now() WHERE platform='telegram'")
    assert (await channels.test_channel(access_of(platform), "shop")).id == shop.chat.id
    found = await get_attention(world.db, world.owner_id)
    assert (await with_unreadable(found, access_of(platform))).deaf == ()
    [deaf] = (await with_unreadable(found, access_of(platform, b"x" * 32))).deaf
    assert (deaf.platform, deaf.name) == ("web", "shop")
    with pytest.raises(Exception, match="other credentials"):
        await channels.test_channel(access_of(platform, b"x" * 32), "shop")


async def test_a_web_chat_is_removed_like_a_channel(platform: Platform, shop: AddedWebChat) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    visitor = await open_web_chat(chats_of(platform), shop.chat.id, VisitorToOpen())
    removed = await channels.disconnect_channel(access_of(platform), "web:shop")
    assert removed.id == shop.chat.id
    assert [one.platform for one in await channels.list_channels(db, owner_id)] == ["telegram"]
    with pytest.raises(Unauthorized):
        await authenticate(db, visitor.token)
