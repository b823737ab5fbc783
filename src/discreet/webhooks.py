"""The HTTP server that platforms call. Who calls, and what they say, is judged by the channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import structlog

from discreet.domain.platform import WebhookRequest, WebhookResponse

log = structlog.get_logger(__name__)

MAX_BYTES = 4_000_000

_Message = MutableMapping[str, Any]
_Answer = Callable[[WebhookRequest], Awaitable[WebhookResponse]]


class WebhookServer:
    """An ASGI application for the webhooks of every account, and their public address."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._answers: dict[str, list[_Answer]] = {}

    def address(self, path: str) -> str:
        """The public address of a path."""
        return self._public_url + path

    @contextmanager
    def answering(self, path: str, answer: _Answer) -> Iterator[None]:
        """Calls to this path are answered as long as it is open; opened twice, by the later."""
        answers = self._answers.setdefault(path, [])
        answers.append(answer)
        try:
            yield
        finally:
            answers.remove(answer)

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        reply = await self._reply(scope, receive)
        headers = [(b"content-type", b"text/plain; charset=utf-8")] if reply.body else []
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(
        self, scope: _Message, receive: Callable[[], Awaitable[_Message]]
    ) -> WebhookResponse:
        answers = self._answers.get(str(scope["path"]))
        if not answers:
            return WebhookResponse(404)
        call = WebhookRequest(
            str(scope["method"]),
            dict(parse_qsl(bytes(scope["query_string"]).decode("latin-1"))),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            lambda: _read(receive),
        )
        try:
            return await answers[-1](call)
        except Exception as error:
            log.warning("what came in could not be stored", error=type(error).__name__)
            return WebhookResponse(503)


async def _read(receive: Callable[[], Awaitable[_Message]]) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)
