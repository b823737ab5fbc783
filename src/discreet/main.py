"""The program ``sb``: the command line, with the servers that its commands start.

Entry points never import each other; they are connected here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket

    from discreet.app import App
    from discreet.auth.tokens import Bearer


def run() -> None:
    """Run ``sb``."""
    from discreet.cli import servers
    from discreet.cli.main import run as run_command

    servers.serve_http = _serve_http
    servers.serve_here = _serve_here
    servers.serve_app = _serve_app
    servers.serve_stdio = _stdio
    servers.serve_local = _serve_local
    servers.import_everything = _import_everything
    run_command()


@asynccontextmanager
async def _serve_http(app: App) -> AsyncIterator[str]:
    """Serve REST and MCP while open; yield their URL."""
    from discreet.asgi import http_app
    from discreet.http_server import serving_http

    serving = serving_http(
        http_app(app),
        app.settings.listen,
        setting="DISCREET_LISTEN",
        shared=app.settings.processes > 1,
    )
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


@asynccontextmanager
async def _serve_local(app: App, listening: socket) -> AsyncIterator[None]:
    """Answer the commands of this machine's user on a listening socket while open."""
    from discreet.local_server import serving_local

    async with serving_local(app, listening):
        yield


def _import_everything() -> None:
    """Import what a server needs once, so that its processes start at once and share the memory."""
    import gc

    import discreet.app
    import discreet.asgi
    import discreet.gateway
    import discreet.local_server
    import discreet.serving  # noqa: F401

    gc.freeze()
