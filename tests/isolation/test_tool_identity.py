"""Each call says who is asking: signed, for one server and one minute, by a pseudonym."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from examples import order_server
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

from discreet.domain.ids import AgentId, OwnerId
from discreet.postgres.server import Database
from discreet.services.contacts import label_contact
from discreet.services.tool_servers import signing_keys
from discreet.tools.identity import AskedBy, IdentityKey
from discreet.tools.servers import McpServer
from tests.support.openai_server import Call, Say
from tests.support.tool_servers.served import ToolWorld, command, http_server, results, tool_world
from tests.support.world import make_world, open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"
MINE = Call((("shop__my_order", {}),))
NAMING_BOB = Call((("shop__my_order", {"sub": BOB, "contact_id": BOB, "who": BOB}),))


@pytest.fixture
async def tools(database: Database, tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with (
        open_scoped(database) as db,
        tool_world(await make_world(db), database, tmp_path) as made,
    ):
        yield made


def shop(keys: Path, seen: list[dict[str, Any]], url: list[str]) -> MCPServer:
    """Return a server with the example's check of identities, and orders by identity."""
    server = MCPServer("shop")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def my_order(context: Context) -> str:
        who = order_server.asked_by(context, str(keys), url[0])
        seen.append(who)
        return f"the order of {who['sub']}"

    return server


async def test_a_server_finds_the_senders_own_order_whatever_the_model_says(
    tools: ToolWorld, tmp_path: Path
) -> None:
    keys, seen, url = tmp_path / "keys.json", list[dict[str, Any]](), [""]
    keys.write_text(json.dumps(signing_keys(tools.access).model_dump()))
    async with http_server(shop(keys, seen, url)) as served:
        url[0] = served.url
        await tools.add("shop", url=served.url)
        await tools.allow("shop", allowed="everybody", in_groups=True)
        await tools.turn(ALICE, "Hello", Say("Hi."))
        await label_contact(
            tools.world.db, tools.world.owner_id, ALICE, add={"customer"}, remove=set()
        )
        for sender, group, call in (
            (ALICE, None, MINE),
            (ALICE, None, NAMING_BOB),
            (BOB, None, MINE),
            (ALICE, GROUP, MINE),
            (None, None, MINE),
        ):
            asked = await tools.turn(sender, "My order?", call, Say("There."), group=group)
            if call is MINE:
                assert f"the order of {seen[-1]['sub']}" in results(asked)[0]
        ids = [
            headers["discreet-identity"]
            for headers in served.headers
            if "discreet-identity" in headers
        ]
    alice, again, bob, group_, owner = seen
    assert again["sub"] == alice["sub"]  # what the model named was ignored or refused
    assert len({one["sub"] for one in seen}) == 4
    assert [one["kind"] for one in seen] == ["direct", "direct", "direct", "group", "owner"]
    assert [one["roles"] for one in (alice, bob, group_)] == [["customer"], [], []]
    assert owner["roles"] == ["owner"]
    for one in seen:
        assert one["exp"] - one["iat"] == 60
        assert "addresses" not in one
        assert not re.search(r"\b1001\b", json.dumps(one))  # the ids are random digits
    assert len({one["jti"] for one in seen}) == len(seen)
    assert len(set(ids)) == len(ids)  # a token is used for one request only


def a_server(url: str, **options: Any) -> McpServer:
    owner, agent = OwnerId(OWNER), AgentId(uuid4())
    return McpServer(uuid4(), owner, agent, "shop", url=url, **options)


OWNER = uuid4()
CONTACT = AskedBy("direct", uuid4(), "Ada", addresses=("telegram:1001",))


def decoded(key: IdentityKey, token: str, audience: str) -> dict[str, Any]:
    [public] = jwt.PyJWKSet(key.public_keys()["keys"]).keys
    claims: dict[str, Any] = jwt.decode(token, public, ["EdDSA"], audience=audience)
    return claims


def test_a_token_is_good_for_one_server_and_pseudonyms_differ_between_servers() -> None:
    key = IdentityKey(os.urandom(32))
    one, other = a_server("https://a.example/mcp"), a_server("https://b.example/mcp")
    token = key.token_for(one, CONTACT)
    claims = decoded(key, token, "https://a.example/mcp")
    with pytest.raises(jwt.InvalidAudienceError):
        decoded(key, token, "https://b.example/mcp")
    with pytest.raises(jwt.InvalidSignatureError):
        decoded(IdentityKey(os.urandom(32)), token, "https://a.example/mcp")
    elsewhere = decoded(key, key.token_for(other, CONTACT), "https://b.example/mcp")
    assert claims["sub"] != elsewhere["sub"]
    assert (
        claims["sub"] == decoded(key, key.token_for(one, CONTACT), "https://a.example/mcp")["sub"]
    )
    assert str(CONTACT.who) not in json.dumps(claims)


def test_addresses_are_told_to_a_server_that_may_know_them_only() -> None:
    key = IdentityKey(os.urandom(32))
    told = a_server("https://a.example/mcp", tells_addresses=True)
    claims = decoded(key, key.token_for(told, CONTACT), "https://a.example/mcp")
    assert claims["addresses"] == ["telegram:1001"]


async def test_a_program_gets_the_identity_in_the_meta_of_the_call(tools: ToolWorld) -> None:
    await tools.add("shop", command("remembering"))
    await tools.allow("shop", allowed="everybody")
    told = await tools.turn(ALICE, "Who?", Call((("shop__whoami", {}),)), Say("You."))
    token = json.loads(results(told)[0].splitlines()[1])["text"]
    claims = decoded(tools.access.identity_key, token, "discreet:tools/shop")
    assert claims["kind"] == "direct"
