"""An HTTP server inside this process, for MCP, REST and webhooks."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import uvicorn

from discreet.domain.concurrency import running
from discreet.domain.errors import AddressInUse, BadInput, Unavailable
from discreet.domain.listen_address import ListenAddress

__all__ = ["bind", "serving_http"]

POLL_SECONDS = 0.02
GRACE_SECONDS = 5
MARGIN_SECONDS = 5
"""Additional seconds for the server's own shutdown."""
MISSING_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@asynccontextmanager
async def serving_http(
    app: Any,
    where: str,
    *,
    setting: str,
    lifespan: Literal["on", "off"] = "on",
    grace_seconds: int = GRACE_SECONDS,
    shared: bool = False,
) -> AsyncIterator[str]:
    """Serve an ASGI application on ``where`` (``host:port``) while open; yield its URL.

    ``setting`` is the variable that ``where`` comes from, for errors. Open requests at the end get
    ``grace_seconds`` and are then aborted, because some would wait forever. ``shared``: other
    processes of this user may listen there, too, and the kernel spreads the connections.

    Raises:
        BadInput: it is not an address, or not one of this machine.
        Unavailable: it is in use, or this user may not listen there.
    """
    sockets = bind(where, setting, shared=shared)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            lifespan=lifespan,
            timeout_graceful_shutdown=grace_seconds,
        )
    )
    serving, name = server.serve(sockets), f"HTTP server of {setting}"
    try:
        async with running(serving, name, grace=grace_seconds + MARGIN_SECONDS) as task:
            try:
                while not server.started and not task.done():  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
                if task.done():
                    task.result()
                    raise Unavailable(f"The {name} didn't start.")
                yield f"http://{ListenAddress(*sockets[0].getsockname()[:2])}"
            finally:
                server.should_exit = True
    finally:
        _close(sockets)


def bind(where: str, setting: str, *, shared: bool = False) -> list[socket.socket]:
    """Return sockets bound to every address of the host of ``where``, on one port.

    ``[::]`` includes IPv4. ``shared``: see ``serving_http``.

    Raises:
        BadInput, Unavailable: as for ``serving_http``.
    """
    address = _parsed(where, setting)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, place in _resolved(address, setting):
            try:
                bound.append(_bound(family, place, bound, shared=shared))
            except OSError as error:
                if error.errno not in MISSING_FAMILY:
                    raise
                missing = error
        if missing is not None and not bound:
            raise BadInput(
                f"{setting}: {address.host} is not an address of this machine.",
                hint="Use 127.0.0.1 for this machine only, and 0.0.0.0 or [::] for all networks.",
            )
    except OSError as error:
        _close(bound)
        raise _why(error, address, setting) from None
    except BaseException:
        _close(bound)
        raise
    return bound


def _parsed(where: str, setting: str) -> ListenAddress:
    try:
        return ListenAddress.parse(where)
    except ValueError as error:
        raise BadInput(f"{setting} {error}.") from None


def _resolved(address: ListenAddress, setting: str) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError):
        raise BadInput(
            f"{setting}: the host {address.host!a} is unknown.",
            hint="Use 127.0.0.1 for this machine only, and 0.0.0.0 or [::] for all networks.",
        ) from None
    return [(family, place) for family, _, _, _, place in found]


def _bound(
    family: socket.AddressFamily, place: Any, others: list[socket.socket], *, shared: bool
) -> socket.socket:
    # Named TCP, so that asyncio sends small responses at once (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(place[0] != "::"))
        port = others[0].getsockname()[1] if others else place[1]
        made.bind((place[0], port, *place[2:]))
    except BaseException:
        made.close()
        raise
    return made


def _why(error: OSError, address: ListenAddress, setting: str) -> Unavailable:
    match error.errno:
        case errno.EADDRINUSE:
            return AddressInUse(
                f"{setting}: {address} is already in use.",
                hint=f"Stop the program there, or set {setting} to another port.",
            )
        case errno.EACCES:
            return Unavailable(
                f"{setting}: this user may not listen on {address}.",
                hint="Choose a port above 1023, with a proxy in front of it.",
            )
        case _:
            return Unavailable(f"{setting}: {address} can't be used: {error.strerror}.")


def _close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process that runs this server."""
        yield
