"""Channels: connect, test, change and disconnect them, and their branches. Owner's tokens only."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.domain.platform import ChannelSecret
from discreet.schemas import channels as wire
from discreet.schemas import web_chats as web
from discreet.services import branches, channels, moving_channels, web_chats

router = APIRouter(prefix="/api/admin", tags=["channels"])


@router.get("/channels", responses=documented(), operation_id="list_channels")
async def list_all(who: OwnerCaller) -> wire.ChannelList:
    """List the channels, oldest first."""
    return wire.ChannelList(items=await channels.list_channels(who.db, who.owner_id))


@router.post(
    "/channels", status_code=201, responses=documented(404, 409), operation_id="connect_channel"
)
async def connect(who: OwnerCaller, given: wire.ChannelToConnect) -> wire.ConnectedChannel:
    """Connect an account on a platform to an agent, after checking with the platform."""
    secret = ChannelSecret(
        given.token.get_secret_value(), app_secret=given.app_secret.get_secret_value()
    )
    return await channels.connect_channel(
        who.api.app.channels, given.agent, given.platform, secret, given.account
    )


@router.post(
    "/channels/web",
    status_code=201,
    responses=documented(404, 409),
    operation_id="add_web_chat",
)
async def add_web_chat(who: OwnerCaller, given: web.WebChatToAdd) -> web.AddedWebChat:
    """Put a chat on your own web pages. Its secret is shown only once."""
    return await web_chats.add_web_chat(who.api.app.web_chats, given)


@router.patch(
    "/channels/{channel_id}", responses=documented(404, 409), operation_id="update_channel"
)
async def update(
    who: OwnerCaller, channel_id: UUID, given: wire.ChannelPatch
) -> wire.ConnectedChannel:
    """Set how long a channel waits for follow-up messages, or the labels of new contacts."""
    found = await channels.find_channel(who.db, who.owner_id, str(channel_id))
    if given.debounce_seconds is not None:
        await channels.set_debounce(who.db, who.owner_id, found.id, given.debounce_seconds)
    if given.contact_labels is not None:
        await channels.set_contact_labels(who.db, who.owner_id, found.id, given.contact_labels)
    return await channels.find_channel(who.db, who.owner_id, str(channel_id))


@router.post(
    "/channels/{channel_id}/move", responses=documented(404, 409), operation_id="move_channel"
)
async def move(
    who: OwnerCaller, channel_id: UUID, given: wire.ChannelToMove
) -> wire.ConnectedChannel:
    """Let another agent answer on a channel, from the next message on."""
    return await moving_channels.move_channel(who.db, who.owner_id, str(channel_id), given.agent)


@router.post("/channels/{channel_id}/test", responses=documented(404), operation_id="test_channel")
async def test(who: OwnerCaller, channel_id: UUID) -> wire.ConnectedChannel:
    """Check with the platform that a channel works."""
    return await channels.test_channel(who.api.app.channels, str(channel_id))


@router.delete("/channels/{channel_id}", responses=documented(404), operation_id="remove_channel")
async def remove(who: OwnerCaller, channel_id: UUID) -> wire.ConnectedChannel:
    """Disconnect a channel and delete its secret. Its conversations are kept."""
    return await channels.disconnect_channel(who.api.app.channels, str(channel_id))


@router.get("/branches", responses=documented(), operation_id="list_branches")
async def list_branches(who: OwnerCaller) -> wire.BranchList:
    """List the chats that lead to a different agent than their channel."""
    return wire.BranchList(items=await branches.list_branches(who.db, who.owner_id))


@router.post(
    "/branches", status_code=201, responses=documented(404, 409), operation_id="add_branch"
)
async def add_branch(who: OwnerCaller, given: wire.BranchToAdd) -> wire.Branch:
    """Send a chat of a channel to another agent, from the next message on."""
    return await branches.add_branch(who.db, who.owner_id, given.channel, given.chat, given.agent)


@router.post("/branches/remove", responses=documented(404), operation_id="remove_branch")
async def remove_branch(who: OwnerCaller, given: wire.ChatOfChannel) -> wire.BranchRemoved:
    """Send a chat back to its channel's agent, from the next message on."""
    agent = await branches.remove_branch(who.db, who.owner_id, given.channel, given.chat)
    return wire.BranchRemoved(agent=agent)
