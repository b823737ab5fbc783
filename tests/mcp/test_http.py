from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from discreet.auth.rate_limits import RateLimit
from discreet.auth.tokens import create_token, revoke_token
from discreet.domain.policy import Policy
from discreet.services.policy import write_policy
from tests.mcp.conftest import client
from tests.support.world import World, make_world

ALICE, BOB = "telegram:1001", "telegram:1002"


async def test_a_contacts_token_opens_that_contacts_rows_and_no_others(
    world: World, urls: tuple[str, str]
) -> None:
    tokens = {}
    for who in (ALICE, BOB):
        await world.say(who, "hi")
        tokens[who] = (await create_token(world.db, world.owner_id, contact=who))[1]
    async with client(urls[0], tokens[ALICE]) as alice, client(urls[1], tokens[BOB]) as bob:
        kept = await alice.call_tool("remember", {"content": "the heron is in the bath"})
        assert not kept.is_error
        memory = kept.structured_content["id"]
        assert [hit["content"] for hit in (await _recall(alice, "heron"))["items"]] == [
            "the heron is in the bath"
        ]
        assert (await _recall(bob, "heron"))["items"] == []
        for name in ("forget", "get_memory_history"):
            assert (await bob.call_tool(name, {"memory_id": memory})).is_error
        unknown = {"query": "heron", "sender": ALICE}
        assert (await bob.call_tool("recall", unknown)).is_error
        # Each tool's own arguments too: a name for somebody else is refused, never dropped.
        assert (await bob.call_tool("start_session", {"sender": ALICE})).is_error
        names = {tool.name for tool in (await bob.list_tools()).tools}
        assert not names & {"resolve_contact", "list_contacts"}


async def test_what_contradicts_a_memory_is_offered_to_take_its_place(
    world: World, urls: tuple[str, str]
) -> None:
    await world.say(ALICE, "hi")
    token = (await create_token(world.db, world.owner_id, contact=ALICE))[1]
    newer = {"content": "I moved from Graz to Oslo."}
    async with client(urls[0], token) as alice:
        older = await alice.call_tool("remember", {"content": "I live in Graz."})
        told = await alice.call_tool("remember", newer)
        offered = told.structured_content["may_replace"]
        assert [one["id"] for one in offered] == [older.structured_content["id"]]
        replaced = await alice.call_tool("remember", newer | {"replaces": offered[0]["id"]})
        assert not replaced.is_error
        found = (await _recall(alice, "Where do I live?"))["items"]
        assert [hit["content"] for hit in found] == ["I moved from Graz to Oslo."]


