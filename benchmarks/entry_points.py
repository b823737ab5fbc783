"""Recall through the doors for machines against the same call in process, and many at once.

1. The same questions in process, over REST and over MCP, on one running server: p50 of each, and
   what a door adds.
2. 100 connections of 100 contacts at once over MCP, each of which keeps something and looks for
   everybody's: errors and rows of others are counted, and have to be none.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack

import httpx2
from mcp.client.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client
from tests.support.world import World, make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.tokens import create_token
from discreet.client import Client
from discreet.domain.ids import ContactId
from discreet.http_server import serving_http
from discreet.memory.indexing import index
from discreet.memory.memories import NewMemory, remember
from discreet.memory.recall import prepare, recall
from discreet.schemas.memories import Recall
from discreet.settings import Settings

MEMORIES, QUESTIONS, WARM = 200, 300, 20
CONTACTS = 100
LIMIT = 10


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        app = App(Settings(api_calls_a_minute=1_000_000), database, db, world.owner_id)
        async with serving_http(http_app(app), "127.0.0.1:0", setting="DISCREET_LISTEN") as url:
            await _overhead(app, world, url)
            await _many(world, url)


async def _overhead(app: App, world: World, url: str) -> None:
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
    took: dict[str, list[float]] = {"in process": [], "REST": [], "MCP": []}
    async with Client(url, token) as rest, AsyncExitStack() as stack:
        mcp = await _mcp(stack, url, token)
        for number, question in enumerate(questions):
            found: dict[str, list[str]] = {}
            for db, seconds in took.items():
                start = time.perf_counter()
                if db == "in process":
                    query = await asyncio.to_thread(prepare, question, embedder)
                    async with app.db.begin(world.contact(contact_id)) as tx:
                        hits = await recall(tx, query, limit=LIMIT)
                    found[db] = [str(hit.id) for hit in hits]
                elif db == "REST":
                    shown = await rest.recall(Recall(query=question, limit=LIMIT))
                    found[db] = [str(hit.id) for hit in shown]
                else:
                    result = await mcp.call_tool("recall", {"query": question, "limit": LIMIT})
                    content = result.structured_content or {}
                    found[db] = [hit["id"] for hit in content["items"]]
                if number >= WARM:
                    seconds.append(time.perf_counter() - start)
            assert found["in process"] == found["REST"] == found["MCP"] != []
    base = p50_p95(took["in process"])[0]
    for db, seconds in took.items():
        p50, p95 = p50_p95(seconds)
        print(
            f"recall, {db}: p50 {1000 * p50:.1f} ms, p95 {1000 * p95:.1f};"
            f" adds {1000 * (p50 - base):.1f} ms, ratio {p50 / base:.2f}"
        )


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
