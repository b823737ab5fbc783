from __future__ import annotations

import json
from uuid import uuid4

import httpx
import pytest

from discreet.auth.tokens import create_token, revoke_token
from tests.api.conftest import ALICE, BOB, Harness
from tests.support.world import make_world


async def _owners_only(harness: Harness) -> list[tuple[str, str]]:
    description = (await (await harness.owner()).get("/api/openapi.json")).json()
    return [
        (method.upper(), path)
        for path, operations in description["paths"].items()
        for method in operations
        if path.startswith("/api/admin/") or path == "/metrics"
    ]


async def test_a_message_is_answered_in_its_senders_session_and_the_owner_sees_it(
    harness: Harness,
) -> None:
    owner = await harness.owner()
    said = {"text": "Remember that my dog is called Rex", "sender": ALICE}
    reply = (await owner.post("/api/messages", json=said)).json()
    assert reply["state"] == "answered"
    found = (await owner.post("/api/memories/recall", json={"query": "dog"})).json()["items"]
    assert [("Rex" in hit["content"], hit["contact_id"] is not None) for hit in found] == [
        (True, True)
    ]
    ask = {"text": "What is my dog called?", "sender": BOB}
    assert "Rex" not in (await owner.post("/api/messages", json=ask)).json()["answer"]
    again = (await owner.get(f"/api/messages/{reply['message_id']}")).json()
    assert again == reply
    lines = (await owner.get(f"/api/sessions/{reply['session_id']}/messages")).json()["items"]
    assert [line["direction"] for line in lines] == ["in", "out"]


async def test_an_answer_comes_as_events_while_it_is_written(harness: Harness) -> None:
    alice, _ = await harness.of(ALICE)
    events = []
    async with alice.stream(
        "POST",
        "/api/messages",
        json={"text": "Remember that my cat is called Tom"},
        headers={"Accept": "text/event-stream"},
    ) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                events.append([line.removeprefix("event: ")])
            elif line.startswith("data: "):
                events[-1].append(json.loads(line.removeprefix("data: ")))
    assert events[0][0] == "accepted"
    assert events[-1][0] == "answer"
    assert "Tom" in events[-1][1]["answer"]
    assert {event[0] for event in events[1:-1]} <= {"delta"}
    assert stream.headers["x-accel-buffering"] == "no"
    text = ""
    for _, delta in events[1:-1]:
        text = text[: delta["offset"]] + delta["text"]
    assert events[-1][1]["answer"].startswith(text)


async def test_a_contacts_token_reaches_no_data_of_the_owner_or_other_contacts(
    harness: Harness,
) -> None:
    owner = await harness.owner()
    alice, her_id = await harness.of(ALICE)
    bob, bobs_id = await harness.of(BOB)
    kept = (await bob.post("/api/memories", json={"content": "Bob likes tea"})).json()
    own = (await owner.post("/api/memories", json={"content": "the key is under the stone"})).json()
    assert (kept["contact_id"], own["contact_id"]) == (str(bobs_id), None)
    session = (await bob.get("/api/sessions")).json()["items"][0]
    missing = uuid4()
    for theirs in (kept["id"], own["id"]):
        for method, path, body in (
            ("GET", "/api/memories/{}", None),
            ("PATCH", "/api/memories/{}", {"content": "mine now"}),
            ("DELETE", "/api/memories/{}", None),
            ("GET", "/api/memories/{}/history", None),
            ("POST", "/api/memories/{}/restore", {"version": 1}),
        ):
            hers = await alice.request(method, path.format(theirs), json=body)
            nobodys = await alice.request(method, path.format(missing), json=body)
            assert (hers.status_code, hers.json()) == (404, nobodys.json()), path
    for method, path in (("GET", "/api/sessions/{}"), ("GET", "/api/sessions/{}/messages"),
                         ("POST", "/api/sessions/{}/end")):  # fmt: skip
        hers = await alice.request(method, path.format(session["id"]))
        nobodys = await alice.request(method, path.format(missing))
        assert (hers.status_code, hers.json()) == (404, nobodys.json())
    for method, path in await _owners_only(harness):
        asked = path.replace("{contact_id}", str(bobs_id)).replace(
            "{agent_id}", str(harness.world.agent_id)
        )
        body = {"platform": "telegram", "platform_id": "1002", "auto_create": False}
        if not path.endswith("/resolve"):
            body = {"name": "x"} if method == "POST" else {}
        refused = await alice.request(method, asked, json=None if method == "GET" else body)
        assert refused.status_code == 403, (method, path)
    assert (await alice.get("/api/memories")).json()["items"] == []
    found = (await alice.post("/api/memories/recall", json={"query": "tea key"})).json()
    assert found == {"items": [], "by_words_only": False, "searched_since": None}
    said = (await alice.post("/api/messages/search", json={"query": "tea key"})).json()["items"]
    assert {hit["contact_id"] for hit in said} == {str(her_id)}
    narrowed = await alice.post(
        "/api/messages/search", json={"query": "hi"}, params={"session_id": session["id"]}
    )
    assert narrowed.json()["items"] == []


