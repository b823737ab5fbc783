"""Limits on the size and the number of calls, and on what a contact keeps."""

from __future__ import annotations

import pytest

from discreet.domain.policy import Policy
from discreet.services.policy import write_policy
from discreet.settings import Settings
from tests.api.conftest import ALICE, BOB, Harness


async def test_a_body_that_is_too_large_is_refused_before_it_is_kept(harness: Harness) -> None:
    owner = await harness.owner()
    large = await owner.post("/api/memories", content=b"x" * 1_000_001)

    async def endless() -> object:
        for _ in range(40):
            yield b" " * 65_536

    chunked = await owner.post("/api/memories", content=endless())
    assert [large.status_code, chunked.status_code] == [413, 413]


class TestRateLimit:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(api_calls_a_minute=3)

    async def test_calls_of_mcp_count_with_those_of_the_api(self, harness: Harness) -> None:
        alice, _ = await harness.of(ALICE)
        assert (await alice.get("/api/sessions")).status_code == 200
        answers = [await alice.post("/mcp/", json={}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400, 400, 429]
        assert (await alice.get("/api/sessions")).status_code == 429

    async def test_a_token_that_calls_too_often_waits_and_others_do_not(
        self, harness: Harness
    ) -> None:
        alice, _ = await harness.of(ALICE)
        bob, _ = await harness.of(BOB)
        answers = [await alice.get("/api/sessions") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 20
        assert (await bob.get("/api/sessions")).status_code == 200


async def test_a_contact_keeps_no_more_memories_than_may_be_by_the_api_or_by_asking(
    harness: Harness,
) -> None:
    await write_policy(harness.app.db, Policy(memories_per_contact=1))
    alice, _ = await harness.of(ALICE)
    assert (await alice.post("/api/memories", json={"content": "tea"})).status_code == 201
    refused = await alice.post("/api/memories", json={"content": "the moon"})
    assert refused.status_code == 409
    assert "The maximum of 1 memories is reached. Forget some first." in refused.json()["detail"]
    asked = await alice.post("/api/messages", json={"text": "Remember that my dog is called Rex."})
    assert "memory is full" in asked.json()["answer"]


async def test_a_contacts_limits_count_whichever_token_speaks_for_it_and_not_for_the_owner(
    harness: Harness,
) -> None:
    owner = await harness.owner()
    alice, her_id = await harness.of(ALICE)
    bob, _ = await harness.of(BOB)
    agent = await harness.client(await harness.token(agent="Ada"))
    told = {"wait": 0}
    for number in range(20):
        last = await alice.post("/api/messages", params=told, json={"text": f"again {number}"})
    beyond = await alice.post("/api/messages", params=told, json={"text": "and again"})
    hers = {"text": "again", "contact_id": str(her_id)}
    for_her = await agent.post("/api/messages", params=told, json=hers)
    by_address = {"text": "again", "sender": ALICE}
    of_her = await agent.post("/api/messages", params=told, json=by_address)
    assert {last.status_code, beyond.status_code, for_her.status_code, of_her.status_code} == {429}
    assert "limit" in beyond.json()["detail"]
    assert (await bob.post("/api/messages", json={"text": "hi"})).status_code == 200
    assert (await owner.post("/api/messages", params=told, json=hers)).status_code == 202
