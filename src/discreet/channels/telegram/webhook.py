"""The webhook: Telegram calls, proves itself with a secret, and gets 200 once all is stored."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable

import telegram

from discreet.channels.telegram.parse import ALLOWED_UPDATES, Bot
from discreet.channels.telegram.receive import take_update
from discreet.domain.platform import Call, Line, Reply

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header


def answer_for(line: Line, me: Bot) -> Callable[[Call], Awaitable[Reply]]:
    """What Telegram's calls for a bot get."""

    async def answer(call: Call) -> Reply:
        shown = call.headers.get(SECRET_HEADER, "").encode("latin-1")
        # A wrong secret and a bot that isn't here look alike to who only guesses.
        if not hmac.compare_digest(shown, line.secret.webhook_secret.encode()):
            return Reply(404)
        if call.method != "POST":
            return Reply(405)
        body = await call.read()
        if body is None:
            return Reply(413)
        try:
            update = json.loads(body)
        except ValueError:
            return Reply(400)
        if not isinstance(update, dict):
            return Reply(400)
        await take_update(update, me, line.channel_id, line.take)
        return Reply(200)

    return answer


async def set_webhook(bot: telegram.Bot, address: str, secret: str) -> None:
    """Tells Telegram where to call.

    Raises:
        telegram.error.TelegramError: it didn't take it.
    """
    await bot.set_webhook(address, secret_token=secret, allowed_updates=list(ALLOWED_UPDATES))
