"""The HTTP server that platforms call. Who calls, and what they say, is judged by the channel."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qsl

import structlog
import uvicorn

from discreet.domain.concurrency import running
from discreet.domain.errors import BadInput, Unavailable
from discreet.domain.platform import Call, Reply

log = structlog.get_logger(__name__)

MOST_BYTES = 4_000_000
GRACE_SECONDS = 5
"""How long calls that were begun may take at the end."""
MARGIN_SECONDS = 2
"""How much longer the server's own end may take."""

_Message = MutableMapping[str, Any]
_Answer = Callable[[Call], Awaitable[Reply]]


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

    async def _reply(self, scope: _Message, receive: Callable[[], Awaitable[_Message]]) -> Reply:
        answers = self._answers.get(str(scope["path"]))
        if not answers:
            return Reply(404)
        call = Call(
            str(scope["method"]),
            dict(parse_qsl(bytes(scope["query_string"]).decode("latin-1"))),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            lambda: _read(receive),
        )
        try:
            return await answers[-1](call)
        except Exception as error:
            log.warning("what came in could not be stored", error=type(error).__name__)
            return Reply(503)


async def _read(receive: Callable[[], Awaitable[_Message]]) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


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
            hint="Give another: DISCREET_WEBHOOK_LISTEN",
        ) from None


@asynccontextmanager
async def serving_webhooks(
    webhooks: WebhookServer, listening: socket.socket
) -> AsyncIterator[None]:
    """Answers there until the block ends; what was begun then is finished first."""
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
        grace = GRACE_SECONDS + MARGIN_SECONDS
        async with running(server.serve([listening]), "webhook server", grace=grace):
            try:
                yield
            finally:
                server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process', not this server's."""
        yield
