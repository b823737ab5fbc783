"""A message that names what it replies to: only what its own scope has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest
from tests.support.world import make_world

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def _reply(rest: Rest, token: str, replies_to: object) -> httpx.Response:
    return await rest.http.post(
        "/api/messages",
        params={"wait": 0},
        json={"text": "that one", "replies_to": str(replies_to)},
        headers={"Authorization": f"Bearer {token}"},
    )


async def test_a_message_replies_to_what_its_own_sender_has_and_to_nothing_else(rest: Rest) -> None:
    own = await rest.world.say(ALICE, "the first")
    bobs = await rest.world.say(BOB, "my code is 4711")
    other = await (await make_world(rest.app.db, agent="Eve")).say(ALICE, "hi Eve")
    owners = await rest.world.say(None, "my own note")
    token = await rest.token(contact=ALICE, agent="Ada")
    stored = await _reply(rest, token, own.message_id)
    assert stored.status_code == 202
    lines = await rest.http.get(
        f"/api/sessions/{stored.json()['session_id']}/messages",
        headers={"Authorization": f"Bearer {token}"},
    )
    replied = lines.json()["items"][-1]["replies_to"]
    async with rest.app.db.begin(rest.world.owner) as tx:
        before = await tx.value("SELECT count(*) FROM discreet.messages")
    assert replied == str(own.message_id)
    nobodys = await _reply(rest, token, uuid4())
    assert nobodys.status_code == 404
    for foreign in (bobs, other, owners):
        refused = await _reply(rest, token, foreign.message_id)
        assert (refused.status_code, refused.text) == (404, nobodys.text)
    async with rest.app.db.begin(rest.world.owner) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.messages") == before
