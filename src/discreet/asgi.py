"""The ASGI application: MCP at ``/mcp``, the API everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discreet.api.application import api_app
from discreet.auth.pace import Pace
from discreet.mcp.http import mcp_app

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from discreet.app import App


def http_app(app: App) -> ASGIApp:
    """Return one ASGI application for both."""
    embedder = app.embedder()
    pace = Pace(app.settings.api_calls_a_minute)  # of both together
    mcp = mcp_app(app.db, embedder, pace, app.settings.api_origins)
    api = api_app(app, embedder, pace)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # MCP alone has something to begin and to end with the server.
        is_mcp = scope["type"] == "lifespan" or f"{scope['path']}/".startswith("/mcp/")
        await (mcp if is_mcp else api)(scope, receive, send)

    return dispatch
