"""The HTTP server that platforms call. Each channel authenticates its own calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from discreet.domain.platform import WebhookRequest, WebhookResponse
from discreet.request_body import BodyTooLarge, read_body

log = structlog.get_logger(__name__)

MAX_BYTES = 4_000_000
"""Maximum bytes of one webhook request, which may contain many messages."""

_Answer = Callable[[WebhookRequest], Awaitable[WebhookResponse]]


class WebhookServer:
    """An ASGI application for the webhooks of all accounts, with their public URL."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._router = Router(redirect_slashes=False, default=Response(status_code=404))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._router(scope, receive, send)

    def address(self, path: str) -> str:
        """Return the public URL of a path."""
        return self._public_url + path

    @contextmanager
    def answering(self, path: str, answer: _Answer) -> Iterator[None]:
        """Answer requests to this path while open. If it is opened twice, the later one answers."""
        # An endpoint that isn't a function accepts every method, and the channel decides.
        route = Route(path, _Endpoint(answer))
        self._router.routes.insert(0, route)
        try:
            yield
        finally:
            self._router.routes.remove(route)


class _Endpoint:
    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)

        async def read() -> bytes | None:
            try:
                return await read_body(scope, receive, MAX_BYTES)
            except (BodyTooLarge, ClientDisconnect):
                return None

        call = WebhookRequest(
            request.method, dict(request.query_params), dict(request.headers), read
        )
        try:
            reply = await self._answer(call)
        except Exception as error:
            log.warning("a webhook call could not be stored", error=type(error).__name__)
            reply = WebhookResponse(503)
        media_type = "text/plain" if reply.body else None
        await Response(reply.body, reply.status, media_type=media_type)(scope, receive, send)
