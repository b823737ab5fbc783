"""Calls that come twice, or that go by what has changed meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from tests.api.conftest import ALICE, BOB, Harness


async def test_a_change_made_from_an_old_version_is_refused(harness: Harness) -> None:
    owner = await harness.owner()
    alice, her_id = await harness.of(ALICE)
    made = await alice.post("/api/memories", json={"content": "Alice likes tea"})
    path, tag = f"/api/memories/{made.json()['id']}", made.headers["etag"]
    new = await alice.patch(path, json={"content": "Alice likes mate"}, headers={"If-Match": tag})
    assert (new.status_code, new.headers["etag"] == tag) == (200, False)
    old = await alice.patch(path, json={"content": "Alice likes beer"}, headers={"If-Match": tag})
    assert old.status_code == 412
    assert (await alice.delete(path, headers={"If-Match": tag})).status_code == 412
    versions = (await alice.get(f"{path}/history")).json()["items"]
    assert [one["content"] for one in versions] == ["Alice likes tea"]
    contact = await owner.get(f"/api/admin/contacts/{her_id}")
    given = {"If-Match": contact.headers["etag"]}
    for status in (200, 412):
        renamed = await owner.patch(
            f"/api/admin/contacts/{her_id}", json={"name": f"A{status}"}, headers=given
        )
        assert renamed.status_code == status
    agent = f"/api/admin/agents/{harness.world.agent_id}"
    given = {"If-Match": (await owner.get(agent)).headers["etag"]}
    for status in (200, 412):
        changed = await owner.patch(agent, json={"role": f"r{status}"}, headers=given)
        assert changed.status_code == status


async def test_a_call_repeated_under_its_key_does_nothing_twice(harness: Harness) -> None:
    alice, _ = await harness.of(ALICE)
    bob, _ = await harness.of(BOB)
    key = {"Idempotency-Key": "first"}
    said = {"text": "Remember that my dog is called Rex"}
    one, two = await asyncio.gather(
        alice.post("/api/messages", json=said, headers=key),
        alice.post("/api/messages", json=said, headers=key),
    )
    three = await alice.post("/api/messages", json=said, headers=key)
    assert {one.status_code, two.status_code} <= {200, 409}
    assert {r.json()["message_id"] for r in (one, two, three) if r.status_code == 200} == {
        three.json()["message_id"]
    }
    other = await alice.post("/api/messages", json={"text": "other"}, headers=key)
    assert other.status_code == 422
    his = await bob.post("/api/messages", json=said, headers=key)
    assert his.json()["message_id"] != three.json()["message_id"]
    for path, body in (("/api/memories", {"content": "tea"}),):
        made = [await alice.post(path, json=body, headers={"Idempotency-Key": "m"}) for _ in "12"]
        assert [(r.status_code, r.json()["id"]) for r in made] == [(201, made[0].json()["id"])] * 2
    owner = await harness.owner()
    made = [
        await owner.post(
            "/api/admin/agents", json={"name": "Eve"}, headers={"Idempotency-Key": "a"}
        )
        for _ in "12"
    ]
    assert [r.status_code for r in made] == [201, 201]
    assert (await owner.post("/api/admin/agents", json={"name": "Eve"})).status_code == 409


async def test_a_message_is_stored_once_although_a_server_died_before_it_noted_that(
    harness: Harness, admin: psycopg.Connection[Any]
) -> None:
    alice, _ = await harness.of(ALICE)
    key, said = {"Idempotency-Key": "first"}, {"text": "Remember that my dog is called Rex"}
    one = await alice.post("/api/messages", json=said, headers=key)
    admin.execute("DELETE FROM discreet.idempotency_keys")
    two = await alice.post("/api/messages", json=said, headers=key)
    assert two.json() == one.json()
