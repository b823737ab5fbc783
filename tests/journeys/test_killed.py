"""kill -9 at any point: nothing is lost or answered twice, and the order is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from discreet.services.status import get_status
from tests.journeys.conftest import (
    POINTS,
    Installation,
    answer_of,
    frozen_at,
    kill,
    wait_until_frozen,
)
from tests.support.openai_server import Hang, Say, openai_server
from tests.support.turns import rows_of
from tests.support.waiting import until
from tests.support.world import World

Admin = psycopg.Connection[Any]

ANSWERED = """
SELECT s.thread_key, m.text, m.state, m.chat_id AS came_from, max(r.chat_id) AS went_to,
       array_agg(a.text) AS answers, array_agg(o.state) AS deliveries, min(a.position) AS position
  FROM discreet.messages m
  JOIN discreet.sessions s ON s.id = m.session_id
  LEFT JOIN discreet.messages a ON a.turn_id = m.turn_id AND a.direction = 'out'
  LEFT JOIN discreet.outbox o ON o.message_id = a.id
  LEFT JOIN discreet.routes r ON r.id = o.route_id
 WHERE m.direction = 'in'
 GROUP BY s.thread_key, m.id ORDER BY s.thread_key, m.position
"""


async def all_delivered(world: World) -> list[dict[str, Any]]:
    rows = await rows_of(world, ANSWERED)
    return rows if rows and all(row["deliveries"] == ["sent"] for row in rows) else []


def _was_stored(admin: Admin, text: str) -> bool:
    found = admin.execute("SELECT FROM discreet.messages WHERE text = %s", (text,)).fetchall()
    return bool(found)


# In two parts: a frozen session holds a connection, and a process has only so many.
@pytest.mark.parametrize("points", [list(POINTS)[:2], list(POINTS)[2:]], ids="-".join)
async def test_a_server_killed_at_every_point_of_a_turn_loses_nothing_and_answers_once(
    installation: Installation, world: World, admin: Admin, points: list[str]
) -> None:
    # Once with whole processes, as outside tests.
    installation.imports_anew = points[0] == next(iter(POINTS))
    for number, point in enumerate(points):
        sender = f"telegram:{number}"
        await world.say(sender, "Remember that my dog is called Rex.", thread_key=point)
        # From another chat: answered separately, and later.
        await world.say(sender, "What is my dog called?", thread_key=point, chat="second")
    with frozen_at(admin, *points):
        serving = installation.serve()
        await asyncio.to_thread(wait_until_frozen, admin, len(points))
        talking = installation.chat("telegram:9", "hello", "--thread-key", points[-1])
        await until(lambda: _was_stored(admin, "hello"), "what the terminal says")
        kill(serving)
    # The waiting terminal takes over until it has its answer; another server does the rest.
    assert await asyncio.to_thread(answer_of, talking)
    installation.serve()
    rows = await until(lambda: all_delivered(world), "every answer")
    assert len(rows) == 2 * len(points) + 1
    for number, point in enumerate(points):
        first, second = [
            row for row in rows if row["thread_key"] == point and row["came_from"] != "telegram:9"
        ]
        assert (first["state"], second["state"]) == ("answered", "answered")
        assert "Rex" in second["answers"][0]
        assert first["position"] < second["position"]
        assert (first["went_to"], second["went_to"]) == (f"telegram:{number}", "second")
    answers = await rows_of(world, "SELECT id FROM discreet.messages WHERE direction = 'out'")
    assert len(answers) == len(await rows_of(world, "SELECT 1 FROM discreet.outbox")) == len(rows)
    kept = await rows_of(world, "SELECT contact_id FROM discreet.memories")
    assert len(kept) == len({row["contact_id"] for row in kept}) == len(points)
    status = await get_status(world.db, world.owner_id)
    assert status.waiting.messages == 0
    assert not status.undelivered


async def test_a_terminal_killed_while_the_model_thinks_has_its_message_answered_by_the_next(
    installation: Installation, world: World
) -> None:
    with openai_server(Hang(), Say("to both")) as script:
        installation.settings = {
            "DISCREET_MODEL": "openai:scripted",
            "DISCREET_MODEL_BASE_URL": script.base_url,
            "DISCREET_MODEL_API_KEY": "none",
        }
        first = installation.chat("telegram:1", "the first words")

        async def asked() -> bool:
            return bool(script.requests)

        await until(asked)
        kill(first)
        second = installation.chat("telegram:1", "the second words")
        assert await asyncio.to_thread(answer_of, second) == "to both\n"
        assert len(script.requests) == 2
        assert "the first words" in str(script.requests[1])
        assert "the second words" in str(script.requests[1])
    rows = await all_delivered(world)
    assert [(row["text"], row["answers"]) for row in rows] == [
        ("the first words", ["to both"]),
        ("the second words", ["to both"]),
    ]


async def test_two_messages_at_once_are_both_answered_by_a_server(
    installation: Installation, world: World
) -> None:
    installation.serve()
    talking = [installation.chat("telegram:1", text) for text in ("hello", "hi")]
    for one in talking:
        assert await asyncio.to_thread(answer_of, one)
    assert len(await rows_of(world, "SELECT 1 FROM discreet.contacts")) == 1
    assert len(await rows_of(world, "SELECT 1 FROM discreet.sessions")) == 1
    assert len(await all_delivered(world)) == 2
