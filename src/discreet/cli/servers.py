"""The servers that commands start. ``main`` sets them: entry points don't import each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket

    from discreet.app import App
    from discreet.auth.tokens import Bearer

    ServeHttp = Callable[[App], AbstractAsyncContextManager[str]]
    ServeAny = Callable[[Any], AbstractAsyncContextManager[str]]
    ServeStdio = Callable[[App, Callable[[], Awaitable[Bearer]]], Awaitable[None]]
    ServeLocal = Callable[[App, socket], AbstractAsyncContextManager[None]]

serve_http: ServeHttp | None = None
"""Serves REST, MCP and the dashboard at the address of the settings, and yields their URL."""

serve_here: ServeHttp | None = None
"""Serves the same on a free port that only this machine reaches."""

serve_app: ServeAny | None = None
"""Serves any ASGI application like that."""

serve_stdio: ServeStdio | None = None
"""Serves MCP on standard input and output."""

serve_local: ServeLocal | None = None
"""Answers the commands of this machine's user on a listening socket."""

import_everything: Callable[[], None] | None = None
"""Imports what a server needs, before it becomes several processes."""
