"""The program ``sb``: the command line, with the servers that its commands start.

Entry points never import each other; they are connected here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.auth.tokens import Bearer


def run() -> None:
    """Run ``sb``."""
    from discreet.cli import audit, mcp, serve
    from discreet.cli.main import run as run_command

    serve.serve_http = _serve_http
    audit.serve_http = _serve_here
    audit.serve_app = _serve_app
    mcp.serve = _stdio
    run_command()


@asynccontextmanager
async def _serve_http(app: App) -> AsyncIterator[str]:
    """Serve REST and MCP while open; yield their URL."""
    from discreet.asgi import http_app
    from discreet.http_server import serving_http

    serving = serving_http(http_app(app), app.settings.listen, setting="DISCREET_LISTEN")
    async with serving as address:
        yield address


@asynccontextmanager
async def _serve_here(app: App) -> AsyncIterator[str]:
    """Serve the same on a free port that only this machine reaches; yield their URL."""
    from discreet.asgi import http_app

    async with _serve_app(http_app(app)) as address:
        yield address


@asynccontextmanager
async def _serve_app(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port that only this machine reaches; yield its URL."""
    from discreet.http_server import serving_http

    async with serving_http(app, "127.0.0.1:0", setting="a free port") as address:
        yield address


async def _stdio(app: App, who: Callable[[], Awaitable[Bearer]]) -> None:
    """Serve MCP on standard input and output."""
    from discreet.mcp.stdio import serve_stdio

    await serve_stdio(app.db, app.embedder(), who)
