"""MCP over streamable HTTP. Sessions are stored in the database, not in a process."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from discreet.auth import mcp_sessions
from discreet.auth.mcp_sessions import McpConnection
from discreet.auth.rate_limits import RateLimit, TooManyRequests
from discreet.auth.tokens import Bearer, authenticate
from discreet.domain.errors import Unauthorized, Unavailable
from discreet.mcp.server import Context, make_server
from discreet.mcp.tools import ToolCall
from discreet.memory.embedding import Embedder
from discreet.request_body import MAX_BODY_BYTES, BodyTooLarge, read_body
from discreet.scope import ScopedDatabase

FOUND = "discreet.connection"
"""Key in one request's scope for the connection that was looked up for it."""
SESSION, VERSION = "mcp-session-id", "mcp-protocol-version"
UNSUPPORTED_VERSION, NO_SUCH_SESSION, UNAVAILABLE, TOO_MANY_CALLS = -32022, -32600, -32603, -32029
RETRY_SECONDS = "5"


class McpEndpoint:
    """The ASGI application at ``/mcp``: a token, then a connection, then the SDK."""

    def __init__(
        self,
        db: ScopedDatabase,
        embedder: Embedder,
        rate_limit: RateLimit,
        origins: Collection[str],
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._pace = rate_limit
        self._origins = frozenset(origins)
        # Stateless for the SDK, because a connection's binding is in the database.
        self.manager = StreamableHTTPSessionManager(
            make_server(self._find_call),
            stateless=True,
            json_response=True,
            max_request_body_size=MAX_BODY_BYTES,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            await self._handle(request, scope, receive, send)
        except Unavailable as error:
            unavailable = _error(503, UNAVAILABLE, str(error))
            unavailable.headers["Retry-After"] = RETRY_SECONDS
            await unavailable(scope, receive, send)

    async def _handle(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._may_call(request.headers.get("origin")):
            await _error(403, NO_SUCH_SESSION, "This origin is not allowed.")(scope, receive, send)
            return
        connection = None
        token, key = _token_of(request), request.headers.get(SESSION)
        try:
            if key is None:
                bearer = await authenticate(self._db, token)
            else:
                bearer, connection = await mcp_sessions.find_mcp_session(self._db, token, key)
        except Unauthorized as error:
            refused = _error(401, NO_SUCH_SESSION, error.message)
            refused.headers["WWW-Authenticate"] = "Bearer"
            await refused(scope, receive, send)
            return
        try:
            self._pace.take(bearer.token_id)
        except TooManyRequests as error:
            refused = _error(429, TOO_MANY_CALLS, str(error))
            refused.headers["Retry-After"] = str(error.seconds)
            await refused(scope, receive, send)
            return
        response = _refusal(request)
        if response is not None:
            await response(scope, receive, send)
        elif key is None:
            await self._begin(bearer, scope, receive, send)
        elif connection is None:
            await _error(404, NO_SUCH_SESSION, "Session not found")(scope, receive, send)
        elif request.method == "DELETE":
            await mcp_sessions.end_mcp_session(self._db, bearer, key)
            await Response(status_code=204)(scope, receive, send)
        else:
            scope[FOUND] = connection
            await self.manager.handle_request(scope, receive, send)

    def _may_call(self, origin: str | None) -> bool:
        """Reject browser requests from other pages.

        Otherwise DNS rebinding could reach this machine under an attacker's name.
        """
        if origin is None or origin in self._origins:
            return True
        try:
            return urlsplit(origin).hostname in ("localhost", "127.0.0.1", "::1")
        except ValueError:
            return False

    async def _begin(self, bearer: Bearer, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle ``initialize``, the only call without a connection; it creates a new one."""
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES)
        except BodyTooLarge as error:
            await _error(413, NO_SUCH_SESSION, error.detail)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        if not _is_initialize(body):
            await _error(400, NO_SUCH_SESSION, "Missing session ID")(scope, receive, send)
            return
        key = secrets.token_hex(32)
        await mcp_sessions.begin_mcp_session(self._db, bearer, key)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def name(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                message["headers"] = [*message["headers"], (SESSION.encode(), key.encode())]
            await send(message)

        await self.manager.handle_request(scope, replay, name)

    async def _find_call(self, context: Context) -> ToolCall:
        request = context.request
        if not isinstance(request, Request):
            raise Unauthorized("Token missing.")
        connection = request.scope.get(FOUND)
        if not isinstance(connection, McpConnection):
            raise Unauthorized("Unknown session.")
        return ToolCall(self._db, self._embedder, connection)


def mcp_app(
    db: ScopedDatabase, embedder: Embedder, rate_limit: RateLimit, origins: Collection[str] = ()
) -> Starlette:
    """Return an application that serves MCP at ``/mcp``.

    Browsers may call it from pages of this machine and of ``origins``.
    """
    mcp = McpEndpoint(db, embedder, rate_limit, origins)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.manager.run():
            yield

    return Starlette(routes=[Mount("/mcp", mcp)], lifespan=lifespan)


def _refusal(request: Request) -> Response | None:
    """Return the answer to a request that no connection can make."""
    if request.method not in ("POST", "DELETE"):
        # GET would open a stream for server-initiated messages, of which there are none.
        refused = _error(405, NO_SUCH_SESSION, "This server offers no event stream.")
        refused.headers["Allow"] = "POST, DELETE"
        return refused
    asked = request.headers.get(VERSION)
    if asked is not None and asked not in HANDSHAKE_PROTOCOL_VERSIONS:
        # Versions without sessions have nothing to bind a scope to.
        return _error(
            400,
            UNSUPPORTED_VERSION,
            "Unsupported protocol version",
            {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": asked},
        )
    return None


def _token_of(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_initialize(body: bytes) -> bool:
    try:
        read = json.loads(body)
    except ValueError:
        return False
    return isinstance(read, dict) and read.get("method") == "initialize"


def _error(status: int, code: int, message: str, data: Any = None) -> JSONResponse:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=status)
