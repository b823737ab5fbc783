from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from discreet.listening import bound_socket, listening


async def test_a_server_ends_although_somebody_waits_for_what_never_comes() -> None:
    begun = asyncio.Event()

    async def never(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        begun.set()
        await asyncio.Event().wait()

    async with httpx.AsyncClient(timeout=60) as http:
        async with asyncio.timeout(30), listening(never, "127.0.0.1:0", last=1) as url:
            asked = asyncio.create_task(http.get(url))
            await begun.wait()
        with pytest.raises(httpx.HTTPError):
            (await asked).raise_for_status()


def test_its_connections_send_answers_at_once() -> None:
    with bound_socket("127.0.0.1:0") as taken:
        # asyncio sets TCP_NODELAY only where a socket is named TCP; without it a small answer in
        # two parts waits 40 ms for the other side's acknowledgement.
        assert taken.proto == socket.IPPROTO_TCP
