from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.tokens import create_token
from discreet.domain.ids import ContactId
from discreet.http_server import serving_http
from discreet.postgres.server import Database
from discreet.serving import working
from discreet.settings import Settings
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
Held = TypeVar("Held")


@dataclass
class Harness:
    """A running installation with REST and MCP served."""

    app: App
    world: World
    url: str
    stack: AsyncExitStack

    async def token(self, **whose: Any) -> str:
        return (await create_token(self.app.db, self.app.owner_id, **whose))[1]

    async def client(self, token: str) -> httpx.AsyncClient:
        return await self.stack.enter_async_context(
            httpx.AsyncClient(
                base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=180
            )
        )

    async def owner(self) -> httpx.AsyncClient:
        return await self.client(await self.token())

    async def of(self, who: str) -> tuple[httpx.AsyncClient, ContactId]:
        """Return a contact's own client, and the contact."""
        contact_id = (await self.world.say(who, "hi")).contact_id
        assert contact_id is not None
        return await self.client(await self.token(contact=who)), contact_id


@pytest.fixture
def settings() -> Settings:
    return Settings(api_calls_a_minute=1_000_000)


@pytest.fixture
async def idle(database: Database, settings: Settings) -> AsyncIterator[Harness]:
    """Yield an installation without a worker or a server."""
    async with AsyncExitStack() as stack:
        yield await make_harness(database, settings, stack)


@pytest.fixture
async def idle_and_served(idle: Harness) -> AsyncIterator[Harness]:
    """Yield the same, served but without a worker: nobody takes messages."""
    served = serving_http(http_app(idle.app), "127.0.0.1:0", setting="DISCREET_LISTEN")
    async with served as url, AsyncExitStack() as stack:
        yield replace(idle, url=url, stack=stack)


@pytest.fixture
async def harness(database: Database, settings: Settings) -> AsyncIterator[Harness]:
    async with AsyncExitStack() as stack:
        made = await make_harness(database, settings, stack)
        await stack.enter_async_context(in_one_task(working(made.app)))
        served = serving_http(http_app(made.app), "127.0.0.1:0", setting="DISCREET_LISTEN")
        url = await stack.enter_async_context(served)
        yield replace(made, url=url, stack=await stack.enter_async_context(AsyncExitStack()))


@asynccontextmanager
async def in_one_task(context: AbstractAsyncContextManager[Held]) -> AsyncIterator[Held]:
    """Hold a context open in one task, because a fixture's setup and teardown run in two."""
    opened: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
    closing = asyncio.Event()

    async def hold() -> None:
        async with context as held:
            opened.set_result(held)
            await closing.wait()

    task = asyncio.create_task(hold())
    await asyncio.wait((task, opened), return_when=asyncio.FIRST_COMPLETED)
    if not opened.done():
        await task  # which failed to open it
    yield opened.result()
    closing.set()
    await task


async def make_harness(database: Database, settings: Settings, stack: AsyncExitStack) -> Harness:
    home = stack.enter_context(tempfile.TemporaryDirectory())
    db = await stack.enter_async_context(open_scoped(database))
    world = await make_world(db)
    told = settings.model_copy(update={"home": Path(home)})
    app = App(told, database, db, world.owner_id)
    stack.push_async_callback(app.wakes.close)
    return Harness(app, world, "", stack)
