"""The API in this process, without a server or a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.tokens import create_token
from discreet.postgres.server import Database
from discreet.settings import Settings
from tests.support.world import World, make_world, open_scoped


@dataclass
class Rest:
    """An installation, and a client of its API without a token."""

    app: App
    world: World
    http: httpx.AsyncClient

    async def token(self, **whose: Any) -> str:
        return (await create_token(self.app.db, self.app.owner_id, **whose))[1]

    async def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """Return every operation: its method, its path, and a body that is valid by the
        description.
        """
        described = (await self.http.get("/api/openapi.json")).json()
        found = {}
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                body = operation.get("requestBody", {}).get("content", {})
                reference = body.get("application/json", {}).get("schema", {}).get("$ref", "")
                schema = described["components"]["schemas"].get(reference.rsplit("/", 1)[-1], {})
                found[operation["operationId"]] = (method, path, schema.get("example", {}))
        return found

    async def call(
        self, operation: tuple[str, str, dict[str, Any]], token: str, ids: dict[str, str]
    ) -> httpx.Response:
        method, path, example = operation
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", value)
        body = {"json": example} if method in ("post", "patch", "put") and example else {}
        return await self.http.request(
            method, path, headers={"Authorization": f"Bearer {token}"} if token else {}, **body
        )


@asynccontextmanager
async def open_rest(database: Database, home: Path) -> AsyncIterator[Rest]:
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_scoped(database))
        world = await make_world(db)
        settings = Settings(api_calls_a_minute=1_000_000, home=home)
        app = App(settings, database, db, world.owner_id)
        stack.push_async_callback(app.wakes.close)
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(http_app(app)), base_url="http://discreet"
        )
        yield Rest(app, world, await stack.enter_async_context(http))
