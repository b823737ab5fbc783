"""Every REST operation, with a token that isn't entitled to it or with ids of somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest

ALICE, BOB = "telegram:1001", "telegram:1002"
BEFORE_A_TOKEN = {"get_health", "get_readiness", "get_signing_keys"}
FOR_ANYBODY = {
    "send_message", "search_messages", "get_reply", "list_sessions", "get_session",
    "list_messages", "end_session", "list_memories", "remember", "recall", "get_memory",
    "update_memory", "forget", "get_memory_history", "restore_memory", "get_me",
    "resolve_contact", "mint_token", "follow_events",
    "explain_answer", "list_access", "ask_for_erasure", "confirm_erasure",
}  # fmt: skip
"""Operations that run in a contact's scope; all others are for the owner."""


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def _of_bob(rest: Rest) -> dict[str, str]:
    """Return the ids of everything of Bob's, by path parameter."""
    said = await rest.world.say(BOB, "my code is plum4711")
    owner = await rest.token()
    kept = await rest.http.post(
        "/api/memories",
        params={"contact_id": str(said.contact_id)},
        json={"content": "the code is plum4711"},
        headers={"Authorization": f"Bearer {owner}"},
    )
    return {
        "contact_id": str(said.contact_id),
        "session_id": str(said.session_id),
        "message_id": str(said.message_id),
        "memory_id": kept.json()["id"],
        "agent_id": str(rest.world.agent_id),
    }


async def _nobodys(ids: dict[str, str]) -> dict[str, str]:
    return {name: str(uuid4()) for name in ids}


def _without_ids(text: str, *ids: dict[str, str]) -> str:
    for named in ids:
        for value in named.values():
            text = text.replace(value, "ID")
    return text


OTHERS = ("channel_id", "turn_id", "link_id", "token_id", "draft_id", "webhook_id")


@pytest.mark.parametrize("kind", ["agent", "contact", "none", "wrong"])
async def test_no_operation_of_the_owner_answers_another_token_about_anything(
    rest: Rest, kind: str
) -> None:
    await rest.world.say(ALICE, "hi")
    theirs = {**await _of_bob(rest), **{name: str(uuid4()) for name in OTHERS}}
    nobodys = await _nobodys(theirs)
    token = {
        "agent": await rest.token(agent="Ada"),
        "contact": await rest.token(contact=ALICE),
        "none": "",
        "wrong": "sb_" + "x" * 43,
    }[kind]
    refused = 403 if kind in ("agent", "contact") else 401
    operations = await rest.operations()
    tried = 0
    for name, operation in operations.items():
        if name in BEFORE_A_TOKEN or (refused == 403 and name in FOR_ANYBODY):
            continue
        answers = [await rest.call(operation, token, ids) for ids in (theirs, nobodys)]
        assert [one.status_code for one in answers] == [refused, refused], name
        assert answers[0].text == answers[1].text, name
        assert "plum4711" not in answers[0].text
        tried += 1
    assert tried > 40


@pytest.mark.parametrize("kind", ["agent", "contact"])
async def test_an_id_of_somebody_else_answers_as_one_that_does_not_exist(
    rest: Rest, kind: str
) -> None:
    alice = (await rest.world.say(ALICE, "hi")).contact_id
    theirs = await _of_bob(rest)
    nobodys = await _nobodys(theirs)
    token = await rest.token(**{"agent": {"agent": "Ada"}, "contact": {"contact": ALICE}}[kind])
    query = f"?contact_id={alice}" if kind == "agent" else ""
    operations = await rest.operations()
    tried = 0
    for name in sorted(FOR_ANYBODY):
        method, path, example = operations[name]
        if "{" not in path:
            continue
        answers = [
            await rest.call((method, path + query, example), token, ids)
            for ids in (theirs, nobodys)
        ]
        assert [one.status_code for one in answers] == [404, 404], name
        assert _without_ids(answers[0].text, theirs) == _without_ids(answers[1].text, nobodys)
        tried += 1
    assert tried >= 8


ABOUT_ONESELF = ("explain_answer", "list_access", "ask_for_erasure", "confirm_erasure")


async def test_a_contact_asks_about_itself_and_gets_nothing_about_anybody_else(rest: Rest) -> None:
    await rest.world.say(ALICE, "hi")
    theirs = await _of_bob(rest)
    token = await rest.token(contact=ALICE)
    operations = await rest.operations()
    for name in ABOUT_ONESELF:
        method, path, example = operations[name]
        answers = [
            await rest.call((method, f"{path}?{asked}", example), token, {})
            for asked in (
                f"contact_id={theirs['contact_id']}",
                f"contact_id={uuid4()}",
                f"sender={BOB}",
                "sender=telegram:1999",
            )
        ]
        assert {one.status_code for one in answers} <= {403, 404}, name
        assert len({one.text for one in answers[:2]}) == 1, name
        assert len({one.text for one in answers[2:]}) == 1, name
    mine = await rest.call(operations["explain_answer"], token, {})
    assert mine.status_code == 200
    assert "plum4711" not in mine.text