@pytest.mark.parametrize("named", ["contact_id", "agent_id"])
async def test_a_contacts_token_never_names_a_scope_not_even_its_own(
    harness: Harness, named: str
) -> None:
    alice, her_id = await harness.of(ALICE)
    bob, his_id = await harness.of(BOB)
    for one in (her_id, his_id, harness.world.agent_id, uuid4()):
        for path in ("/api/memories", "/api/sessions"):
            assert (await alice.get(path, params={named: str(one)})).status_code == 403
        for body in ({"text": "hi", named: str(one)}, {"text": "hi", "sender": BOB}):
            assert (await alice.post("/api/messages", json=body)).status_code == 403
    del bob


async def test_unknown_fields_are_refused_and_never_ignored(harness: Harness) -> None:
    owner = await harness.owner()
    for asked in (
        await owner.get("/api/memories", params={"contact": str(uuid4())}),
        await owner.post("/api/memories", json={"content": "x", "contact_id": str(uuid4())}),
        await owner.post("/api/messages", json={"text": "x", "user_id": "1"}),
        await owner.post("/api/memories/recall", json={"query": "x", "filter": {"$or": []}}),
    ):
        assert asked.status_code == 422
        assert asked.headers["content-type"] == "application/problem+json"
        assert "unknown field" in asked.text


async def test_an_agents_token_works_for_the_contact_it_names_and_never_as_the_owner(
    harness: Harness,
) -> None:
    agent = await harness.client(await harness.token(agent="Ada"))
    owner = await harness.owner()
    await owner.post("/api/memories", json={"content": "the key is under the stone"})
    made = await agent.post(
        "/api/admin/contacts/resolve",
        json={"platform": "telegram", "platform_id": "1001", "auto_create": True},
    )
    alice = made.json()["id"]
    for path in ("/api/memories", "/api/sessions", "/api/admin/contacts", "/api/admin/agents"):
        assert (await agent.get(path)).status_code == 403
    assert (await agent.post("/api/messages", json={"text": "hi"})).status_code == 403
    assert (await agent.post("/api/memories", json={"content": "x"})).status_code == 403
    said = {"text": "Remember that my dog is called Rex", "contact_id": alice}
    assert (await agent.post("/api/messages", json=said)).json()["state"] == "answered"
    hers = (await agent.get("/api/memories", params={"contact_id": alice})).json()["items"]
    assert [memory["contact_id"] for memory in hers] == [alice]
    elsewhere = {"contact_id": alice, "agent_id": str(uuid4())}
    assert (await agent.get("/api/memories", params=elsewhere)).status_code == 404


async def test_an_agents_token_finds_nobody_who_wrote_to_another_agent_only(
    harness: Harness,
) -> None:
    eve = await make_world(harness.app.db, agent="Eve")
    alice = (await eve.say(ALICE, "hi", name="Alice Adams")).contact_id
    agent = await harness.client(await harness.token(agent="Ada"))
    told = []
    for number, contact in (("1001", alice), ("9009", uuid4())):
        address = {"platform": "telegram", "platform_id": number, "auto_create": False}
        asked = [
            await agent.post("/api/admin/contacts/resolve", json=address),
            await agent.post("/api/messages", json={"text": "hi", "contact_id": str(contact)}),
            await agent.get("/api/memories", params={"contact_id": str(contact)}),
        ]
        assert [one.status_code for one in asked] == [404, 404, 404]
        told.append([one.text.replace(number, "N") for one in asked])
    assert told[0] == told[1]
    said = await agent.post("/api/messages", json={"text": "hi", "sender": ALICE})
    assert said.json()["state"] == "answered"
    made = {**address, "platform_id": "1001", "auto_create": True}
    shown = (await agent.post("/api/admin/contacts/resolve", json=made)).json()
    assert (shown["id"], shown["name"], shown["addresses"]) == (str(alice), "", [ALICE])


async def test_the_owner_narrows_a_call_to_what_one_contact_would_see(harness: Harness) -> None:
    owner = await harness.owner()
    alice, her_id = await harness.of(ALICE)
    await alice.post("/api/memories", json={"content": "Alice likes tea"})
    await owner.post("/api/memories", json={"content": "the owner likes tea as well"})
    every = (await owner.get("/api/memories")).json()["items"]
    hers = (await owner.get("/api/memories", params={"contact_id": str(her_id)})).json()["items"]
    assert (len(every), [memory["content"] for memory in hers]) == (2, ["Alice likes tea"])
    assert (
        await owner.get("/api/memories", params={"contact_id": str(uuid4())})
    ).status_code == 404