class TestRateLimit:
    @pytest.fixture
    def rate_limit(self) -> RateLimit:
        return RateLimit(6)

    async def test_a_token_that_calls_too_often_waits_and_others_do_not(
        self, world: World, urls: tuple[str, str]
    ) -> None:
        tokens = []
        for who in (ALICE, BOB):
            await world.say(who, "hi")
            tokens.append((await create_token(world.db, world.owner_id, contact=who))[1])
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {tokens[0]}"}) as alice:
            answers = [await alice.post(urls[0], json={}) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [400] * 6 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 10
        assert "Too many requests" in answers[-1].json()["error"]["message"]
        async with client(urls[0], tokens[1]) as bob:
            assert not (await bob.call_tool("remember", {"content": "tea"})).is_error


async def test_a_contact_keeps_no_more_memories_than_may_be(
    world: World, urls: tuple[str, str]
) -> None:
    await write_policy(world.db, Policy(memories_per_contact=1))
    await world.say(ALICE, "hi")
    _, token = await create_token(world.db, world.owner_id, contact=ALICE)
    async with client(urls[0], token) as alice:
        assert not (await alice.call_tool("remember", {"content": "tea"})).is_error
        refused = await alice.call_tool("remember", {"content": "the moon"})
        assert refused.is_error
        assert "The maximum of 1 memories is reached. Forget some first." in refused.content[0].text


async def test_an_agents_token_finds_nobody_who_wrote_to_another_agent_only(
    world: World, urls: tuple[str, str]
) -> None:
    eve = await make_world(world.db, agent="Eve")
    alice = (await eve.say(ALICE, "hi", name="Alice Adams")).contact_id
    _, token = await create_token(world.db, world.owner_id, agent="Ada")
    told = []
    async with client(urls[0], token) as agent:
        for number, contact in (("1001", alice), ("9009", uuid4())):
            for tool, given in (
                ("resolve_contact", {"platform": "telegram", "platform_id": number}),
                ("start_session", {"contact_id": str(contact)}),
            ):
                refused = await agent.call_tool(tool, given)
                assert refused.is_error
                told.append(refused.content[0].text.replace(number, "N"))
        assert told[:2] == told[2:]
        begun = await agent.call_tool("start_session", {"sender": ALICE})
        assert begun.structured_content["contact_id"] == str(alice)


async def test_an_id_with_a_sign_that_nobody_sees_is_nobodys(
    world: World, urls: tuple[str, str]
) -> None:
    _, token = await create_token(world.db, world.owner_id)
    async with client(urls[0], token) as mine:
        for tool, given in (
            ("start_session", {"sender": "telegram:1001\ufe0f"}),
            ("start_session", {"thread_key": "trip\u3164"}),
            (
                "resolve_contact",
                {"platform": "telegram", "platform_id": "5\u115f", "auto_create": True},
            ),
        ):
            assert (await mine.call_tool(tool, given)).is_error
        assert (await mine.call_tool("list_contacts", {})).structured_content["items"] == []


async def test_a_session_for_a_contact_takes_the_owners_tools_away_and_is_never_widened(
    world: World, urls: tuple[str, str]
) -> None:
    alice = (await world.say(ALICE, "hi")).contact_id
    bob = (await world.say(BOB, "hi")).contact_id
    _, token = await create_token(world.db, world.owner_id)
    async with client(urls[0], token) as mine:
        await mine.call_tool("start_session", {})
        await mine.call_tool("remember", {"content": "the owner's key is under the stone"})
    async with client(urls[0], token) as bound:
        everybody = await bound.call_tool("list_contacts", {})
        assert len(everybody.structured_content["items"]) == 2
        begun = await bound.call_tool("start_session", {"contact_id": str(alice)})
        assert begun.structured_content["contact_id"] == str(alice)
        names = {tool.name for tool in (await bound.list_tools()).tools}
        assert not names & {"resolve_contact", "list_contacts"}
        for name in ("list_contacts", "no_such_tool"):
            with pytest.raises(MCPError, match="Unknown tool"):
                await bound.call_tool(name, {})
        for wider in ({"contact_id": str(bob)}, {"sender": BOB}, {"agent": "Ada"}):
            assert (await bound.call_tool("start_session", wider)).is_error
        kept = await bound.call_tool("remember", {"content": "Alice likes tea"})
        assert kept.structured_content["contact_id"] == str(alice)
        assert [hit["content"] for hit in (await _recall(bound, "key stone tea"))["items"]] == [
            "Alice likes tea"
        ]
        assert (await _recall(bound, "tea", contact_id=str(bob)))["error"]


async def test_what_a_connection_is_bound_to_holds_on_another_server(
    world: World, urls: tuple[str, str]
) -> None:
    alice = (await world.say(ALICE, "hi")).contact_id
    _, token = await create_token(world.db, world.owner_id)
    _, others = await create_token(world.db, world.owner_id)
    async with httpx2.AsyncClient(headers=_headers(token)) as http:
        begun = await http.post(urls[0], json=INITIALIZE)
        session = begun.headers["mcp-session-id"]
        answer = await _call(http, urls[0], session, "start_session", {"contact_id": str(alice)})
        assert answer["structuredContent"]["contact_id"] == str(alice)
        seen = await _call(http, urls[1], session, "get_session", {})
        assert seen["structuredContent"]["contact_id"] == str(alice)
        assert (await http.post(urls[1], json=CALL)).status_code == 400
    async with httpx2.AsyncClient(headers=_headers(others)) as http:
        taken = await http.post(urls[0], json=CALL, headers={"mcp-session-id": session})
        assert taken.status_code == 404


async def test_a_revoked_token_is_refused_at_the_next_call_by_every_server(
    world: World, urls: tuple[str, str]
) -> None:
    made, token = await create_token(world.db, world.owner_id)
    async with httpx2.AsyncClient(headers=_headers(token)) as http:
        for url in urls:
            assert (await http.post(url, json=INITIALIZE)).status_code == 200
        await revoke_token(world.db, world.owner_id, str(made.id))
        for url in urls:
            assert (await http.post(url, json=INITIALIZE)).status_code == 401


async def test_nobody_holds_a_stream_open_on_which_nothing_is_ever_said(
    world: World, urls: tuple[str, str]
) -> None:
    _, token = await create_token(world.db, world.owner_id)
    async with httpx2.AsyncClient(headers=_headers(token)) as http:
        begun = await http.post(urls[0], json=INITIALIZE)
        session = {"mcp-session-id": begun.headers["mcp-session-id"]}
        listened = await http.get(urls[0], headers=session)
        assert (listened.status_code, listened.headers["allow"]) == (405, "POST, DELETE")
        assert (await http.delete(urls[0], headers=session)).status_code == 204


async def test_pages_of_other_origins_are_refused_whatever_they_show(
    world: World, urls: tuple[str, str]
) -> None:
    _, token = await create_token(world.db, world.owner_id)
    begun = {}
    async with httpx2.AsyncClient(headers=_headers(token)) as http:
        for origin in (
            "http://evil.example", "http://localhost.evil.example", "http://evil.example:8780",
            "null", "http://[", "http://localhost:3000", "http://127.0.0.1:8780", "http://[::1]:1",
        ):  # fmt: skip
            # A page with DNS rebinding also uses its name as the host.
            host = origin.removeprefix("http://")
            answer = await http.post(
                urls[0], json=INITIALIZE, headers={"origin": origin, "host": host}
            )
            begun[origin] = answer.status_code
    assert [origin for origin, status in begun.items() if status == 200] == [
        "http://localhost:3000", "http://127.0.0.1:8780", "http://[::1]:1",
    ]  # fmt: skip
    assert {status for status in begun.values() if status != 200} == {403}


async def _recall(on: Any, query: str, **more: str) -> dict[str, Any]:
    result = await on.call_tool("recall", {"query": query, **more})
    return {"error": True} if result.is_error else dict(result.structured_content)


async def _call(http: Any, url: str, session: str, name: str, arguments: Any) -> Any:
    body = CALL | {"params": {"name": name, "arguments": arguments}}
    answer = await http.post(url, json=body, headers={"mcp-session-id": session})
    return answer.json()["result"]


def _headers(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
    }


CALL: dict[str, Any] = {
    "jsonrpc": "2.0", "id": 2, "method": "tools/call",
    "params": {"name": "list_contacts", "arguments": {}},
}  # fmt: skip
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {},
               "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip
