"""The webhook: Telegram calls, proves itself with a secret, and gets 200 once all is stored."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import structlog
import telegram
import uvicorn

from discreet.channels.telegram.parse import ALLOWED_UPDATES, Bot
from discreet.channels.telegram.receive import Take, take_update
from discreet.domain.errors import BadInput, Unavailable
from discreet.domain.ids import ChannelId

log = structlog.get_logger(__name__)

PATH = "/telegram/"
MOST_BYTES = 1_000_000
GRACE_SECONDS = 5
SECRET_HEADER = b"x-telegram-bot-api-secret-token"

_Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hook:
    """One bot that Telegram calls for. ``secret`` is what Telegram must show."""

    me: Bot
    channel_id: ChannelId
    take: Take
    secret: str = field(repr=False)


class Webhooks:
    """An ASGI application for the webhooks of every bot, at ``/telegram/<channel id>``."""

    def __init__(self) -> None:
        self.hooks: dict[str, Hook] = {}

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http":
            status = await self._answer(scope, receive)
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: _Message, receive: Callable[[], Awaitable[_Message]]) -> int:
        hook = self.hooks.get(str(scope["path"]).removeprefix(PATH))
        shown = dict(scope["headers"]).get(SECRET_HEADER, b"")
        # A wrong secret and a bot that isn't here look alike to who only guesses.
        if not hmac.compare_digest(shown, hook.secret.encode() if hook else b"\0") or hook is None:
            return 404
        if scope["method"] != "POST":
            return 405
        body = await _read(receive)
        if body is None:
            return 413
        try:
            update = json.loads(body)
        except ValueError:
            return 400
        if not isinstance(update, dict):
            return 400
        try:
            await take_update(update, hook.me, hook.channel_id, hook.take)
        except Exception as error:
            log.warning("what came in could not be stored", error=type(error).__name__)
            return 503
        return 200


async def _read(receive: Callable[[], Awaitable[_Message]]) -> bytes | None:
    """The body; None where it is too long or the caller has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return body


async def set_webhook(bot: telegram.Bot, public_url: str, hook: Hook) -> None:
    """Tells Telegram where to call.

    Raises:
        telegram.error.TelegramError: it didn't take it.
    """
    await bot.set_webhook(
        f"{public_url.rstrip('/')}{PATH}{hook.channel_id}",
        secret_token=hook.secret,
        allowed_updates=list(ALLOWED_UPDATES),
    )


def listen_at(address: str) -> socket.socket:
    """A socket at ``host:port``.

    Raises:
        BadInput: that is no such address.
        Unavailable: it can't be listened at.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise BadInput(f"{address!a} is no host:port.", hint="Like 127.0.0.1:8443.")
    try:
        return socket.create_server((host.strip("[]"), int(port)))
    except OSError as error:
        raise Unavailable(
            f"Webhooks can't be taken in at {address}: {error.strerror}.",
            hint="Give another: DISCREET_TELEGRAM_WEBHOOK_LISTEN",
        ) from None


async def serve_webhooks(webhooks: Webhooks, listening: socket.socket) -> None:
    """Answers there until it is cancelled; what was begun then is finished first."""
    config = uvicorn.Config(
        webhooks,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    with listening:
        serving = asyncio.create_task(server.serve([listening]), name="webhook server")
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process', not this server's."""
        yield
