"""Everything behind one address: MCP, the API, the pages to connect accounts, the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discreet.api.application import api_app
from discreet.api.connect_pages import connect_app
from discreet.auth.rate_limits import RateLimit
from discreet.dashboard.application import dashboard_app
from discreet.mcp.http import mcp_app
from discreet.watched_answers import watching

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from discreet.app import App

API_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"})
"""Paths of the API outside ``/api``."""


def http_app(app: App) -> ASGIApp:
    """Return one ASGI application for all of them."""
    embedder = app.embedder()
    rate_limit = RateLimit(app.settings.api_calls_a_minute)  # shared by both
    mcp = mcp_app(app.db, embedder, rate_limit, app.settings.api_origins)
    api = api_app(app, embedder, rate_limit)
    connect = connect_app(app.tools)
    dashboard = dashboard_app(app)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # only MCP has startup and shutdown steps
            await mcp(scope, receive, send)
            return
        path = scope["path"]
        if path == "/mcp":  # it would be redirected, which not every client follows
            scope = {**scope, "path": "/mcp/", "raw_path": b"/mcp/"}
        if f"{path}/".startswith("/mcp/"):
            await mcp(scope, receive, watching(send, "MCP"))
        elif f"{path}/".startswith("/api/") or path in API_PATHS:
            await api(scope, receive, watching(send, "REST"))
        elif path.startswith("/connect/"):
            await connect(scope, receive, send)
        else:
            await dashboard(scope, receive, send)

    return dispatch
