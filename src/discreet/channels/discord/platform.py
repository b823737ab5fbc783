"""Discord, as an implementation of ``Platform``."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import structlog

from discreet.channels.discord.api import (
    INTENT_HINT,
    LIBRARY_HINT,
    TOKEN_HINT,
    ApiConnection,
    gateway_of,
    who_am_i,
)
from discreet.channels.discord.channel import DiscordChannel
from discreet.channels.discord.parse import PLATFORM, parse
from discreet.domain.concurrency import end, start
from discreet.domain.errors import BadInput
from discreet.domain.ids import ChannelId
from discreet.domain.platform import (
    Accounts,
    ChannelSecret,
    EnsureLeader,
    Event,
    Identity,
    ReceiveContext,
)
from discreet.settings import Settings

log = structlog.get_logger(__name__)

REFUSED_SECONDS = 300.0
"""A person has to fix a rejection. Discord revokes a token that connects too often."""
ENDING_SECONDS = 5.0
SHORT_SECONDS = 600.0
"""A connection that ends sooner delays the next one, at first by ``FIRST_PAUSE``."""
WRONG_TOKEN = f"Discord refuses the token. {TOKEN_HINT} Then: sb channels add discord"
WRONG_INTENTS = f"Discord doesn't let the bot read messages. {INTENT_HINT}"
FIRST_PAUSE, MAX_PAUSE = 5.0, 300.0


class DiscordPlatform:
    """Bots; ``account`` is the bot's user id, ``name`` its username."""

    name = PLATFORM

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.discord_base_url
        self._pauses: dict[str, float] = {}

    def open(self, accounts: Accounts) -> DiscordChannel:
        """Return a channel that sends through the bot of each answer."""

        def connection_of(account: str) -> ApiConnection | None:
            secret = accounts(account)
            return None if secret is None else self._connection(secret)

        return DiscordChannel(connection_of)

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:  # noqa: ARG002
        """Return the bot of a token; see ``Platform.identify``."""
        return await who_am_i(self._connection(secret))

    def parse(
        self, payload: Mapping[str, Any], me: Identity, channel_id: ChannelId
    ) -> Sequence[Event]:
        """Parse a message with the place it was written in."""
        return parse(payload, me, channel_id)

    async def receive(self, context: ReceiveContext) -> None:
        """Receive over the gateway, to which only one process connects."""
        if find_spec("discord") is None:
            async with context.leader_lock():  # another server may hold it and receive
                await context.receive_cursor.record_error(
                    f"a library isn't installed: {LIBRARY_HINT}"
                )
            await asyncio.sleep(REFUSED_SECONDS)
            return
        async with context.leader_lock() as ensure_leader:
            await asyncio.sleep(self._pauses.get(context.account, 0.0))
            clock = asyncio.get_running_loop().time
            began = clock()
            try:
                refused = await self._connect(context, ensure_leader)
            finally:
                last = self._pauses.get(context.account, 0.0)
                pause = min(max(last * 2, FIRST_PAUSE), MAX_PAUSE)
                self._pauses[context.account] = pause if clock() - began < SHORT_SECONDS else 0.0
            if refused:
                log.error("Discord rejects a bot", channel_id=str(context.channel_id), why=refused)
                await context.receive_cursor.record_error(refused)
                await asyncio.sleep(REFUSED_SECONDS)

    async def _connect(self, context: ReceiveContext, ensure_leader: EnsureLeader) -> str:
        """Receive until the connection ends for good.

        Return why Discord rejects the bot; empty if it doesn't.
        """
        import discord

        from discreet.channels.discord.gateway_client import GatewayClient
        from discreet.channels.discord.receive import listen

        connection = self._connection(context.secret)
        try:
            client = GatewayClient(connection.base_url, await gateway_of(connection))
            async with client:
                await client.login(connection.token)
                await _until_one_ends(client.connect(), listen(client, context, ensure_leader))
        except (discord.LoginFailure, BadInput):
            return WRONG_TOKEN
        except discord.PrivilegedIntentsRequired:
            return WRONG_INTENTS
        except discord.ConnectionClosed as closed:
            match closed.code:
                case 4004:
                    return WRONG_TOKEN
                case 4013 | 4014:
                    return WRONG_INTENTS
                case 4011:
                    return "the bot is in more servers than one connection may serve"
                case _:
                    raise
        return ""

    def _connection(self, secret: ChannelSecret) -> ApiConnection:
        return ApiConnection(secret.token, secret.base_url or self._base_url)


async def _until_one_ends(*both: Coroutine[Any, Any, None]) -> None:
    tasks = [start(one, "discord") for one in both]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        # A task that doesn't end now will end once the client is closed.
        await end(*tasks, seconds=ENDING_SECONDS)
