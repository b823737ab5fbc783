"""A token that an agent's token mints for one contact has no more than that token, and ends with
it; a token for metrics shows metrics alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from discreet.auth.tokens import (
    MINTED_A_MINUTE,
    MINTED_OF_CONTACT,
    create_token,
    revoke_token,
)
from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest
from tests.support.world import make_world

ALICE, BOB, ANNA = "telegram:1001", "telegram:1002", "web:anna"


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def _call(rest: Rest, method: str, path: str, token: str, **given: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await rest.http.request(method, path, headers=headers, **given)


async def _mint(rest: Rest, token: str, **given: Any) -> dict[str, Any]:
    answer = await _call(rest, "POST", "/api/tokens", token, json={"sender": ANNA, **given})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_a_minted_token_opens_its_contact_and_nothing_else(rest: Rest) -> None:
    bob = (await rest.world.say(BOB, "my code is 4711")).contact_id
    minted = await _mint(rest, await rest.token(agent="Ada"))
    token = minted["token"]
    sent = await _call(
        rest, "POST", "/api/messages", token, json={"text": "hi"}, params={"wait": 0}
    )
    assert sent.status_code == 202
    sessions = (await _call(rest, "GET", "/api/sessions", token)).json()["items"]
    assert [one["contact_id"] for one in sessions] == [minted["contact_id"]]
    for path, status in (
        (f"/api/sessions?contact_id={bob}", 403),
        (f"/api/sessions?contact_id={minted['contact_id']}", 403),
        ("/api/admin/tokens", 403),
        ("/api/admin/contacts", 403),
        ("/metrics", 403),
    ):
        assert (await _call(rest, "GET", path, token)).status_code == status, path
    again = await _call(rest, "POST", "/api/tokens", token, json={"sender": ANNA})
    assert again.status_code == 403


async def test_no_token_is_minted_for_a_contact_that_the_agent_does_not_know(rest: Rest) -> None:
    other = await make_world(rest.app.db, agent="Eve")
    theirs = (await other.say(ALICE, "hi Eve")).contact_id
    token = await rest.token(agent="Ada")
    answers = [
        await _call(rest, "POST", "/api/tokens", token, json={"contact_id": str(one)})
        for one in (theirs, uuid4())
    ]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    for whose in ({}, {"contact": ALICE, "agent": "Eve"}):
        refused = await _call(
            rest, "POST", "/api/tokens", await rest.token(**whose), json={"sender": ANNA}
        )
        assert refused.status_code == 403


async def test_a_minted_token_tells_no_name_that_another_agent_was_told(rest: Rest) -> None:
    other = await make_world(rest.app.db, agent="Eve")
    contact = (await other.say(ALICE, "hi Eve")).contact_id
    owner = await rest.token()
    renamed = await _call(
        rest, "PATCH", f"/api/admin/contacts/{contact}", owner, json={"name": "Alice Liddell"}
    )
    assert renamed.status_code == 200
    minted = await _mint(rest, await rest.token(agent="Ada"), sender=ALICE)
    me = (await _call(rest, "GET", "/api/me", minted["token"])).json()
    assert "Liddell" not in me["label"]
    listed = (await _call(rest, "GET", "/api/sessions", minted["token"])).text
    assert "hi Eve" not in listed


async def test_a_minted_token_ends_with_the_token_that_minted_it(
    rest: Rest, admin: psycopg.Connection[Any]
) -> None:
    db, owner_id = rest.app.db, rest.app.owner_id
    minter, text = await create_token(db, owner_id, agent="Ada", lasts=timedelta(minutes=10))
    minted = await _mint(rest, text, expires_in=3600)
    assert datetime.fromisoformat(minted["expires_at"]) == minter.expires_at
    assert (await _call(rest, "GET", "/api/me", minted["token"])).status_code == 200
    await revoke_token(db, owner_id, str(minter.id))
    assert (await _call(rest, "GET", "/api/me", minted["token"])).status_code == 401
    second, text = await create_token(db, owner_id, agent="Ada", lasts=timedelta(minutes=10))
    minted = await _mint(rest, text)
    admin.execute(
        "UPDATE discreet.tokens SET expires_at = now() - interval '1 s' WHERE id = %s", (second.id,)
    )
    assert (await _call(rest, "GET", "/api/me", minted["token"])).status_code == 401


async def test_minting_is_capped_in_life_in_pace_and_for_each_contact(rest: Rest) -> None:
    agent = await rest.token(agent="Ada")
    too_long = await _call(
        rest, "POST", "/api/tokens", agent, json={"sender": ANNA, "expires_in": 86_401}
    )
    assert too_long.status_code == 422
    minted = await _mint(rest, agent)
    left = datetime.fromisoformat(minted["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    later = [await _mint(rest, agent) for _ in range(MINTED_OF_CONTACT)]
    for one, status in ((minted, 401), (later[0], 200), (later[-1], 200)):
        assert (await _call(rest, "GET", "/api/me", one["token"])).status_code == status
    for number in range(MINTED_A_MINUTE - MINTED_OF_CONTACT - 1):
        await _mint(rest, agent, sender=f"web:bert{number}")
    refused = await _call(rest, "POST", "/api/tokens", agent, json={"sender": "web:carl"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert (await _call(rest, "POST", "/api/tokens", await rest.token(agent="Ada"),
                        json={"sender": "web:carl"})).status_code == 201  # fmt: skip


async def test_the_owner_lists_minted_tokens_apart_and_revokes_one(rest: Rest) -> None:
    minted = await _mint(rest, await rest.token(agent="Ada"))
    owner = await rest.token()
    plain = (await _call(rest, "GET", "/api/admin/tokens", owner)).json()["items"]
    assert minted["token_id"] not in [one["id"] for one in plain]
    apart = await _call(rest, "GET", "/api/admin/tokens", owner, params={"minted": "true"})
    assert [one["id"] for one in apart.json()["items"]] == [minted["token_id"]]
    gone = await _call(rest, "DELETE", f"/api/admin/tokens/{minted['token_id']}", owner)
    assert gone.status_code == 200
    assert (await _call(rest, "GET", "/api/me", minted["token"])).status_code == 401


async def test_a_token_for_metrics_shows_metrics_alone(rest: Rest) -> None:
    owner = await rest.token()
    made = await _call(rest, "POST", "/api/admin/tokens", owner, json={"kind": "metrics"})
    token = made.json()["token"]
    assert (await _call(rest, "GET", "/metrics", token)).status_code == 200
    for name, operation in (await rest.operations()).items():
        if name in ("get_metrics", "get_health", "get_readiness", "get_signing_keys"):
            continue
        assert (await rest.call(operation, token, {})).status_code == 401, name
    assert (await _call(rest, "GET", "/mcp", token)).status_code == 401
    for kind, status in (("agent", 403), ("none", 401)):
        other = await rest.token(agent="Ada") if kind == "agent" else ""
        assert (await _call(rest, "GET", "/metrics", other)).status_code == status


async def test_a_missing_token_and_a_wrong_one_are_told_apart(rest: Rest) -> None:
    missing = await rest.http.get("/api/me")
    wrong = await _call(rest, "GET", "/api/me", "sb_" + "x" * 43)
    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert "Authorization: Bearer" in missing.json()["detail"]
    assert "Invalid, expired or revoked" in wrong.json()["detail"]
    assert missing.headers["WWW-Authenticate"] == "Bearer"
    assert wrong.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_the_owner_creates_a_token_for_a_contact_that_is_new(rest: Rest) -> None:
    owner = await rest.token()
    given = {"kind": "contact", "contact": ANNA}
    unknown = await _call(rest, "POST", "/api/admin/tokens", owner, json=given)
    assert unknown.status_code == 404
    made = await _call(rest, "POST", "/api/admin/tokens", owner, json={**given, "create": True})
    assert made.status_code == 201
    me = (await _call(rest, "GET", "/api/me", made.json()["token"])).json()
    assert (me["kind"], me["label"]) == ("contact", ANNA)
