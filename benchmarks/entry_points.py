"""Recall over REST and MCP against the same call in process, and many at once.

1. The same questions in process, over REST and over MCP, on one running server; and an empty route
   of the same web framework and an empty tool of the same SDK, served and called in the same way.
   What REST and MCP add is compared with these: p50, and seconds of processor of all sides. The
   SDK's client checks each answer against the tool's schema; a tool that returns the same rows from
   memory shows what that costs.
2. 100 connections of 100 contacts at once over MCP, each of which keeps something and looks for
   everybody's: errors and rows of others are counted, and have to be none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import fastapi
import httpx
import httpx2
import mcp_types as types
from mcp.client.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.support.world import World, make_world

from benchmarks.scratch import cpu_of_postgres, data_folder, p50_p95, scratch_database
from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.tokens import create_token
from discreet.domain.ids import ContactId
from discreet.http_server import serving_http
from discreet.memory.indexing import index
from discreet.memory.memories import NewMemory, remember
from discreet.memory.recall import prepare, recall
from discreet.schemas.memories import Hits, Recall
from discreet.services.recall import find_hits
from discreet.settings import Settings

MEMORIES, QUESTIONS, WARM = 200, 300, 20
CONTACTS = 100
LIMIT = 10
TARGET = 1.5


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        app = App(Settings(api_calls_a_minute=1_000_000), database, db, world.owner_id)
        async with serving_http(http_app(app), "127.0.0.1:0", setting="DISCREET_LISTEN") as url:
            await _overhead(app, world, url, data_folder(database))
            await _many(world, url)


async def _overhead(app: App, world: World, url: str, data: str) -> None:
    embedder = app.embedder()
    contact_id = (await world.say("telegram:1", "hi")).contact_id
    assert contact_id is not None
    texts = [
        f"fact {number}: the {_thing(number)} is in room {number}" for number in range(MEMORIES)
    ]
    async with app.db.begin(world.contact(contact_id)) as tx:
        for text, indexed in zip(texts, index(texts, embedder), strict=True):
            await remember(tx, NewMemory(text, indexed))
    token = await _token(world, contact_id)
    questions = [f"where is the {_thing(number)}?" for number in range(QUESTIONS)]
    async with AsyncExitStack() as stack:
        rest = await _http(stack, url, token)
        async with app.db.begin(world.contact(contact_id)) as tx:
            same = await find_hits(tx, prepare(questions[0], embedder), limit=LIMIT)
        empty = await stack.enter_async_context(_empty())
        empty_rest = await _http(stack, empty, token)
        mcp, empty_mcp = [await _mcp(stack, one, token) for one in (url, empty)]

        async def in_process(question: str) -> list[str]:
            query = await asyncio.to_thread(prepare, question, embedder)
            async with app.db.begin(world.contact(contact_id)) as tx:
                return [str(hit.id) for hit in await recall(tx, query, limit=LIMIT)]

        async def over_rest(question: str, client: httpx.AsyncClient = rest) -> list[str]:
            asked = {"query": question, "limit": LIMIT}
            answer = (await client.post("/api/memories/recall", json=asked)).raise_for_status()
            return [hit["id"] for hit in answer.json()["items"]]

        async def over_mcp(question: str, client: McpClient = mcp) -> list[str]:
            result = await client.call_tool("recall", {"query": question, "limit": LIMIT})
            return [hit["id"] for hit in (result.structured_content or {})["items"]]

        await _compare(
            {
                "in process": in_process,
                "REST": over_rest,
                "empty route": lambda question: over_rest(question, empty_rest),
                "MCP": over_mcp,
                "empty tool": lambda question: over_mcp(question, empty_mcp),
            },
            questions,
            data,
            (("REST", "empty route"), ("MCP", "empty tool")),
        )
        # Afterwards, on a server of its own: its long schema would cost the empty tool too.
        full = await stack.enter_async_context(_empty(Hits(items=same, by_words_only=False)))
        full_mcp = await _mcp(stack, full, token)
        await _compare(
            {
                "in process": in_process,
                "MCP": over_mcp,
                "tool with the same answer": lambda question: over_mcp(question, full_mcp),
            },
            questions,
            data,
            (("MCP", "tool with the same answer"),),
        )


async def _compare(
    calls: dict[str, Callable[[str], Awaitable[list[str]]]],
    questions: list[str],
    data: str,
    floors: Sequence[tuple[str, str]],
) -> None:
    took: dict[str, list[float]] = {name: [] for name in calls}
    used = dict.fromkeys(calls, 0.0)
    for at in range(0, len(questions), WARM):
        found = {}
        for name, call in calls.items():
            before = time.process_time() + cpu_of_postgres(data)
            for question in questions[at : at + WARM]:
                start = time.perf_counter()
                found[name] = await call(question)
                if at:
                    took[name].append(time.perf_counter() - start)
            if at:
                used[name] += time.process_time() + cpu_of_postgres(data) - before
        assert all(found[name] == found["in process"] != [] for name, _ in floors)
    p50 = {name: p50_p95(seconds)[0] for name, seconds in took.items()}
    each = {name: seconds / len(took[name]) for name, seconds in used.items()}
    for name in calls:
        print(f"{name}: p50 {1e3 * p50[name]:.1f} ms, processor {1e3 * each[name]:.1f} ms")
    for name, floor in floors:
        wall = (p50[name] - p50["in process"]) / p50[floor]
        processor = (each[name] - each["in process"]) / each[floor]
        print(f"{name} on top of the call: {wall:.2f} of the {floor}, processor {processor:.2f}"
              f" (at most {TARGET})", flush=True)  # fmt: skip


@asynccontextmanager
async def _empty(same: Hits | None = None) -> AsyncIterator[str]:
    """Serve a route that does nothing, and a tool that returns ``same``; yield their URL."""
    whole = {"items": []} if same is None else same.model_dump(mode="json")
    schema = None if same is None else Hits.model_json_schema(mode="serialization")
    api = fastapi.FastAPI()

    @api.post("/api/memories/recall")
    async def nothing(_: Recall) -> Hits:
        return Hits(items=[], by_words_only=False)

    async def call_tool(_: Any, __: types.CallToolRequestParams) -> types.CallToolResult:
        text = types.TextContent(type="text", text=json.dumps(whole))
        return types.CallToolResult(content=[text], structured_content=whole)

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[types.Tool(name="recall", input_schema={"type": "object"}, output_schema=schema)]
        )

    server: Server[Any] = Server("empty", on_call_tool=call_tool, on_list_tools=list_tools)
    manager = StreamableHTTPSessionManager(server, stateless=True, json_response=True)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    both = Starlette(
        routes=[Mount("/mcp", manager.handle_request), Mount("/", api)], lifespan=lifespan
    )
    async with serving_http(both, "127.0.0.1:0", setting="DISCREET_LISTEN") as url:
        yield url


async def _http(stack: AsyncExitStack, url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(base_url=url, headers=headers, timeout=120)
    return await stack.enter_async_context(client)


async def _many(world: World, url: str) -> None:
    tokens = []
    for number in range(CONTACTS):
        contact_id = (await world.say(f"telegram:{2000 + number}", "hi")).contact_id
        assert contact_id is not None
        tokens.append(await _token(world, contact_id))

    async def one(number: int) -> tuple[int, int]:
        errors = foreign = 0
        async with AsyncExitStack() as stack:
            mcp = await _mcp(stack, url, tokens[number])
            for call, arguments in (
                ("start_session", {}),
                ("remember", {"content": f"the secret of number {number} is {_thing(number)}"}),
                ("recall", {"query": "the secret of everybody", "limit": 100}),
                ("search_conversation", {"query": "hi", "limit": 100}),
                ("get_knowledge", {}),
                ("list_sessions", {}),
            ):
                result = await mcp.call_tool(call, arguments)
                errors += bool(result.is_error)
                if call == "recall":
                    found = (result.structured_content or {})["items"]
                    foreign += sum(f"number {number} " not in hit["content"] for hit in found)
                    errors += len(found) != 1
                if call == "list_sessions":
                    foreign += len(json.loads(result.content[0].text)["items"]) - 1
        return errors, foreign

    start = time.perf_counter()
    done = await asyncio.gather(*(one(number) for number in range(CONTACTS)))
    print(
        f"{CONTACTS} connections of {CONTACTS} contacts at once:"
        f" {sum(errors for errors, _ in done)} errors,"
        f" {sum(foreign for _, foreign in done)} rows of others,"
        f" {time.perf_counter() - start:.1f} s"
    )


async def _mcp(stack: AsyncExitStack, url: str, token: str) -> McpClient:
    http = await stack.enter_async_context(
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=120)
    )
    transport = streamable_http_client(f"{url}/mcp/", http_client=http)
    return await stack.enter_async_context(McpClient(transport))


async def _token(world: World, contact_id: ContactId) -> str:
    return (await create_token(world.db, world.owner_id, contact=str(contact_id)))[1]


def _thing(number: int) -> str:
    things = ("heron", "kettle", "ladder", "violin", "anchor", "basket", "lantern", "hammer")
    return f"{things[number % 8]} {number // 8}"


if __name__ == "__main__":
    asyncio.run(main())
