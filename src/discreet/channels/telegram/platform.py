"""Telegram, as an implementation of ``Platform``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from discreet.channels.telegram.api import ApiConnection, Bots, open_bot, who_am_i
from discreet.channels.telegram.channel import TelegramChannel
from discreet.channels.telegram.parse import PLATFORM, Bot
from discreet.channels.telegram.receive import identity_of, poll, read_update
from discreet.channels.telegram.receive_errors import ReceiveErrors
from discreet.channels.telegram.webhook import answer_for, set_webhook, watch_webhook
from discreet.domain.ids import ChannelId
from discreet.domain.platform import Accounts, ChannelSecret, Event, Identity, ReceiveContext
from discreet.settings import Settings


class TelegramPlatform:
    """Bots; ``account`` is the bot's id, ``name`` its username."""

    name = PLATFORM

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.telegram_base_url

    def open(self, accounts: Accounts) -> TelegramChannel:
        """Return a channel that sends through the bot of each answer."""

        def connection_of(account: str) -> ApiConnection | None:
            secret = accounts(account)
            return None if secret is None else self._connection(secret)

        return TelegramChannel(Bots(connection_of))

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:  # noqa: ARG002
        """Return the bot of a token; see ``Platform.identify``."""
        me = await who_am_i(self._connection(secret))
        return Identity(str(me.id), me.username or me.full_name)

    def parse(
        self, payload: Mapping[str, Any], me: Identity, channel_id: ChannelId
    ) -> Sequence[Event]:
        """Parse an update."""
        parsed = read_update(payload, Bot(int(me.account), me.name), channel_id)
        return () if parsed is None else (parsed,)

    async def receive(self, context: ReceiveContext) -> None:
        """Receive by webhook if the installation has a public URL, else by long polling."""
        errors = ReceiveErrors(context.receive_cursor)
        if context.webhooks is None:
            async with context.leader_lock() as ensure_leader:
                bot = await open_bot(self._connection(context.secret))
                try:
                    me = await identity_of(bot, errors)
                    await poll(bot, me, context, errors, ensure_leader)
                finally:
                    await bot.request.shutdown()
            return
        bot = await open_bot(self._connection(context.secret))
        try:
            me = await identity_of(bot, errors)
            path = f"/{PLATFORM}/{context.channel_id}"
            with context.webhooks.answering(path, answer_for(context, me)):
                address = context.webhooks.address(path)
                await set_webhook(bot, address, context.secret.webhook_secret)
                await watch_webhook(bot, address, errors)
        finally:
            await bot.request.shutdown()

    def _connection(self, secret: ChannelSecret) -> ApiConnection:
        return ApiConnection(secret.token, secret.base_url or self._base_url)
