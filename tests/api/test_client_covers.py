"""The client has a call for every operation of the description."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import BaseModel

from discreet.asgi import http_app
from discreet.client import Client
from discreet.domain.errors import DiscreetError
from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest

# What is refused at once, where the example would wait for an answer or ask another server.
REFUSED = {
    "say": {"sender": "nobody"},
    "connect_channel": {"platform": "nowhere"},
    "add_webhook": {"url": "nowhere"},
}


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


class Recording(httpx.AsyncBaseTransport):
    """The application itself, and what was asked of it."""

    def __init__(self, rest: Rest) -> None:
        self._inner = httpx.ASGITransport(http_app(rest.app))
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method.lower(), request.url.path))
        return await self._inner.handle_async_request(request)


def _value(kind: Any, name: str) -> Any:
    if kind is UUID:
        return uuid4()
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        extra: Any = kind.model_config.get("json_schema_extra") or {}
        example = extra.get("example", {"query": "tea"})
        return kind.model_validate({**example, **REFUSED.get(name, {})})
    return True if kind is bool else "x"


async def _call(client: Client, name: str) -> None:
    method = getattr(client, name)
    hints = get_type_hints(method)
    given = {
        one.name: _value(hints[one.name], name)
        for one in inspect.signature(method).parameters.values()
        if one.default is inspect.Parameter.empty and one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    if name == "say":
        given |= REFUSED[name]
    if name == "events":
        given["seconds"] = 0  # else it would go on for ever
    with suppress(DiscreetError):
        called = method(**given)
        if inspect.isasyncgen(called):
            async for _ in called:
                break
        else:
            await called


async def test_every_operation_of_the_description_has_a_call(rest: Rest) -> None:
    operations = await rest.operations()
    recording = Recording(rest)
    client = Client("http://discreet", await rest.token(), transport=recording)
    for name, _ in inspect.getmembers(Client, callable):
        if not name.startswith("_") and name not in ("close", "sending"):
            await _call(client, name)
    await client.close()
    reached = set()
    for operation, (method, path, _) in operations.items():
        pattern = re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(path))
        # A path without a parameter wins over one with: /links is no /{id}.
        exact = {one for one in recording.asked if one == (method, path)}
        with_id = "{" in path and any(
            verb == method and re.fullmatch(pattern, where) and re.search("[0-9a-f-]{36}", where)
            for verb, where in recording.asked
        )
        if exact or with_id:
            reached.add(operation)
    assert reached == set(operations)
    assert len(reached) > 70
