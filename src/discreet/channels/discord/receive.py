"""Receive from Discord, and fetch missed messages, because it doesn't wait for confirmations.

After each new session, every chat that may have newer messages than those stored is fetched.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import discord
import structlog

from discreet.channels.discord.gateway_client import (
    Complete,
    ConnectionCut,
    GatewayClient,
    MessageReceived,
    News,
    NewSession,
    ServerThere,
    SessionResumed,
)
from discreet.channels.discord.parse import DIRECT, parse
from discreet.domain.concurrency import end, start
from discreet.domain.errors import Unavailable
from discreet.domain.platform import EnsureLeader, Identity, ReceiveContext

log = structlog.get_logger(__name__)

MAX_BACK = timedelta(days=7)
"""Older messages that were missed are not fetched."""
MARGIN = timedelta(minutes=3)
"""A dead connection is noticed within two minutes, and messages don't arrive in the order of their
times, so this much is fetched again and recognized.
"""
NOTE_SECONDS = 10.0
TICK_SECONDS = 5.0
AT_ONCE = 8
"""Chats fetched concurrently after a connection."""
ORDER_SECONDS = 10.0
"""Seconds that a message waits for earlier ones of its chat."""
FIRST_WAIT, MAX_WAIT = 0.5, 30.0
"""Seconds between attempts while Discord can't be reached or nothing can be stored."""
PAGE = 100
_NAMED = re.compile(r"<(@&|#)([0-9]{1,20})>")


async def listen(
    client: GatewayClient, context: ReceiveContext, ensure_leader: EnsureLeader
) -> None:
    """Store what the gateway sends, until cancelled or the queue overflows.

    Raises:
        psycopg.Error: from ``ensure_leader``: another process may be receiving by now.
    """
    receiver = _Receiver(client, context, ensure_leader)
    try:
        while not client.overrun:
            news: News | None = None
            with anyio.move_on_after(TICK_SECONDS):
                news = await client.news.get()
            await ensure_leader()
            if news is not None:
                await receiver.heed(news)
            await receiver.note_progress()
    finally:
        await receiver.close()


