"""An HTTP server within this process, for as long as it is needed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import uvicorn

from discreet.domain.concurrency import running
from discreet.domain.errors import BadInput, Unavailable

POLL_SECONDS = 0.02
LAST_SECONDS = 5
MARGIN_SECONDS = 5
"""How much longer the server's own end may take."""


class _Quiet(uvicorn.Server):
    """Leaves the process's signals to whoever runs it."""

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


@asynccontextmanager
async def listening(app: Any, where: str, last: int = LAST_SECONDS) -> AsyncIterator[str]:
    """Serves an ASGI application on ``host:port``; gives its URL. Port 0: any that is free.

    ``last``: seconds that requests under way may take at the end; then they are broken off, for
    some wait for what nobody says any more.

    Raises:
        BadInput: it is no host:port.
        Unavailable: somebody else listens there.
    """
    taken = bound_socket(where)
    server = _Quiet(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=last,
        )
    )
    with closing(taken):
        serving = server.serve([taken])
        async with running(serving, "doors for machines", grace=last + MARGIN_SECONDS) as task:
            try:
                while not server.started and not task.done():  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
                if task.done():
                    task.result()
                    raise Unavailable("The HTTP server didn't start.")
                host, port = taken.getsockname()[:2]
                yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
            finally:
                server.should_exit = True


def bound_socket(where: str) -> socket.socket:
    """A socket that is bound to ``host:port``.

    Raises:
        BadInput: it is no host:port.
        Unavailable: somebody else listens there.
    """
    host, _, port = where.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise BadInput(f"DISCREET_LISTEN can't be used: {where!a} is no host:port.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, so that asyncio sends answers at once (TCP_NODELAY) instead of waiting for more.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host.strip("[]"), int(port)))
    except OSError as error:
        taken.close()
        raise Unavailable(
            f"{where} can't be listened on ({error.strerror}).",
            hint="Is another server running there? Name another: DISCREET_LISTEN=127.0.0.1:0",
        ) from error
    return taken
