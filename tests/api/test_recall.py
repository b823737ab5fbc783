"""Recall is one operation: the model's tool, MCP and REST return the same and fail the same way."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from discreet.domain.ids import ContactId, TurnId
from discreet.schemas.memories import Recall
from discreet.services.context import in_scope
from discreet.services.recall import BY_WORDS_ONLY, recall
from discreet.settings import Settings
from discreet.turn.lease import Lease, acquire
from discreet.turn.toolbox import Toolbox
from tests.api.conftest import ALICE, BOB, Harness

KEPT = ("Alice feeds the heron at noon.", "Alice drinks tea.", "Alice reads about trains.")


async def _kept(harness: Harness, who: str) -> tuple[Any, ContactId]:
    client, contact_id = await harness.of(who)
    for content in KEPT:
        made = await client.post("/api/memories", json={"content": content})
        assert made.status_code == 201
    return client, contact_id


async def _by_mcp(harness: Harness, token: str, tool: str, **given: Any) -> Any:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        McpClient(streamable_http_client(f"{harness.url}/mcp/", http_client=http)) as connected,
    ):
        answer = await connected.call_tool(tool, given)
        assert not answer.is_error, answer
        return answer.structured_content


async def _toolbox(harness: Harness, contact_id: ContactId | None) -> Toolbox:
    scope = harness.world.contact(contact_id) if contact_id else harness.world.owner
    said = await harness.world.say(ALICE if contact_id else None, "hi", thread_key="asks")
    async with harness.app.db.begin(scope) as tx:
        lease = await acquire(tx, said.session_id)
    turn_id = lease.turn_id if isinstance(lease, Lease) else TurnId(said.session_id)
    return Toolbox(harness.app.db, scope, said.session_id, turn_id, harness.app.embedder())


def _contents(found: Any) -> list[str]:
    return [hit["content"] for hit in found["items"]]


async def test_every_entry_point_finds_the_same_in_the_same_order(idle_and_served: Harness) -> None:
    harness = idle_and_served
    alice, contact_id = await _kept(harness, ALICE)
    await _kept(harness, BOB)
    asked = {"query": "when is the heron fed?", "limit": 2}
    by_rest = (await alice.post("/api/memories/recall", json=asked)).json()
    by_mcp = await _by_mcp(harness, await harness.token(contact=ALICE), "recall", **asked)
    box = await _toolbox(harness, contact_id)
    by_model = (await box.call("recall", asked)).found
    scope = harness.world.contact(contact_id)
    context = in_scope(harness.app.db, scope, harness.app.embedder, "cli")
    by_service = await recall(context, Recall.model_validate(asked))
    found = [hit.content for hit in by_service.items]
    assert found[0] == KEPT[0]
    assert _contents(by_rest) == _contents(by_mcp) == [one.text for one in by_model] == found
    assert by_rest.keys() == by_mcp.keys()
    assert by_rest["items"][0].keys() == by_mcp["items"][0].keys()
    assert [hit["whose"] for hit in by_rest["items"]] == [None, None]


async def test_the_owner_is_told_the_same_by_every_entry_point(idle_and_served: Harness) -> None:
    harness = idle_and_served
    await _kept(harness, ALICE)
    owner = await harness.owner()
    asked = {"query": "heron", "limit": 1}
    by_rest = (await owner.post("/api/memories/recall", json=asked)).json()
    by_mcp = await _by_mcp(harness, await harness.token(), "recall", **asked)
    assert by_rest["items"][0]["whose"] == by_mcp["items"][0]["whose"]
    assert by_rest["items"][0]["whose"] == {"name": "", "address": ALICE}
    assert by_rest["items"][0]["agent"] == by_mcp["items"][0]["agent"] == "Ada"
    box = await _toolbox(harness, None)
    record = json.loads((await box.call("recall", asked)).text.split("\n")[1])
    assert record["whose"] == f"contact {ALICE}"


class TestWithoutTheEmbedder:
    @pytest.fixture
    def settings(self) -> Settings:
        """Return settings with a port on which nothing listens."""
        return Settings(
            api_calls_a_minute=1_000_000,
            embedder="ollama:none",
            embedder_base_url="http://127.0.0.1:9",
        )

    @pytest.mark.parametrize("mode", ["text", "semantic", "hybrid"])
    async def test_every_entry_point_finds_by_words_and_says_so(
        self, idle_and_served: Harness, mode: str
    ) -> None:
        harness = idle_and_served
        alice, contact_id = await _kept(harness, ALICE)
        asked = {"query": "heron", "mode": mode}
        by_rest = await alice.post("/api/memories/recall", json=asked)
        assert by_rest.status_code == 200
        token = await harness.token(contact=ALICE)
        by_mcp = await _by_mcp(harness, token, "recall", **asked)
        for found in (by_rest.json(), by_mcp):
            assert (_contents(found)[0], found["by_words_only"]) == (KEPT[0], True)
        box = await _toolbox(harness, contact_id)
        by_model = await box.call("recall", {"query": "heron"})
        assert by_model.found[0].text == KEPT[0]
        assert by_model.text.endswith(BY_WORDS_ONLY)
        messages = await alice.post("/api/messages/search", json={"query": "hi", "mode": mode})
        assert messages.json()["by_words_only"] is True
        assert "hi" in _contents(messages.json())
