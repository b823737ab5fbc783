"""The states of a message: none of them looks like a slow model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from discreet.domain.ids import SessionId
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.schemas.messages import Reply
from discreet.services.agents import pause_agent, resume_agent
from discreet.services.takeover import take_over
from discreet.turn.prompt import Budget
from discreet.turn.result import ModelError
from discreet.turn.run import run_turn
from discreet.turn.turns import Responder, Turns
from tests.api.conftest import Harness
from tests.support.responders import echo
from tests.support.rest import Rest, open_rest
from tests.support.waiting import patience

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def _post(rest: Rest, token: str, path: str, given: Any, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await rest.http.post(path, json=given, headers=headers, **more)


def _turns(rest: Rest | Harness, responder: Responder) -> Turns:
    return Turns(rest.app.db, bundled_embedder(), responder, 3, Budget())


async def _fails(*_: Any) -> Any:
    raise ModelError("context", "The prompt about secret otters is too long.", final=True)


async def test_a_message_to_a_paused_agent_is_answered_with_that_at_once(rest: Rest) -> None:
    await pause_agent(rest.app.db, rest.app.owner_id, "Ada")
    token = await rest.token(agent="Ada")
    async with patience():  # far less than the minute that it would wait for an answer
        sent = await _post(rest, token, "/api/messages", {"text": "hi", "sender": ALICE})
    assert (sent.status_code, sent.json()["state"], sent.json()["answer"]) == (202, "paused", None)


async def test_a_contact_that_was_taken_over_hears_of_it_and_nobody_else_does(rest: Rest) -> None:
    for who in (ALICE, BOB):
        await rest.world.say(who, "hi")
    await take_over(rest.app.db, rest.app.owner_id, ALICE)
    for who, state, wait in ((ALICE, "taken_over", 60), (BOB, "waiting", 0)):
        token = await rest.token(contact=who)
        async with patience():
            sent = await _post(rest, token, "/api/messages", {"text": "hi"}, params={"wait": wait})
        assert (sent.status_code, sent.json()["state"]) == (202, state)
        again = await rest.http.get(
            f"/api/messages/{sent.json()['message_id']}",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert again.json() == sent.json()


async def test_a_failed_turn_is_not_an_answer_and_its_kind_is_all_that_is_told(rest: Rest) -> None:
    token = await rest.token(agent="Ada")
    sent = await _post(
        rest, token, "/api/messages", {"text": "hi", "sender": ALICE}, params={"wait": 0}
    )
    reply = Reply.model_validate(sent.json())
    await run_turn(_turns(rest, _fails), reply.session_id)  # type: ignore[arg-type]
    contact = (await rest.world.say(ALICE, "and?")).contact_id
    found = await rest.http.get(
        f"/api/messages/{reply.message_id}",
        params={"contact_id": str(contact)},
        headers={"Authorization": f"Bearer {token}"},
    )
    shown = found.json()
    assert (shown["state"], shown["answer"]) == ("failed", None)
    assert shown["error"] == {"kind": "context", "retrying": False}
    assert shown["apology"]
    assert "otters" not in found.text


async def test_a_stream_says_that_the_agent_is_paused_and_goes_on_when_it_is_resumed(
    idle_and_served: Harness,
) -> None:
    harness = idle_and_served
    db, owner_id = harness.app.db, harness.app.owner_id
    await pause_agent(db, owner_id, "Ada")
    alice, _ = await harness.of(ALICE)
    seen: list[tuple[str, dict[str, Any]]] = []
    async with (
        patience(),
        alice.stream(
            "POST", "/api/messages", json={"text": "hi"}, headers={"Accept": "text/event-stream"}
        ) as stream,
    ):
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                seen.append((name, json.loads(line.removeprefix("data: "))))
                if name == "state":
                    await resume_agent(db, owner_id, "Ada")
                    session_id = SessionId(UUID(seen[0][1]["session_id"]))
                    for _ in range(2):  # one for each place that she wrote from
                        await run_turn(_turns(harness, echo), session_id)
    names = [name for name, _ in seen]
    assert (names[:2], names[-1]) == (["accepted", "state"], "answer")
    assert seen[1][1]["state"] == "paused"
    assert seen[-1][1]["state"] == "answered"


async def test_another_content_type_is_told_what_to_send(rest: Rest) -> None:
    headers = {"Authorization": f"Bearer {await rest.token(agent='Ada')}"}
    for given in ({"data": {"text": "hi"}}, {"content": "hi"}, {"content": b"\x00\x01"}):
        sent = await rest.http.post("/api/messages", headers=headers, **given)  # type: ignore[arg-type]
        assert sent.status_code == 415
        assert "Content-Type: application/json" in sent.json()["detail"]


async def test_a_sender_is_taken_wherever_a_contact_is(rest: Rest) -> None:
    headers = {"Authorization": f"Bearer {await rest.token(agent='Ada')}"}
    made = await rest.http.post(
        "/api/memories", params={"sender": "web:anna"}, json={"content": "tea"}, headers=headers
    )
    assert made.status_code == 201
    for sender, found in (("web:anna", ["tea"]), (None, None), ("web:bert", None)):
        params = {} if sender is None else {"sender": sender}
        listed = await rest.http.get("/api/memories", params=params, headers=headers)
        if found is None:
            assert listed.status_code == (403 if sender is None else 404)
        else:
            assert [one["content"] for one in listed.json()["items"]] == found
    hers = {"Authorization": f"Bearer {await rest.token(contact='web:anna')}"}
    refused = await rest.http.get("/api/memories", params={"sender": "web:anna"}, headers=hers)
    assert refused.status_code == 403
