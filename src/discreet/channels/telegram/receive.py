"""Receive by long polling or webhook. An update is confirmed once it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
import telegram
from telegram import Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from discreet.channels.telegram.parse import ALLOWED_UPDATES, PLATFORM, Bot, Parsed, parse
from discreet.channels.telegram.receive_errors import WRONG_TOKEN, ReceiveErrors
from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import Inbound, UnknownSender
from discreet.domain.platform import EnsureLeader, EventSink, ReceiveContext

log = structlog.get_logger(__name__)

POLL_SECONDS = 25
"""Seconds that Telegram keeps a request open when nobody writes."""
FIRST_WAIT, MAX_WAIT = 0.5, 30.0
"""Seconds between attempts while it can't be reached or nothing can be stored."""
TOKEN_WAIT = 60.0


async def identity_of(bot: telegram.Bot, errors: ReceiveErrors) -> Bot:
    """Return the bot's identity, as soon as Telegram can be reached and accepts the token."""
    wait = FIRST_WAIT
    while True:
        try:
            me = await bot.get_me()
            return Bot(me.id, me.username or "")
        except TelegramError as error:
            if isinstance(error, InvalidToken):
                await errors.record(WRONG_TOKEN)
            wait = await _wait_for(error, wait, "getting the bot's identity")


async def poll(
    bot: telegram.Bot,
    me: Bot,
    context: ReceiveContext,
    errors: ReceiveErrors,
    ensure_leader: EnsureLeader,
) -> None:
    """Receive messages forever.

    Raises:
        psycopg.Error: from ``ensure_leader``: another process may be polling by now.
    """
    offset, wait = 0, FIRST_WAIT
    webhook_removed = False
    while True:
        await ensure_leader()
        try:
            if not webhook_removed:
                webhook_removed = await bot.delete_webhook()
            updates = await _get_updates(bot, offset)
        except TelegramError as error:
            await ensure_leader()  # a server that was frozen finds its request ended by the next
            if isinstance(error, Conflict):
                await errors.note_conflict()
            elif isinstance(error, InvalidToken):
                await errors.record(WRONG_TOKEN)
            wait = await _wait_for(error, wait, "receiving")
            continue
        await errors.note_success()
        try:
            for update in sorted(updates, key=_number_of):
                await take_update(update, me, context.channel_id, context.sink)
        except Exception as error:
            # Not confirmed, so Telegram sends these again; stored ones are recognized.
            log.warning("an update could not be stored", error=type(error).__name__)
            wait = await _wait(wait)
            continue
        wait = FIRST_WAIT
        if updates:
            offset = max(_number_of(update) for update in updates) + 1


async def take_update(
    update: Mapping[str, Any], me: Bot, channel_id: ChannelId, take: EventSink
) -> None:
    """Store one update; return once it may be confirmed, and raise if it may not."""
    parsed = read_update(update, me, channel_id)
    if parsed is not None:
        await take(parsed)


def read_update(update: Mapping[str, Any], me: Bot, channel_id: ChannelId) -> Parsed:
    """Parse an update; one that can't be parsed becomes a message for the quarantine."""
    try:
        return parse(_read(update), me, channel_id)
    except Exception as error:
        # Telegram adds new kinds of messages; one that can't be parsed must not stop the others.
        log.warning("an update could not be parsed", error=type(error).__name__)
        return _unreadable(update, channel_id)


def _read(update: Mapping[str, Any]) -> Update:
    read = Update.de_json(dict(update), bot=None)
    if read is None:
        raise ValueError("an empty update")
    return read


async def _get_updates(bot: telegram.Bot, offset: int) -> list[dict[str, Any]]:
    # Raw, because the library parses all updates or none. It insists on its own method for this
    # endpoint's name; this spelling avoids the check.
    result = await bot.do_api_request(
        "get__updates",
        {
            "offset": offset,
            "timeout": POLL_SECONDS,
            "limit": 100,
            "allowed_updates": list(ALLOWED_UPDATES),
        },
        read_timeout=POLL_SECONDS + 15,
    )
    return list(result)


def _number_of(update: Mapping[str, Any]) -> int:
    return int(update["update_id"])


def _unreadable(update: Mapping[str, Any], channel_id: ChannelId) -> Inbound | None:
    """Return as much as can be read, for the quarantine."""
    message = next((update[kind] for kind in ALLOWED_UPDATES if kind in update), None)
    if not isinstance(message, dict):
        return None
    chat, sender = message.get("chat"), message.get("from")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    tell = None
    if isinstance(sender, dict) and isinstance(sender.get("id"), int) and chat_id == sender["id"]:
        tell = Address(PLATFORM, str(chat_id))  # a direct chat has the id of its person
    return Inbound(
        channel_id=channel_id,
        chat_id=str(chat_id or "unknown"),
        message_id=f"update {update.get('update_id')}",
        sender=UnknownSender("Telegram's update could not be parsed", tell),
        text=str(message.get("text") or message.get("caption") or "[unreadable]"),
        sent_at=datetime.now(UTC),
    )


async def _wait_for(error: TelegramError, wait: float, doing: str) -> float:
    """Wait as long as the error asks; return the wait for the next attempt."""
    match error:
        case RetryAfter(retry_after=after):
            await asyncio.sleep(after.total_seconds() if isinstance(after, timedelta) else after)
            return wait
        case InvalidToken():
            log.error(f"{doing}: {WRONG_TOKEN}")
            await asyncio.sleep(TOKEN_WAIT)
            return wait
        case Conflict():
            log.warning(f"{doing}: another program receives for this bot")
        case _:
            log.warning(f"{doing}: Telegram can't be reached", error=type(error).__name__)
    return await _wait(wait)


async def _wait(wait: float) -> float:
    await asyncio.sleep(wait)
    return min(wait * 2, MAX_WAIT)
