"""A long answer of a slow model is streamed on Telegram, and ends exactly as saved."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from discreet.services.takeover import speak, take_over
from tests.journeys.conftest import Installation, kill
from tests.journeys.harness import FAULTS_SECONDS, Harness
from tests.support.bot_api import Fault, refused, too_many
from tests.support.openai_server import Say, openai_server

ANSWER = " ".join(f"**word{number}** and" for number in range(40))
FINAL = ANSWER.replace("**", "")
SLOW = Say(ANSWER, pause=0.08)
"""Takes about six seconds."""
PAUSED = Say(ANSWER, pause=0.03, hangs_after=20)
"""Writes half of it, then hangs."""
FIRST = Say("Hi.")
"""A model's first answer isn't streamed; see ``learn``."""


def model(base_url: str) -> dict[str, Any]:
    return {"model": "any", "model_base_url": base_url}


async def learn(harness: Harness) -> None:
    """Let the model finish an answer to somebody else, which the recording then leaves out."""
    await harness.api.direct(999, "Hello?")
    await harness.until(lambda: harness.api.chat(999) == [FIRST.text])
    await harness.until(lambda: harness.count("outbox WHERE state = 'sent'") == 1)
    for record in (harness.api.sent, harness.api.actions, harness.api.calls):
        record.clear()


def answers(harness: Harness) -> int:
    """Return how many answers were sent after the first one."""
    return harness.count("outbox WHERE state = 'sent'") - 1


async def test_a_long_answer_of_a_slow_model_grows_in_one_message_once_a_second(
    harness: Harness,
) -> None:
    await harness.connect()
    with openai_server(FIRST, SLOW) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            number = await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: answers(harness) == 1)
    assert harness.api.chat(1001) == [FINAL]
    (sent,) = harness.api.sent
    assert FINAL.startswith(sent["text"])
    assert f'"message_id": {number}' in sent["reply_parameters"]
    edits = harness.api.edits
    assert len(edits) >= 3
    assert all(FINAL.startswith(text) for _, text in edits)
    # The last one is the answer itself, which doesn't wait.
    assert all(later - earlier > 0.9 for (earlier, _), (later, _) in pairwise(edits[:-1]))
    actions = [one["action"] for one in harness.api.actions if one["chat_id"] == "1001"]
    assert actions[:2] == ["typing"] * 2, "typing is shown all the while"
    assert harness.count("routes WHERE draft_message IS NOT NULL") == 0


async def test_the_first_answer_of_a_model_is_not_streamed_however_slow_it_is(
    harness: Harness,
) -> None:
    await harness.connect()
    thought = " ".join(["I could say this or that."] * 8)
    slow = Say(f"{thought} </think>{FINAL}", pause=0.05)
    with openai_server(slow) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: answers(harness) == 0)
    assert harness.api.chat(1001) == [FINAL]
    shown = [sent["text"] for sent in harness.api.sent] + [text for _, text in harness.api.edits]
    assert all(FINAL.startswith(text) for text in shown)


async def test_a_quick_answer_is_not_streamed(harness: Harness) -> None:
    await harness.connect()
    with openai_server(FIRST, Say(ANSWER)) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: harness.api.chat(1001) == [FINAL])
    assert harness.api.edits == []


async def test_an_answer_longer_than_a_message_ends_in_all_its_parts(harness: Harness) -> None:
    await harness.connect()
    words = " ".join(f"word{'x' * 200}{number}" for number in range(45))
    with openai_server(FIRST, Say(words, pause=0.08)) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: answers(harness) == 1)
    assert "editMessageText" in harness.api.calls
    assert len(harness.api.chat(1001)) > 1
    assert " ".join(harness.api.chat(1001)) == words


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_fails_the_chat_shows_the_answer_and_nothing_else(
    harness: Harness, seed: int
) -> None:
    """Test slow answers, 429, 500 and cut connections, for edits as well."""
    await harness.connect()
    people = range(2001, 2005)
    with openai_server(FIRST, SLOW) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            harness.api.chaos = random.Random(seed)
            for person in people:
                await harness.api.direct(person, "Tell me everything.")
            await harness.until(
                lambda: answers(harness) == len(people),
                "an answer for everybody",
                faults_seconds=FAULTS_SECONDS,
            )
    assert {person: harness.api.chat(person) for person in people} == {
        person: [FINAL] for person in people
    }


@pytest.mark.parametrize(
    ("fault", "final_is_an_edit"),
    [
        (too_many(1), True),
        (refused(400, "Bad Request: can't parse entities"), True),
        (Fault("cut"), False),
        (Fault("status", 500, after=True), False),
    ],
    ids=["flood control", "formatting", "cut", "unknown outcome"],
)
async def test_an_edit_that_fails_leaves_the_answer_as_it_should_be(
    harness: Harness, fault: Fault, final_is_an_edit: bool
) -> None:
    await harness.connect()
    harness.api.faults["editMessageText"] = [fault]
    with openai_server(FIRST, SLOW) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: answers(harness) == 1)
    assert harness.api.chat(1001) == [FINAL]
    assert ("deleteMessage" not in harness.api.calls) == final_is_an_edit


async def test_a_server_killed_in_the_middle_leaves_one_answer_which_is_the_final_one(
    harness: Harness, installation: Installation
) -> None:
    await harness.connect()
    with openai_server(FIRST, PAUSED, SLOW) as script:
        installation.settings = {
            "DISCREET_MODEL": "openai:scripted",
            "DISCREET_MODEL_BASE_URL": script.base_url,
            "DISCREET_MODEL_API_KEY": "none",
            "DISCREET_TELEGRAM_BASE_URL": harness.api.base_url,
        }
        serving = installation.serve()
        await learn(harness)
        await harness.api.direct(1001, "Tell me everything.")
        await harness.until(
            lambda: (
                harness.api.chat(1001) != []
                and harness.count("routes WHERE draft_message IS NOT NULL") == 1
            )
        )
        kill(serving)
        (begun,) = harness.api.chat(1001)
        assert begun != FINAL
        installation.serve()
        await harness.until(lambda: answers(harness) == 1)
    assert harness.api.chat(1001) == [FINAL]
    assert len(harness.api.sent) == 1


async def test_what_grew_is_taken_back_when_the_sender_stops_it(harness: Harness) -> None:
    await harness.connect()
    with openai_server(FIRST, PAUSED) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: harness.api.chat(1001) != [])
            await harness.api.direct(1001, "/stop")
            await harness.until(lambda: answers(harness) == 1)
            await harness.until(lambda: len(harness.api.chat(1001)) == 1)
    (line,) = harness.api.chat(1001)
    assert "word" not in line


async def test_what_grew_is_taken_back_when_the_owner_takes_over(harness: Harness) -> None:
    await harness.connect()
    app = harness.app
    with openai_server(FIRST, PAUSED) as script:
        async with harness.serving(harness.app_with(**model(script.base_url))):
            await learn(harness)
            await harness.api.direct(1001, "Tell me everything.")
            await harness.until(lambda: harness.api.chat(1001) != [])
            taken = await take_over(app.db, app.owner_id, "telegram:1001")
            await harness.until(lambda: harness.api.chat(1001) == [])
            await speak(app.db, app.owner_id, taken.id, "It's me.")
            await harness.until(lambda: harness.api.chat(1001) == ["It's me."])
