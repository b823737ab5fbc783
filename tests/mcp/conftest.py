from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from discreet.auth.rate_limits import RateLimit
from discreet.mcp.http import mcp_app
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from tests.support.waiting import until
from tests.support.world import World, make_world, open_scoped


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


@pytest.fixture
def rate_limit() -> RateLimit:
    return RateLimit(1_000_000)


async def _serve(
    db: ScopedDatabase, rate_limit: RateLimit
) -> tuple[uvicorn.Server, asyncio.Task[None], str]:
    server = uvicorn.Server(
        uvicorn.Config(
            mcp_app(db, bundled_embedder(), rate_limit), port=0, log_level="error", ws="none"
        )
    )
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started, "a server")
    port = server.servers[0].sockets[0].getsockname()[1]
    return server, task, f"http://127.0.0.1:{port}/mcp/"


@pytest.fixture
async def urls(db: ScopedDatabase, rate_limit: RateLimit) -> AsyncIterator[tuple[str, str]]:
    """Yield two servers on one database."""
    running = [await _serve(db, rate_limit) for _ in range(2)]
    yield running[0][2], running[1][2]
    for server, task, _ in running:
        server.should_exit = True
        await task


@asynccontextmanager
async def client(url: str, token: str) -> AsyncIterator[Client]:
    """Yield the SDK's own client, with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as connected,
    ):
        yield connected
