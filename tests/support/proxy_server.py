"""A proxy on this machine: SOCKS5 and HTTP on one port. It records the requested hosts.

It resolves every name to this machine.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SOCKS5, CONNECT, IPV4, NAME = 5, 1, 1, 3
NO_PASSWORD, PASSWORD = 0, 2


@dataclass
class Proxy:
    """``asked``: hosts, in order. ``passwords``: credentials it received."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)

    def url(self, kind: str) -> str:
        return f"{kind}://127.0.0.1:{self.port}"


@asynccontextmanager
async def proxy_server() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    under_way: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        under_way.add(task)
        try:
            first = (await reader.readexactly(1))[0]
            if first == SOCKS5:
                there = await _socks(proxy, reader, writer)
            else:
                there = await _http(proxy, bytes([first]), reader, writer)
            await _pass_on(reader, writer, *there)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            await _close(writer)
            under_way.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(under_way):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _socks(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Streams:
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    if PASSWORD in methods:
        writer.write(bytes([SOCKS5, PASSWORD]))
        await reader.readexactly(1)
        words = [await reader.readexactly((await reader.readexactly(1))[0]) for _ in range(2)]
        proxy.passwords.append(b":".join(words).decode())
        writer.write(b"\x01\x00")
    else:
        writer.write(bytes([SOCKS5, NO_PASSWORD]))
    _, command, _, kind = await reader.readexactly(4)
    assert command == CONNECT
    if kind == NAME:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    else:
        assert kind == IPV4
        host = ".".join(str(byte) for byte in await reader.readexactly(4))
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    proxy.asked.append(host)
    there = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes([SOCKS5, 0, 0, IPV4, 127, 0, 0, 1]) + struct.pack("!H", port))
    return there


async def _http(
    proxy: Proxy, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Streams:
    head = first + await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.decode("latin-1").split(" ", 2)
    to = urlsplit(f"//{target}" if method == "CONNECT" else target)
    assert to.hostname is not None
    proxy.asked.append(to.hostname)
    there = await asyncio.open_connection("127.0.0.1", to.port or 80)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        there[1].write(head)
    return there


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there_reader: asyncio.StreamReader,
    there_writer: asyncio.StreamWriter,
) -> None:
    async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                to.write(data)
                await to.drain()
        to.close()

    try:
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))
    finally:
        await _close(there_writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
