"""Waiting for an answer: woken by a notification, with few checks, and by polling without one."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from discreet.app import App
from discreet.intake import Accepted
from discreet.memory.embedding import bundled_embedder
from discreet.scope import Transaction
from discreet.services import messages
from discreet.services.messages import Answer
from discreet.services.requeue import Silence
from discreet.sessions.replies import REPLY, MessageReply, reply_to
from discreet.turn.prompt import Budget
from discreet.turn.run import run_turn
from discreet.turn.turns import Responder, Turns
from tests.api.conftest import ALICE, Harness
from tests.support.responders import Held, echo
from tests.support.waiting import patience, until

MANY_ANSWERS = """
WITH said AS (
  INSERT INTO discreet.messages
    (owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text)
  SELECT owner_id, agent_id, contact_id, session_id, route_id, position + number, 'out', 'sent',
         text
    FROM discreet.messages, generate_series(1000, 1500) number WHERE direction = 'in'
  RETURNING id, owner_id, agent_id, contact_id, session_id, route_id)
INSERT INTO discreet.outbox
  (message_id, owner_id, agent_id, contact_id, session_id, route_id, state)
SELECT said.*, 'sent' FROM said
"""
LISTENING = """
SELECT count(*) FROM pg_stat_activity
 WHERE application_name = 'discreet-wakes' AND datname = current_database()
"""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[MessageReply]:
    """Record each check of a message's state. Without news, the next check is in an hour."""
    seen: list[MessageReply] = []

    async def look(tx: Transaction, message_id: Any) -> MessageReply:
        seen.append(await reply_to(tx, message_id))
        return seen[-1]

    monkeypatch.setattr(messages, "reply_to", look)
    monkeypatch.setattr(messages, "LOOK_SECONDS", 3600.0)
    return seen


async def _ignore(_: str) -> None: ...


async def _ignore_silence(_: Silence) -> None: ...


def _turns(harness: Harness, responder: Responder = echo) -> Turns:
    return Turns(harness.app.db, bundled_embedder(), responder, 3, Budget())


def _wait_for(app: App, accepted: Accepted, harness: Harness) -> asyncio.Task[Answer]:
    scope = harness.world.contact(accepted.contact_id)
    return asyncio.create_task(
        messages.wait_for_answer(
            app.db, app.wakes, accepted, scope, _ignore, _ignore, _ignore_silence
        )
    )


async def test_an_answer_is_there_once_it_is_saved_although_nothing_is_delivered(
    idle: Harness, looks: list[MessageReply]
) -> None:
    said = await idle.world.say(ALICE, "hello")
    responder = Held()
    turning = asyncio.create_task(run_turn(_turns(idle, responder), said.session_id))
    answering = _wait_for(idle.app, said, idle)
    await until(responder.has_begun, "a thinking mind")
    responder.free.set()
    await turning
    async with patience():
        assert (await answering).text == "re: hello"
    assert not looks[-1].sent
    # One at the start, one after listening, one when the answer was saved; there were no drafts.
    assert len(looks) <= 4


async def test_one_connection_listens_for_all_and_is_reopened_if_lost(
    idle: Harness, looks: list[MessageReply], admin: psycopg.Connection[Any]
) -> None:
    said = [await idle.world.say(f"telegram:{n}", "hello") for n in range(20)]
    answering = [_wait_for(idle.app, one, idle) for one in said]

    async def one_listens() -> bool:
        return admin.execute(LISTENING).fetchone() == (1,)

    await until(one_listens, "one connection that listens")
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'discreet-wakes'"
    )
    for one in said:
        await run_turn(_turns(idle), one.session_id)
    async with patience():
        assert {(await one).text for one in answering} == {"re: hello"}
    assert admin.execute(LISTENING).fetchone() in ((0,), (1,))


async def test_a_notification_that_is_not_true_only_costs_a_look(
    idle: Harness, looks: list[MessageReply], admin: psycopg.Connection[Any]
) -> None:
    said = await idle.world.say(ALICE, "hello")
    answering = _wait_for(idle.app, said, idle)

    async def looked_again() -> bool:
        admin.execute("SELECT gate.notify_waiting_clients(%s)", (said.message_id,))
        return len(looks) >= 3

    await until(looked_again, "another look")
    assert not answering.done()
    await run_turn(_turns(idle), said.session_id)
    async with patience():
        assert (await answering).text == "re: hello"


async def test_an_answer_is_found_although_no_notification_is_ever_heard(
    idle: Harness, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LOOK_SECONDS", 0.1)
    admin.execute("ALTER TABLE discreet.messages DISABLE TRIGGER notify_waiting_clients")
    said = await idle.world.say(ALICE, "hello")
    answering = _wait_for(idle.app, said, idle)
    await run_turn(_turns(idle), said.session_id)
    async with patience():
        assert (await answering).text == "re: hello"


async def test_the_owner_who_waits_reads_no_other_messages(
    idle: Harness, admin: psycopg.Connection[Any]
) -> None:
    said = await idle.world.say(ALICE, "hello")
    await run_turn(_turns(idle), said.session_id, idle.world.contact(said.contact_id))
    admin.execute(MANY_ANSWERS)
    admin.execute("ANALYZE discreet.messages, discreet.outbox")
    params = {"message": said.message_id, "offline": "none", "marked": ["help"]}
    async with idle.app.db.begin(idle.world.owner) as tx:
        plan = await tx.fetch("EXPLAIN (ANALYZE, FORMAT JSON) " + REPLY, params)
    assert _rows_read(plan[0]["QUERY PLAN"][0]["Plan"]) < 20


def _rows_read(node: dict[str, Any]) -> float:
    """Return the rows that a plan read and didn't use."""
    own = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
    return float(own + sum(map(_rows_read, node.get("Plans", ()))))
