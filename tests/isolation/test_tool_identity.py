"""Each call says who is asking: signed, for one server and one minute, by a pseudonym."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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
        token = context.request_context.request.headers["Discreet-Identity"]
        who = order_server.verified(token, str(keys), url[0])
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


def forged(head: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a token with any header, claims and signature."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{encoded(sign(signed.encode()))}"


def test_the_examples_server_takes_a_genuine_token_once_and_no_other(tmp_path: Path) -> None:
    key, other = IdentityKey(os.urandom(32)), IdentityKey(os.urandom(32))
    shop_, url = a_server("https://a.example/mcp"), "https://a.example/mcp"
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(key.public_keys()))

    def accepted(token: str) -> bool:
        try:
            return bool(order_server.verified(token, str(file), url))
        except (jwt.PyJWTError, KeyError):
            return False

    token = key.token_for(shop_, CONTACT)
    assert accepted(token)
    assert not accepted(token)  # replayed
    assert not accepted(key.token_for(a_server("https://b.example/mcp"), CONTACT))
    assert not accepted(other.token_for(shop_, CONTACT))

    claims = decoded(key, token, url)
    head = jwt.get_unverified_header(token)
    private, mine = key._private().sign, other._private().sign
    [public] = key.public_keys()["keys"]
    [foreign] = other.public_keys()["keys"]
    now = int(time.time())

    def fresh(**changed: Any) -> dict[str, Any]:
        made = {**claims, "jti": str(uuid4()), **changed}
        return {name: value for name, value in made.items() if value is not None}

    def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
        return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()

    raw = base64.urlsafe_b64decode(public["x"] + "=")
    pem = key._private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert accepted(forged(head, fresh(), private))  # as these are built, only what differs counts
    for what, attempt in {
        "no algorithm": forged({**head, "alg": "none"}, fresh(), lambda _: b""),
        "no signature": forged(head, fresh(), lambda _: b""),
        "the public key as a secret": forged({**head, "alg": "HS256"}, fresh(), hmac_with(raw)),
        "as PEM": forged({**head, "alg": "HS256"}, fresh(), hmac_with(pem)),
        "as JSON": forged(
            {**head, "alg": "HS256"}, fresh(), hmac_with(json.dumps(public).encode())
        ),
        "another key by that name": forged(head, fresh(), mine),
        "a key that isn't there": forged({**head, "kid": foreign["kid"]}, fresh(), mine),
        "no key named": forged({"alg": "EdDSA"}, fresh(), private),
        "a key of its own": forged({**head, "jwk": foreign}, fresh(), mine),
        "a key from elsewhere": forged({**head, "jku": "https://evil.example"}, fresh(), mine),
        "a demand that isn't known": forged({**head, "crit": ["x"], "x": 1}, fresh(), private),
        "for nobody": forged(head, fresh(aud=None), private),
        "for a longer address": forged(head, fresh(aud=f"{url}/more"), private),
        "too old": forged(head, fresh(iat=now - 100, exp=now - 40), private),
        "of the future": forged(head, fresh(iat=now + 40, exp=now + 100), private),
        "without an end": forged(head, fresh(exp=None), private),
        "without a number": forged(head, fresh(jti=None), private),
        "of nobody": forged(head, fresh(sub=None), private),
    }.items():
        assert not accepted(attempt), what
    # Clocks differ by some seconds, and a token of the slower one is still accepted only once.
    for seconds in (5, -5):
        skewed = fresh(iat=now + seconds, exp=now + seconds + 60)
        assert accepted(forged(head, skewed, private))
        assert not accepted(forged(head, skewed, private))
    late = forged(head, fresh(iat=now - 65, exp=now - 5), private)
    assert (accepted(late), accepted(late)) == (True, False)
    # The key is changed while calls are on their way: the old one is refused from then on.
    on_its_way = key.token_for(shop_, CONTACT)
    file.write_text(json.dumps(other.public_keys()))
    assert not accepted(on_its_way)
    assert accepted(other.token_for(shop_, CONTACT))


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
