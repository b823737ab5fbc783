"""The webhook. Telegram authenticates with a secret, and gets 200 once everything is stored."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable

import telegram

from discreet.channels.telegram.parse import ALLOWED_UPDATES, Bot
from discreet.channels.telegram.receive import take_update
from discreet.domain.platform import ReceiveContext, WebhookRequest, WebhookResponse

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
