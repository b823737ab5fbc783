"""Receiving from Discord in process: the library itself against simcord's Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import discord

from discreet.channels.discord.gateway_client import (
    Complete,
    ConnectionCut,
    GatewayClient,
    News,
    NewSession,
    SessionResumed,
)
from discreet.channels.discord.receive import MARGIN, listen
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Inbound
from discreet.domain.platform import ChannelSecret, EnsureLeader, Event, EventSink, ReceiveContext
from tests.support.waiting import until

if TYPE_CHECKING:
    import simcord


@dataclass
class MemoryCursor:
    """A receive cursor in memory: this tests the channel, not the database."""

    since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    noted: list[datetime] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def received_through(self) -> datetime:
        return self.since

    async def advance(self, until: datetime) -> None:
        self.noted.append(until)

    async def chats(self) -> Sequence[tuple[str, str]]:
        return []

    async def record_error(self, why: str) -> None:
        self.errors.append(why)


@dataclass
class Receiver:
    """A listening bot and the messages it stored."""

    env: simcord.Env
    client: GatewayClient
    taken: list[Inbound]
    notes: MemoryCursor

    async def hears(self, how_many: int) -> list[Inbound]:
        await until(
            lambda: len(self.taken) >= how_many,
            f"{how_many} messages",
            outstanding=lambda: f"{len(self.taken)} were taken",
        )
        return self.taken


@asynccontextmanager
async def _leader_lock() -> AsyncIterator[EnsureLeader]:
    yield _ensure_leader


async def _ensure_leader() -> None:
    pass


def line_of(account: str, take: EventSink, notes: MemoryCursor) -> ReceiveContext:
    def leader_lock() -> AbstractAsyncContextManager[EnsureLeader]:
        return _leader_lock()

    channel_id = ChannelId(UUID(int=1))
    return ReceiveContext(
        account, ChannelSecret("token"), channel_id, take, leader_lock, None, notes
    )


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    import simcord  # only the process that runs these tests needs it

    client = GatewayClient("http://127.0.0.1:9", "ws://127.0.0.1:9")
    taken: list[Inbound] = []
    notes = MemoryCursor()

    async def take(event: Event) -> None:
        assert isinstance(event, Inbound)
        if event.message_id not in {known.message_id for known in taken}:
            taken.append(event)

    async with simcord.run(client) as env:
        assert client.user is not None

        line = line_of(str(client.user.id), take, notes)
        task = asyncio.create_task(listen(client, line, _ensure_leader))
        yield Receiver(env, client, taken, notes)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_people_are_heard_in_servers_threads_and_directly() -> None:
    async with listening() as ear:
        env, me = ear.env, ear.client.user
        assert me is not None
        guild = env.create_guild("The Adamses")
        channel = guild.create_text_channel("general")
        alice = guild.add_member(env.create_user("alice"))
        await alice.send(channel, "The picnic is on Sunday.")
        await alice.send(channel, f"{me.mention} when is it?")
        first, second = await ear.hears(2)
        assert (first.addressed, second.addressed) == (False, True)
        assert first.group is not None
        assert first.group.name == "The Adamses #general"
        assert (first.chat_id, second.text) == (str(channel.id), "when is it?")
        assert isinstance(first.sender, AddressSender)
        assert str(first.sender.address) == f"discord:{alice.id}"
        await alice.send_dm("hello")
        direct = (await ear.hears(3))[-1]
        assert (direct.group, direct.addressed, direct.text) == (None, True, "hello")
        assert direct.sender == first.sender


async def test_reactions_are_heard_as_lines_that_nobody_answers() -> None:
    async with listening() as ear:
        guild = ear.env.create_guild("The Adamses")
        channel = guild.create_text_channel("general")
        alice = guild.add_member(ear.env.create_user("alice"))
        said = await alice.send(channel, "gate B")
        await alice.react(said, "👍")
        await alice.unreact(said, "👍")
        _, there, gone = await ear.hears(3)
        assert (there.line, gone.line) == ("[reaction: 👍]", "[reaction: none, taken back: 👍]")
        assert there.reply_to == gone.reply_to == str(said.id)
        assert not there.addressed
        assert isinstance(there.sender, AddressSender)
        assert str(there.sender.address) == f"discord:{alice.id}"
        assert there.group is not None
        assert there.group.name == "The Adamses #general"


async def test_a_thread_a_reply_and_an_edit_are_known_as_what_they_are() -> None:
    async with listening() as ear:
        env, client = ear.env, ear.client
        guild = env.create_guild("The Adamses")
        channel = guild.create_text_channel("general")
        alice = guild.add_member(env.create_user("alice"))
        own = await client.get_partial_messageable(channel.id).send("I am here")
        await alice.send(channel, "and then?", reply_to=own)
        (reply,) = await ear.hears(1)
        assert (reply.addressed, reply.reply_to) == (True, str(own.id))
        said = await alice.send(channel, "helo")
        await alice.edit(said, "hello")
        edit = (await ear.hears(3))[-1]
        assert (edit.text, bool(edit.edit_of), edit.addressed) == ("hello", True, False)
        real = client.get_channel(channel.id)
        assert isinstance(real, discord.TextChannel)
        thread = await real.create_thread(name="cake", type=discord.ChannelType.public_thread)
        hidden = await real.create_thread(name="gift", type=discord.ChannelType.private_thread)
        await thread.add_user(discord.Object(alice.id))
        await hidden.add_user(discord.Object(alice.id))
        handles = {handle.id: handle for handle in channel.threads}
        await alice.send(handles[thread.id], "which?")
        await alice.send(handles[hidden.id], "a bike")
        open_, private = (await ear.hears(5))[-2:]
        assert (open_.chat_id, open_.platform_thread) == (str(channel.id), str(thread.id))
        assert (private.chat_id, private.platform_thread) == (str(hidden.id), "")
        assert open_.group is not None
        assert private.group is not None
        assert open_.group.address == reply.group.address if reply.group else False
        assert private.group.address != open_.group.address


def is_through(client: GatewayClient) -> bool:
    """Return whether all events were processed and it waits for more."""
    return client.news.empty() and bool(client.news._getters)  # type: ignore[attr-defined]


async def test_nothing_counts_as_heard_while_the_connection_is_cut() -> None:
    client = GatewayClient("http://127.0.0.1:9", "ws://127.0.0.1:9")
    notes = MemoryCursor()

    async def take(event: Event) -> None:
        raise AssertionError(event)

    async def hear(*what: News) -> None:
        for news in what:
            client.news.put_nowait(news)
            await until(lambda: is_through(client), "the end of the news")

    task = asyncio.create_task(listen(client, line_of("1", take, notes), _ensure_leader))
    await hear(NewSession(), ConnectionCut(), Complete(), ConnectionCut())
    assert notes.noted == []
    await hear(SessionResumed())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (noted,) = notes.noted
    assert abs(datetime.now(UTC) - MARGIN - noted) < timedelta(seconds=5)


async def test_a_chat_that_can_not_be_asked_holds_back_what_counts_as_heard() -> None:
    class Nowhere(MemoryCursor):
        async def chats(self) -> Sequence[tuple[str, str]]:
            return [("9000", "")]

    client = GatewayClient("http://127.0.0.1:9", "ws://127.0.0.1:9")
    notes = Nowhere()

    async def take(event: Event) -> None:
        raise AssertionError(event)

    task = asyncio.create_task(listen(client, line_of("1", take, notes), _ensure_leader))
    for news in (NewSession(), Complete(), SessionResumed(), SessionResumed()):
        client.news.put_nowait(news)
    await until(lambda: is_through(client), "the end of the news")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert notes.noted == []
