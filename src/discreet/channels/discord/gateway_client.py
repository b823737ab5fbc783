"""A client of Discord's gateway that puts its events into a queue, in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import discord
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.state import ConnectionState

from discreet.domain.errors import BadInput
from discreet.proxies import proxy_for

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientWebSocketResponse
    from discord.types import gateway as payloads

MAX_WAITING = 10_000
"""Maximum messages waiting to be stored. Beyond it, the connection is closed, and missed messages
are fetched later.
"""
READY_SECONDS = 1.0
"""Seconds to wait for the next server after connecting, before all are considered known."""
INTENTS = discord.Intents(
    guilds=True,
    guild_messages=True,
    dm_messages=True,
    guild_reactions=True,
    dm_reactions=True,
    message_content=True,
)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session: earlier messages may have been missed."""


@dataclass(frozen=True, slots=True)
class Complete:
    """All servers are known."""


@dataclass(frozen=True, slots=True)
class ServerThere:
    """A server became available, or came back."""

    guild_id: int


@dataclass(frozen=True, slots=True)
class ConnectionCut:
    """The connection is cut until ``SessionResumed`` or ``NewSession``."""


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """Everything sent during the cut has arrived."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message as Discord sent it.

    ``live``: it came over the gateway, which names the server of every message outside direct
    chats. ``reaction``: it is a reaction, with the time it arrived; Discord reports it once and
    gives it no id.
    """

    message: Mapping[str, Any]
    edited: bool = False
    live: bool = True
    reaction: bool = False


News = NewSession | Complete | ServerThere | ConnectionCut | SessionResumed | MessageReceived


class GatewayClient(discord.Client):
    """The connection of one bot.

    ``news`` has the events since it was opened; ``overrun`` means that some were dropped.
    """

    def __init__(self, base_url: str, gateway_url: str) -> None:
        # The library logs what it receives, which includes people's messages.
        logging.getLogger("discord").setLevel(logging.CRITICAL + 1)
        self.news: asyncio.Queue[News] = asyncio.Queue(MAX_WAITING)
        self.overrun = False
        self._urls = base_url.rstrip("/"), gateway_url.rstrip("/")
        super().__init__(
            intents=INTENTS,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            guild_ready_timeout=READY_SECONDS,
        )

    def _get_state(self, **options: Any) -> ConnectionState[GatewayClient]:
        self.http = _Http(*self._urls, self.loop)
        return _State(
            self._hand_on,
            dispatch=self.dispatch,
            handlers=self._handlers,
            hooks=self._hooks,
            http=self.http,
            **options,
        )

    async def on_ready(self) -> None:
        self._hand_on(Complete())

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._hand_on(ServerThere(guild.id))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._hand_on(ServerThere(guild.id))

    async def on_disconnect(self) -> None:
        self._hand_on(ConnectionCut())

    async def on_resumed(self) -> None:
        self._hand_on(SessionResumed())

    def place_of(self, channel_id: str) -> dict[str, Any] | None:
        """Return the known data of a server's channel or thread, or None."""
        channel = self.get_channel(int(channel_id))
        if isinstance(channel, discord.Thread):
            parent = channel.parent
            return _place(channel, channel.parent_id, parent.name if parent else "")
        if isinstance(channel, discord.abc.GuildChannel):
            return _place(channel, None, "")
        return None

    def heard_last(self, channel: discord.abc.Snowflake) -> datetime | None:
        """Return when somebody last wrote in a channel or thread, or None if unknown."""
        last = getattr(channel, "last_message_id", None)
        return None if last is None else discord.utils.snowflake_time(last)

    def _hand_on(self, news: News) -> None:
        try:
            self.news.put_nowait(news)
        except asyncio.QueueFull:
            self.overrun = True


class _State(ConnectionState[GatewayClient]):
    """Passes messages on as raw data; the library would store them and drop unknown fields."""

    def __init__(self, hand_on: Callable[[News], None], **options: Any) -> None:
        self._hand_on = hand_on
        super().__init__(**options)

    def parse_ready(self, data: payloads.ReadyEvent) -> None:
        self._hand_on(NewSession())
        super().parse_ready(data)

    def parse_message_create(self, data: payloads.MessageCreateEvent) -> None:
        self._hand_on(MessageReceived({**data}))

    def parse_message_update(self, data: payloads.MessageUpdateEvent) -> None:
        self._hand_on(MessageReceived({**data}, edited=True))

    def parse_message_reaction_add(self, data: payloads.MessageReactionAddEvent) -> None:
        self._hand_on(_reacted({**data}))

    def parse_message_reaction_remove(self, data: payloads.MessageReactionRemoveEvent) -> None:
        self._hand_on(_reacted({**data, "removed": True}))


class _Http(HTTPClient):
    """The library's requests, sent to the configured base URL."""

    def __init__(self, base_url: str, gateway_url: str, loop: asyncio.AbstractEventLoop) -> None:
        proxy = proxy_for(base_url)
        if proxy is not None and proxy.startswith("socks"):
            super().__init__(loop, _socks_connector(proxy))
        else:
            super().__init__(loop, proxy=proxy)
        self._base_url, self._gateway_url = base_url, gateway_url

    async def request(self, route: Route, **options: Any) -> Any:
        route.url = self._base_url + route.url.removeprefix(Route.BASE)
        return await super().request(route, **options)

    async def ws_connect(self, url: str, *, compress: int = 0) -> ClientWebSocketResponse:
        default = str(DiscordWebSocket.DEFAULT_GATEWAY).rstrip("/")
        if url.startswith(default):
            url = self._gateway_url + url.removeprefix(default)
        return await super().ws_connect(url, compress=compress)


def _reacted(data: dict[str, Any]) -> MessageReceived:
    now = datetime.now(UTC)
    return MessageReceived(
        {**data, "timestamp": now.isoformat(), "number": str(time.time_ns())}, reaction=True
    )


def _socks_connector(proxy: str) -> BaseConnector:
    """Return a connector for a SOCKS proxy, which aiohttp doesn't support itself."""
    try:
        from aiohttp_socks import ProxyConnector
    except ImportError:
        raise BadInput(
            "Discord through a SOCKS proxy needs an extra package.",
            hint="pip install 'discreet[discord]'",
        ) from None
    # The proxy resolves names for both kinds, as with every other client here.
    return ProxyConnector.from_url(proxy.replace("socks5h://", "socks5://", 1), rdns=True)


def _place(
    channel: discord.Thread | discord.abc.GuildChannel, parent_id: int | None, parent_name: str
) -> dict[str, Any]:
    return {
        "id": str(channel.id),
        "type": channel.type.value,
        "name": channel.name,
        "parent_id": None if parent_id is None else str(parent_id),
        "parent_name": parent_name,
        "guild_id": str(channel.guild.id),
        "guild_name": channel.guild.name,
    }
