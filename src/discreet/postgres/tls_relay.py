"""Connect PostgreSQL's programs, which the wheel builds without TLS, to a server that requires it.

The programs connect to a Unix socket in a folder that only this user can enter. The relay forwards
their traffic over TLS and verifies the server's certificate as the connection string asks.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import psycopg
from anyio.from_thread import start_blocking_portal
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from discreet.domain.concurrency import end, start

__all__ = ["reachable_without_tls"]

# https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest and its yes
SSL_REQUEST, YES = bytes.fromhex("0000000804d2162f"), b"S"
OF_TLS = ("ssl", "channel_binding", "gss")
"""Prefixes of options that a program without TLS rejects."""
CHUNK_BYTES = 65536
CONNECT_SECONDS, END_SECONDS = 60.0, 10.0
PORT = 5432
USER_FOLDER = Path("~/.postgresql")
"""Where libpq looks for certificates that the connection string doesn't name."""


@contextmanager
def reachable_without_tls(conninfo: str) -> Iterator[str]:
    """Yield a connection string of the same login for a program without TLS.

    Raises:
        psycopg.OperationalError: the server can't be reached.
    """
    given = conninfo_to_dict(conninfo)
    options: dict[str, Any] = {
        name: value for name, value in given.items() if not name.startswith(OF_TLS)
    }
    if str(given.get("host") or "/").startswith("/"):
        yield make_conninfo(**options, sslmode="disable")
        return
    with psycopg.connect(conninfo) as conn:
        server = _Server(conn) if conn.pgconn.ssl_in_use else None
        password = conn.info.password  # also where it was read from a file, by the server's name
    if server is None:
        yield make_conninfo(**options, sslmode="disable")
        return
    with tempfile.TemporaryDirectory(prefix="discreet-tls-") as folder, server.relayed(folder):
        options |= {"host": folder, "hostaddr": None, "port": PORT, "password": password}
        yield make_conninfo(**options, sslmode="disable")


class _Server:
    """The server that a connection reached, and the TLS settings it used."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        known = conn.pgconn.info
        options = {one.keyword.decode(): one.val.decode() for one in known if one.val}
        self._host, self._port = conn.info.host, conn.info.port
        self._relays: set[asyncio.Task[None]] = set()
        self._address = conn.info.hostaddr or conn.info.host
        self._directly = options.get("sslnegotiation") == "direct"
        self._tls = _context(options)

    @contextmanager
    def relayed(self, folder: str) -> Iterator[None]:
        """Relay connections to the socket in the folder, in a separate thread."""
        with start_blocking_portal() as portal:
            listening = portal.call(
                asyncio.start_unix_server, self._relay, Path(folder, f".s.PGSQL.{PORT}")
            )
            try:
                yield
            finally:
                portal.call(self._end, listening)

    async def _end(self, listening: asyncio.Server) -> None:
        listening.close()
        await end(*self._relays, grace=END_SECONDS)  # the programs have ended, so these do

    def _relay(self, reader: StreamReader, writer: StreamWriter) -> None:
        relay = start(self._relayed(reader, writer), "TLS relay")
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relayed(self, reader: StreamReader, writer: StreamWriter) -> None:
        # A program whose server can't be reached sees its connection close, and says so.
        with suppress(OSError):
            asked = await asyncio.to_thread(self._connected)
            there, out = await asyncio.open_connection(
                sock=asked, ssl=self._tls, server_hostname=self._host or self._address
            )
            async with anyio.create_task_group() as both:
                both.start_soon(_forward, reader, out)
                both.start_soon(_forward, there, writer)
        await _close(writer)

    def _connected(self) -> socket.socket:
        """Connect to the server and ask it for TLS.

        Raises:
            OSError: the server can't be reached or refuses TLS.
        """
        found = socket.create_connection((self._address, self._port), CONNECT_SECONDS)
        if not self._directly:
            found.sendall(SSL_REQUEST)
            if found.recv(1) != YES:
                found.close()
                raise ConnectionError("the server takes no TLS")
        found.setblocking(False)
        return found


async def _forward(reader: StreamReader, writer: StreamWriter) -> None:
    """Forward data until one side closes; then close the other."""
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    await _close(writer)


async def _close(writer: StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _context(options: dict[str, str]) -> ssl.SSLContext:
    """Return a TLS context with the same checks as libpq.

    See https://www.postgresql.org/docs/current/libpq-ssl.html
    """
    mode, authorities = options.get("sslmode", "prefer"), options.get("sslrootcert")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["postgresql"])
    context.check_hostname = mode == "verify-full"
    named = authorities or _of_user("root.crt")
    if mode.startswith("verify") or (mode == "require" and named):
        if named == "system":
            context.load_default_certs()
        else:
            context.load_verify_locations(named)
        if revoked := options.get("sslcrl") or _of_user("root.crl"):
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    else:
        context.verify_mode = ssl.CERT_NONE
    own = options.get("sslcert") or _of_user("postgresql.crt")
    if own and Path(own).exists():
        key = options.get("sslkey") or _of_user("postgresql.key")
        context.load_cert_chain(own, key, options.get("sslpassword", ""))
    return context


def _of_user(name: str) -> str | None:
    path = (USER_FOLDER / name).expanduser()
    return str(path) if path.exists() else None
