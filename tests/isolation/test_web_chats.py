"""Web chats: a visitor reaches their own conversation, whatever they show, and nobody else's."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from discreet.api.application import VISITORS_A_MINUTE
from discreet.domain.errors import Conflict
from discreet.postgres.server import Database
from discreet.schemas.web_chats import AddedWebChat, WebChatToAdd
from discreet.services.agents import AgentChange, change_agent, create_agent
from discreet.services.contacts import block_contact
from discreet.services.web_chats import add_web_chat, list_web_chats, remove_web_chat
from tests.support.rest import Rest, open_rest

SITE = "https://shop.example"


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def add(rest: Rest, name: str = "shop", **more: Any) -> AddedWebChat:
    given = WebChatToAdd.model_validate({"name": name, "origins": [SITE], **more})
    return await add_web_chat(rest.app.web_chats, given)


def identity(added: AddedWebChat, subject: str, **changed: Any) -> str:
    claims = {"sub": subject, "aud": str(added.chat.id), "exp": int(time.time()) + 600, **changed}
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        added.secret or "",
        algorithm="HS256",
    )


async def ask(rest: Rest, added: AddedWebChat, **given: str) -> httpx.Response:
    return await rest.http.post(
        f"/api/chat/{added.chat.id}/session", json=given, headers={"Origin": "http://discreet"}
    )


async def token(rest: Rest, added: AddedWebChat, **given: str) -> str:
    answer = await ask(rest, added, **given)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def say(rest: Rest, by: str, text: str) -> None:
    sent = await rest.http.post(
        "/api/messages",
        json={"text": text},
        params={"wait": 0},
        headers={"Authorization": f"Bearer {by}"},
    )
    assert sent.status_code == 202, sent.text


async def heard(rest: Rest, by: str) -> str:
    """Return all that a token reaches, as text; its status if it reaches nothing."""
    headers = {"Authorization": f"Bearer {by}"}
    listed = await rest.http.get("/api/sessions", headers=headers)
    if listed.status_code != 200:
        return str(listed.status_code)
    pages = [
        (await rest.http.get(f"/api/sessions/{one['id']}/messages", headers=headers)).json()
        for one in listed.json()["items"]
    ]
    return json.dumps(pages)


async def test_visitors_are_apart_and_a_token_reaches_nothing_of_the_owners(rest: Rest) -> None:
    added = await add(rest)
    one, other = await token(rest, added), await token(rest, added)
    anna = await token(rest, added, identity=identity(added, "anna"))
    await say(rest, one, "my code is plum4711")
    await say(rest, anna, "my code is pear4712")
    assert "plum4711" in await heard(rest, one)
    assert "plum" not in await heard(rest, other)
    assert "plum4711" not in await heard(rest, anna)
    again = await token(rest, added, identity=identity(added, "anna"))
    assert "pear4712" in await heard(rest, again)
    for path in ("/api/admin/contacts", "/api/admin/tokens", "/api/admin/webhooks"):
        refused = await rest.http.get(path, headers={"Authorization": f"Bearer {one}"})
        assert refused.status_code == 403
    named = await rest.http.post(
        "/api/messages",
        json={"text": "hi", "sender": "web:shop/anna"},
        headers={"Authorization": f"Bearer {one}"},
    )
    assert named.status_code == 403


async def test_an_identity_that_is_not_signed_for_this_chat_now_opens_nothing(rest: Rest) -> None:
    added, other = await add(rest), await add(rest, "blog")
    now = int(time.time())
    good = identity(added, "anna")
    head, body, _ = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    swapped = identity(added, "bert").split(".")[1]
    own_key = Ed25519PrivateKey.generate()
    for bad in (
        f"{none}.{body}.",
        f"{head}.{body}.",
        f"{head}.{swapped}.{good.split('.')[2]}",
        identity(other, "anna", aud=str(added.chat.id)),  # another chat's secret
        identity(other, "anna"),
        identity(added, "anna", aud=str(other.chat.id)),
        identity(added, "anna", aud=[str(added.chat.id), str(other.chat.id)]),
        identity(added, "anna", aud=None),
        identity(added, "anna", exp=now - 60),  # a replay
        identity(added, "anna", exp=None),
        identity(added, "anna", exp=now + 30 * 86_400),
        identity(added, "anna", nbf=now + 600),
        identity(added, ""),
        identity(added, "anon-0123456789abcdef0123456789abcdef"),
        identity(added, "x" * 300),
        identity(added, "a b"),
        jwt.encode({"sub": "anna", "aud": str(added.chat.id), "exp": now + 60}, own_key, "EdDSA"),
        "nonsense",
    ):
        refused = await ask(rest, added, identity=bad)
        assert refused.status_code == 401, bad
        assert "token" not in refused.json()


async def test_a_public_key_opens_its_chat_and_is_no_shared_secret(rest: Rest) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    added = await add(rest, public_key=pem)
    assert added.secret is None
    claims = {"sub": "anna", "aud": str(added.chat.id), "exp": int(time.time()) + 600}
    assert (await ask(rest, added, identity=jwt.encode(claims, key, "EdDSA"))).status_code == 200
    # The public key, which everybody knows, as the secret of an HS256 signature.
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    import hashlib
    import hmac

    signed = hmac.new(pem.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    confused = ".".join([*parts, base64.urlsafe_b64encode(signed).decode().rstrip("=")])
    assert (await ask(rest, added, identity=confused)).status_code == 401
    other = Ed25519PrivateKey.generate()
    assert (await ask(rest, added, identity=jwt.encode(claims, other, "EdDSA"))).status_code == 401


async def test_who_proves_who_they_are_keeps_what_they_said_and_gets_nobody_elses(
    rest: Rest,
) -> None:
    added, other = await add(rest), await add(rest, "blog")
    unknown = await token(rest, added)
    await say(rest, unknown, "my code is plum4711")
    anna = await token(rest, added, identity=identity(added, "anna"), visitor=unknown)
    assert "plum4711" in await heard(rest, anna)
    # The old token is of nobody now.
    assert "plum4711" not in await heard(rest, unknown)
    # A token of somebody who is known, of another chat, or of another kind links nothing.
    await say(rest, anna, "and my pin is fig9753")
    elsewhere = await token(rest, other)
    await say(rest, elsewhere, "my pin is kiwi8642")
    for shown in (anna, elsewhere, await rest.token(), await rest.token(agent="Ada"), "sb_wrong"):
        bert = await token(rest, added, identity=identity(added, "bert"), visitor=shown)
        reached = await heard(rest, bert)
        assert not any(pin in reached for pin in ("plum4711", "fig9753", "kiwi8642"))
    assert "kiwi8642" in await heard(rest, elsewhere)
    assert "fig9753" in await heard(rest, anna)


async def test_only_the_page_itself_may_ask_and_only_its_sites_may_show_it(rest: Rest) -> None:
    added = await add(rest)
    path = f"/api/chat/{added.chat.id}/session"
    for origin in (SITE, "https://evil.example", "null", None):
        headers = {} if origin is None else {"Origin": origin}
        assert (await rest.http.post(path, json={}, headers=headers)).status_code == 403
    page = await rest.http.get(f"/api/chat/{added.chat.id}/")
    policy = page.headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors 'self' {SITE}")
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for nobodys in (f"/api/chat/{UUID(int=0)}/", f"/api/chat/{added.chat.id}/..%2f__init__.py"):
        assert (await rest.http.get(nobodys)).status_code == 404


async def test_one_network_opens_so_many_a_minute_from_whichever_of_its_addresses(
    rest: Rest,
) -> None:
    added = await add(rest)
    transport: Any = rest.http._transport
    codes: list[int] = []
    # On a slow machine the first of the minute come back before the last is refused.
    while not codes or (codes[-1] == 200 and len(codes) < 10 * VISITORS_A_MINUTE):
        transport.client = (f"2001:db8::{len(codes):x}:1", 443)
        codes.append((await ask(rest, added)).status_code)
    assert codes.count(200) >= VISITORS_A_MINUTE
    assert codes[-1] == 429
    for another in ("2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.2"):
        transport.client = (another, 443)
        assert (await ask(rest, added)).status_code == 200


async def test_what_is_not_json_is_said_to_be_of_another_type(rest: Rest) -> None:
    added = await add(rest)
    path, headers = f"/api/chat/{added.chat.id}/session", {"Origin": "http://discreet"}
    answer = await rest.http.post(
        path, content="{}", headers=headers | {"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


async def test_a_blocked_visitor_and_a_removed_chat_open_nothing(rest: Rest) -> None:
    added = await add(rest)
    anna = await token(rest, added, identity=identity(added, "anna"))
    one = await token(rest, added)
    await block_contact(rest.app.db, rest.app.owner_id, "web:shop/anna")
    assert (await ask(rest, added, identity=identity(added, "anna"))).status_code == 403
    assert await heard(rest, anna) == "401"
    await remove_web_chat(rest.app.db, rest.app.owner_id, "shop")
    assert await heard(rest, one) == "401"
    assert (await ask(rest, added)).status_code == 404
    assert await list_web_chats(rest.app.db, rest.app.owner_id) == []


async def test_an_agent_that_shares_its_memory_is_on_no_page(rest: Rest) -> None:
    db, owner_id = rest.app.db, rest.app.owner_id
    await create_agent(db, owner_id, "Family", AgentChange(memory_model="shared"))
    with pytest.raises(Conflict, match="shares one memory"):
        await add(rest, agent="Family")
    await add(rest)
    with pytest.raises(Conflict, match="web page"):
        await change_agent(db, owner_id, "Ada", AgentChange(memory_model="shared"))