class _Receiver:
    """Receives on one account, from one new session to the next."""

    def __init__(
        self, client: GatewayClient, context: ReceiveContext, ensure_leader: EnsureLeader
    ) -> None:
        self._client, self._context, self._ensure_leader = client, context, ensure_leader
        self._since = datetime.now(UTC)
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._places: dict[str, dict[str, Any]] = {}
        self._sweeps: list[asyncio.Task[None]] = []
        self._connected = self._complete = False
        self._noted_at = 0.0
        self._last_said = self._since

    async def heed(self, news: News) -> None:
        match news:
            case NewSession():
                await self._begin()
            case Complete():
                self._complete = True
                stored = [
                    thread or chat for chat, thread in await self._context.receive_cursor.chats()
                ]
                told = list(self._newer(self._client.guilds))
                unknown = [chat for chat in stored if self._client.place_of(chat) is None]
                self._sweep([*told, *unknown])
            case ServerThere(guild_id):
                guild = self._client.get_guild(guild_id)
                if self._complete and guild is not None:
                    self._sweep(list(self._newer([guild])))
            case ConnectionCut():
                self._connected = False
            case SessionResumed():
                self._connected = True
            case MessageReceived():
                await self._in_order(news)

    async def close(self) -> None:
        await end(*self._sweeps, *self._asked.values())

    async def note_progress(self) -> None:
        """Record that everything older than some minutes is stored, unless something is waiting."""
        now = asyncio.get_running_loop().time()
        if not self._connected or not self._complete or now - self._noted_at < NOTE_SECONDS:
            return
        if any(guild.unavailable for guild in self._client.guilds):
            return
        if not all(_is_through(task) for task in (*self._sweeps, *self._asked.values())):
            return
        until = datetime.now(UTC) if self._client.news.empty() else self._last_said
        try:
            await self._context.receive_cursor.advance(until - MARGIN)
        except Unavailable as error:
            log.warning("the receive cursor could not be stored", error=error.message)
        self._noted_at = now

    async def _begin(self) -> None:
        await self.close()
        self._asked, self._places, self._sweeps = {}, {}, []
        self._connected, self._complete = True, False
        earliest = datetime.now(UTC) - MAX_BACK
        self._since = max(await self._context.receive_cursor.received_through(), earliest)
        await self._context.receive_cursor.record_error("")

    def _newer(self, guilds: Any) -> Iterator[str]:
        """Yield channels and threads with messages that may not be stored."""
        for guild in guilds:
            joined = guild.me.joined_at if guild.me else None
            since = max(self._since, joined) if joined else self._since
            for channel in (*guild.channels, *guild.threads):
                last = self._client.heard_last(channel)
                if last is not None and last > since and _may_read(channel, guild):
                    yield str(channel.id)

    def _sweep(self, chats: list[str]) -> None:
        left = iter(chats)
        self._sweeps = [task for task in self._sweeps if not _is_through(task)]

        async def work() -> None:
            for chat in left:
                await self._caught_up(chat)

        self._sweeps += [start(work(), "sweep chats") for _ in range(AT_ONCE)]

    def _caught_up(self, chat: str) -> asyncio.Task[None]:
        task = self._asked.get(chat)
        if task is None:
            task = self._asked[chat] = start(self._catch_up(chat), "catch up")
        return task

    async def _in_order(self, said: MessageReceived) -> None:
        chat = str(said.message.get("channel_id"))
        before = self._caught_up(chat)
        if not before.done():
            # A chat that can't be fetched delays the others for a while, not forever.
            await asyncio.wait({before}, timeout=ORDER_SECONDS)
        await self._take(said)
        self._last_said = max(self._last_said, _time_of(said.message))

    async def _catch_up(self, chat: str) -> None:
        """Store the messages of a chat since then, oldest first."""
        if not chat.isdecimal():
            return
        after = discord.utils.time_snowflake(self._since)
        wait = FIRST_WAIT
        while True:
            try:
                page = await self._client.http.logs_from(int(chat), PAGE, after=after)
            except Exception as error:
                if _is_final(error):
                    return
                log.warning("a chat could not be fetched", error=type(error).__name__)
                wait = await _wait(wait)
                continue
            for message in sorted(page, key=lambda found: int(found["id"])):
                await self._take(MessageReceived({**message}, live=False))
                after = int(message["id"])
            if len(page) < PAGE:
                return

    async def _take(self, said: MessageReceived) -> None:
        """Store a message, retrying until it succeeds: nobody sends it again."""
        wait = FIRST_WAIT
        while True:
            try:
                payload = await self._payload(said)
                for event in parse(payload, self._me(), self._context.channel_id):
                    await self._context.sink(event)
                return
            except Exception as error:
                log.warning("an event could not be stored", error=type(error).__name__)
            wait = await _wait(wait)
            await self._ensure_leader()

    def _me(self) -> Identity:
        user = self._client.user
        return Identity(self._context.account, user.name if user is not None else "")

    async def _payload(self, said: MessageReceived) -> Mapping[str, Any]:
        if not str(said.message.get("channel_id")).isdecimal():
            return {"message": said.message}  # malformed: for the quarantine
        place = await self._place(said)
        if said.reaction:
            return {"reaction": said.message, "channel": place}
        payload: dict[str, Any] = {
            "message": said.message,
            "channel": place,
            "edited": said.edited,
        }
        guild = self._client.get_guild(int(place.get("guild_id") or 0))
        if guild is not None:
            payload["names"] = dict(_names(str(said.message.get("content") or ""), guild))
            mine = guild.self_role
            payload["my_roles"] = [] if mine is None else [str(mine.id)]
        return payload

    async def _place(self, said: MessageReceived) -> dict[str, Any]:
        """Return where it was written.

        An unknown place is a place of its own: nothing said in one place may reach another.
        """
        here = str(said.message["channel_id"])
        known = self._client.place_of(here) or self._places.get(here)
        if known is not None:
            return known
        guild_id = said.message.get("guild_id")
        if said.live and not guild_id:
            place: dict[str, Any] = {"id": here, "type": DIRECT}
        else:
            try:
                place = {**await self._client.http.get_channel(int(here))}
            except discord.HTTPException as error:
                if not _is_final(error):
                    raise
                return {"id": here, "type": None, "guild_id": guild_id}
            parent = self._client.place_of(str(place.get("parent_id") or 0))
            guild = self._client.get_guild(int(place.get("guild_id") or 0))
            place["parent_name"] = parent["name"] if parent else ""
            place["guild_name"] = guild.name if guild else ""
        self._places[here] = place
        return place


def _is_through(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _names(content: str, guild: discord.Guild) -> Iterator[tuple[str, str]]:
    for kind, number in _NAMED.findall(content):
        found = guild.get_role(int(number)) if kind == "@&" else guild.get_channel(int(number))
        if found is not None:
            yield number, found.name


def _may_read(channel: Any, guild: discord.Guild) -> bool:
    if guild.me is None:
        return True
    may = channel.permissions_for(guild.me)
    return bool(may.view_channel and may.read_message_history)


def _time_of(message: Mapping[str, Any]) -> datetime:
    number = str(message.get("id"))
    return discord.utils.snowflake_time(int(number) if number.isdecimal() else 0)


def _is_final(error: Exception) -> bool:
    """Return whether a retry would give the same answer."""
    return (
        isinstance(error, discord.HTTPException)
        and 400 <= error.status < 500
        and error.status not in (401, 408, 429)
    )


async def _wait(wait: float) -> float:
    await asyncio.sleep(wait)
    return min(wait * 2, MAX_WAIT)