async def test_a_token_that_is_revoked_or_missing_opens_nothing(harness: Harness) -> None:
    made, token = await create_token(harness.app.db, harness.app.owner_id)
    client = await harness.client(token)
    assert (await client.get("/api/sessions")).status_code == 200
    await revoke_token(harness.app.db, harness.app.owner_id, str(made.id))
    async with httpx.AsyncClient(base_url=harness.url) as nobody:
        for refused in (await client.get("/api/sessions"), await nobody.get("/api/sessions")):
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_pages_are_complete_and_without_doubles(harness: Harness) -> None:
    alice, _ = await harness.of(ALICE)
    for number in range(7):
        await alice.post("/api/memories", json={"content": f"fact {number} about herons"})
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await alice.get("/api/memories", params=params)).json()
        seen += [item["content"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"fact {number} about herons" for number in reversed(range(7))]
    assert (await alice.get("/api/memories", params={"cursor": "bm8="})).status_code == 422


async def test_a_name_is_resolved_exactly_or_suggested_and_never_guessed(harness: Harness) -> None:
    owner = await harness.owner()
    ids = []
    for number, name in ((1, "Alice"), (2, "Alice"), (3, "Robert")):
        made = {"platform": "telegram", "platform_id": str(number), "auto_create": True,
                "name": name}  # fmt: skip
        ids.append((await owner.post("/api/admin/contacts/resolve", json=made)).json()["id"])
    found = {}
    for name in ("alice", "robert", "Robrt"):
        asked = await owner.post("/api/admin/contacts/resolve-name", json={"name": name})
        found[name] = asked.json()
    assert {one["id"] for one in found["alice"]["ambiguous"]} == set(ids[:2])
    assert found["robert"]["found"]["id"] == ids[2]
    assert (found["Robrt"]["found"], [one["id"] for one in found["Robrt"]["similar"]]) == (
        None,
        [ids[2]],
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"platform": "telegram", "platform_id": "5", "auto_create": False}, 404),
        ({"platform": "telegram", "platform_id": "5"}, 422),
        ({"platform": "tele gram", "platform_id": "5", "auto_create": True}, 422),
        ({"platform": "telegram", "platform_id": "", "auto_create": True}, 422),
        ({"platform": "telegram", "platform_id": "5\ufe0f", "auto_create": True}, 422),
    ],
)
async def test_what_cannot_be_resolved_says_why(
    harness: Harness, body: dict[str, object], status: int
) -> None:
    refused = await (await harness.owner()).post("/api/admin/contacts/resolve", json=body)
    assert refused.status_code == status
    assert refused.json()["detail"]


async def test_what_a_blocked_contact_says_is_refused_for_everybody(harness: Harness) -> None:
    owner = await harness.owner()
    _, her_id = await harness.of(ALICE)
    agent = await harness.client(await harness.token(agent="Ada"))
    await owner.patch(f"/api/admin/contacts/{her_id}", json={"blocked": True})
    for speaker in (owner, agent):
        said = {"text": "hi", "contact_id": str(her_id)}
        assert (await speaker.post("/api/messages", json=said)).status_code == 403


async def test_metrics_hold_numbers_and_nobodys_text_name_or_id(harness: Harness) -> None:
    owner = await harness.owner()
    alice, her_id = await harness.of(ALICE)
    await alice.post("/api/messages", json={"text": "Remember that the heron sleeps"})
    told = (await owner.get("/metrics")).text
    assert 'discreet_http_requests_total{operation="send_message",status="200"} 1.0' in told
    assert "discreet_memories 1.0" in told
    for private in ("heron", '"1001"', ":1001", str(her_id), "Olga", "Ada"):
        assert private not in told


async def test_no_other_web_page_may_call_it(harness: Harness) -> None:
    owner = await harness.owner()
    asked = await owner.get("/api/sessions", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


async def test_anybody_may_ask_whether_it_runs_and_is_ready(harness: Harness) -> None:
    async with httpx.AsyncClient(base_url=harness.url) as nobody:
        assert (await nobody.get("/healthz")).json() == {"status": "ok"}
        assert (await nobody.get("/readyz")).json() == {"status": "ok"}


async def test_the_owner_joins_parts_and_erases_contacts(harness: Harness) -> None:
    owner = await harness.owner()
    alice, alices = await harness.of(ALICE)
    bob, bobs = await harness.of(BOB)
    given = {"survivor_id": str(alices), "merged_id": str(bobs)}
    made = await owner.post("/api/admin/links", json=given)
    assert (made.status_code, made.json()["addresses"]) == (201, [BOB])
    assert (await owner.post("/api/admin/links", json=given)).status_code == 404
    assert (await bob.get("/api/me")).status_code == 401
    [listed] = (await owner.get("/api/admin/links")).json()["items"]
    undone = await owner.delete(f"/api/admin/links/{listed['id']}")
    assert undone.status_code == 200
    assert (await owner.delete(f"/api/admin/links/{listed['id']}")).status_code == 404
    assert (await bob.get("/api/me")).status_code == 200

    erased = await owner.delete(f"/api/admin/contacts/{bobs}")
    assert (erased.status_code, erased.json()["counts"]["contacts"]) == (200, 1)
    assert (await owner.delete(f"/api/admin/contacts/{bobs}")).status_code == 404
    assert (await owner.get(f"/api/admin/contacts/{bobs}")).status_code == 404
    assert (await bob.get("/api/me")).status_code == 401
    assert (await alice.get("/api/me")).status_code == 200
    [receipt] = (await owner.get("/api/admin/erasures")).json()["items"]
    assert receipt["id"] == erased.json()["id"]
    assert str(bobs) not in str(receipt)
