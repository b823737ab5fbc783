"""The webhook. Telegram authenticates with a secret, and gets 200 once everything is stored."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable

import structlog
import telegram
from telegram.error import InvalidToken, TelegramError

from discreet.channels.telegram.parse import ALLOWED_UPDATES, Bot
from discreet.channels.telegram.receive import take_update
from discreet.channels.telegram.receive_errors import WEBHOOK_LOST, WRONG_TOKEN, ReceiveErrors
from discreet.domain.platform import ReceiveContext, WebhookRequest, WebhookResponse

log = structlog.get_logger(__name__)

WATCH_SECONDS = 60.0
"""Seconds between two checks that the webhook is still registered."""
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header


def answer_for(
    context: ReceiveContext, me: Bot
) -> Callable[[WebhookRequest], Awaitable[WebhookResponse]]:
    """Return the handler of Telegram's requests for a bot."""

    async def answer(call: WebhookRequest) -> WebhookResponse:
        shown = call.headers.get(SECRET_HEADER, "").encode("latin-1")
        # To somebody guessing, a wrong secret and an unknown bot look the same.
        if not hmac.compare_digest(shown, context.secret.webhook_secret.encode()):
            return WebhookResponse(404)
        if call.method != "POST":
            return WebhookResponse(405)
        body = await call.read()
        if body is None:
            return WebhookResponse(413)
        try:
            update = json.loads(body)
        except ValueError:
            return WebhookResponse(400)
        if not isinstance(update, dict):
            return WebhookResponse(400)
        await take_update(update, me, context.channel_id, context.sink)
        return WebhookResponse(200)

    return answer


async def set_webhook(bot: telegram.Bot, address: str, secret: str) -> None:
    """Register the webhook with Telegram.

    Raises:
        telegram.error.TelegramError: it was rejected.
    """
    await bot.set_webhook(address, secret_token=secret, allowed_updates=list(ALLOWED_UPDATES))


async def watch_webhook(bot: telegram.Bot, address: str, errors: ReceiveErrors) -> None:
    """Record, forever, whether Telegram still calls this address.

    It isn't registered again: another program that wants it would do the same.
    """
    while True:
        try:
            registered = (await bot.get_webhook_info()).url
        except InvalidToken:
            await errors.record(WRONG_TOKEN)
        except TelegramError as error:
            log.warning("the webhook could not be checked", error=type(error).__name__)
        else:
            await errors.record("" if registered == address else WEBHOOK_LOST)
        await asyncio.sleep(WATCH_SECONDS)
