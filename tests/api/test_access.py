"""Access to a pending answer ends with the right to it, in every process; streams are limited."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from discreet.api import messages
from discreet.asgi import http_app
from discreet.auth.tokens import list_tokens, revoke_token
from discreet.http_server import serving_http
from discreet.postgres.server import Database
from discreet.services.contacts import block_contact
from discreet.services.erasing import erase_contact
from discreet.services.linking import link_contacts
from discreet.settings import Settings
from tests.api.conftest import ALICE, BOB, Harness
from tests.support.waiting import patience, until
from tests.support.world import World, open_scoped

LISTENING = """
SELECT count(*) FROM pg_stat_activity
 WHERE application_name = 'discreet-wakes' AND datname = current_database()
"""


@pytest.fixture
def settings() -> Settings:
    return Settings(api_calls_a_minute=1_000_000, api_streams=2)


@pytest.fixture
async def silent(idle: Harness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    """Yield a server that answers nobody and checks nothing without a notification."""
    monkeypatch.setattr(messages, "FIRST_CHECK_SECONDS", 3600.0)
    monkeypatch.setattr(messages, "CHECK_SECONDS", 3600.0)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            serving_http(http_app(idle.app), "127.0.0.1:0", setting="DISCREET_LISTEN")
        )
        clients = await stack.enter_async_context(AsyncExitStack())
        yield replace(idle, url=url, stack=clients)


@pytest.fixture
async def elsewhere(silent: Harness, database: Database) -> AsyncIterator[World]:
    """Yield a world with connections of its own, like another process."""
    async with open_scoped(database) as db:
        yield replace(silent.world, db=db)


async def _revoke(world: World) -> None:
    for token in await list_tokens(world.db, world.owner_id):
        await revoke_token(world.db, world.owner_id, str(token.id))


async def _block(world: World) -> None:
    await block_contact(world.db, world.owner_id, ALICE)


async def _erase(world: World) -> None:
    await erase_contact(world.db, world.owner_id, ALICE, Path("/nowhere"))


async def _merge(world: World) -> None:
    await link_contacts(world.db, world.owner_id, BOB, ALICE)


CHANGES: dict[str, Callable[[World], Awaitable[None]]] = {
    "revoked": _revoke,
    "blocked": _block,
    "erased": _erase,
    "merged": _merge,
}


@asynccontextmanager
async def streamed(client: httpx.AsyncClient, **said: Any) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the lines of a stream after its first event, without comments that keep it open."""
    async with client.stream(
        "POST",
        "/api/messages",
        json={"text": "hello", **said},
        headers={"Accept": "text/event-stream"},
    ) as stream:
        lines = (line async for line in stream.aiter_lines() if line and line[0] != ":")
        if stream.status_code == 200:
            assert (await anext(lines)).startswith("event: ")
            assert (await anext(lines)).startswith("data: ")
        yield lines


async def _listens(admin: psycopg.Connection[Any]) -> None:
    async def one() -> bool:
        return admin.execute(LISTENING).fetchone() == (1,)

    await until(one, "a connection that listens")


@pytest.mark.parametrize("whose", ["contact", "agent"])
@pytest.mark.parametrize("change", CHANGES)
async def test_the_stream_of_who_may_not_have_the_answer_any_more_ends_at_once(
    change: str, whose: str, silent: Harness, elsewhere: World, admin: psycopg.Connection[Any]
) -> None:
    alice, _ = await silent.of(ALICE)
    bob, _ = await silent.of(BOB)
    who, said = (alice, {}) if whose == "contact" else (None, {"sender": ALICE})
    if who is None:
        who = await silent.client(await silent.token(agent="Ada"))
    async with streamed(who, **said) as lines, streamed(bob) as others:
        await _listens(admin)
        began = time.monotonic()
        await CHANGES[change](elsewhere)
        async with patience():
            left = [line async for line in lines]
        print(f"{change}, {whose}: ended after {time.monotonic() - began:.2f} s")
        assert left[0] == "event: problem"
        assert json.loads(left[1].removeprefix("data: "))["status"] in (401, 403, 404)
        if change != "revoked":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(others)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_call_that_waits_ends_at_once_too(
    change: str, silent: Harness, elsewhere: World, admin: psycopg.Connection[Any]
) -> None:
    alice, _ = await silent.of(ALICE)
    await silent.of(BOB)
    waiting = asyncio.create_task(alice.post("/api/messages", json={"text": "hello"}))
    await _listens(admin)
    await CHANGES[change](elsewhere)
    async with patience():
        assert (await waiting).status_code in (401, 403, 404)


async def test_a_change_without_a_notification_is_still_found(
    silent: Harness, elsewhere: World, monkeypatch: pytest.MonkeyPatch, admin: Any
) -> None:
    monkeypatch.setattr(messages, "FIRST_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(messages, "CHECK_SECONDS", 0.1)
    alice, _ = await silent.of(ALICE)
    for table in ("contacts", "tokens"):
        admin.execute(f"ALTER TABLE discreet.{table} DISABLE TRIGGER USER")
    async with streamed(alice) as lines:
        await _block(elsewhere)
        async with patience():
            assert (await anext(lines)) == "event: problem"


async def test_a_token_has_a_limit_of_streams_and_an_ended_one_frees_a_place(
    silent: Harness, elsewhere: World, admin: psycopg.Connection[Any]
) -> None:
    alice, _ = await silent.of(ALICE)
    bob, _ = await silent.of(BOB)
    before = admin.execute("SELECT count(*) FROM discreet.messages").fetchone()
    accept = {"Accept": "text/event-stream"}
    async with streamed(alice):
        async with streamed(alice):
            async with patience():
                third = await alice.post("/api/messages", json={"text": "third"}, headers=accept)
            assert third.status_code == 429
            assert int(third.headers["retry-after"]) == 1
            assert "streams" in third.json()["detail"]
            async with streamed(bob) as lines:
                assert lines is not None
            for invalid in ({"text": " "}, {"text": "hi", "thread_key": "a\x00b"}):
                bad = await alice.post("/api/messages", json=invalid, headers=accept)
                assert bad.status_code == 422, "what is invalid takes no place"

        async def has_room() -> bool:
            async with alice.stream(
                "POST", "/api/messages", json={"text": "hi"}, headers=accept
            ) as one:
                return one.status_code == 200

        await until(has_room, "room for another stream")
    texts = [text for (text,) in admin.execute("SELECT text FROM discreet.messages")]
    assert before is not None
    assert "third" not in texts
