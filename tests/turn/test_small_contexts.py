"""Models with small contexts: every message is answered, however their servers reject prompts."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discreet.postgres.server import Database
from discreet.settings import Settings
from discreet.turn.failures import failures
from discreet.turn.own_tools import TOOLS
from discreet.turn.prompt import Budget
from discreet.turn.responders import Models
from discreet.turn.result import ModelError
from discreet.turn.run import run_turn
from discreet.turn.save import COURTESY
from discreet.turn.truncation import least_tokens, window_of_truncated
from discreet.turn.windows import LEARNED_SECONDS, Windows, fit
from tests.support.small_server import Kind, SmallServer, small_server
from tests.support.turns import answers_of, rows_of, turns_of
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
MESSAGES = int(os.environ.get("DISCREET_TEST_MESSAGES", "26"))
"""With 4,096 tokens; in proportion with others. 100 of them take some minutes."""
WORDS = [
    "river", "walnut", "Tuesday", "harbour", "seventeen", "letter", "because", "tomorrow", "blue",
    "kitchen", "nobody", "train", "under", "quiet", "remember", "the", "of", "a", "with", "Graz",
]  # fmt: skip


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


def text_of(random_: random.Random, words: int) -> str:
    return " ".join(random_.choices(WORDS, k=words))


def models_at(server: SmallServer, home: Path, **settings: Any) -> Models:
    return Models(Settings(home=home, model="small", model_base_url=server.base_url, **settings))


async def talk(world: World, models: Models, texts: list[str], sender: str = ALICE) -> list[str]:
    """Send these one after the other, and return the answers."""
    turns = replace(
        turns_of(world.db, models.answer),
        budget_for=models.budget_for,
        summarise=models.summarise,
        max_attempts=1,
    )
    for text in texts:
        said = await world.say(sender, text)
        await run_turn(turns, said.session_id)
    return await answers_of(world, said.session_id)


@pytest.mark.parametrize(
    ("kind", "context"),
    [
        ("openai", 4_096),
        ("anthropic", 2_048),
        ("vllm", 2_048),
        ("llama.cpp", 2_048),
        ("llama-cpp-python", 2_048),
        ("ollama", 2_048),
    ],
)
async def test_one_message_after_the_other_is_answered(
    world: World, tmp_path: Path, kind: Kind, context: int
) -> None:
    chance = random.Random(f"{kind} {context}")
    texts = [text_of(chance, 120) for _ in range(MESSAGES * context // 4_096)]
    with small_server(kind, context) as server:
        answers = await talk(world, models_at(server, tmp_path), texts)
    assert len(answers) == len(texts)
    assert all(answer.startswith("I read") for answer in answers)
    assert server.refused <= 8, "what was refused once is learned"
    turns = await rows_of(world, "SELECT state, count(*) AS n FROM discreet.turns GROUP BY state")
    assert turns == [{"state": "answered", "n": len(texts)}]


async def test_a_prompt_that_ollama_cut_without_a_word_is_noticed_and_sent_once_more(
    world: World, tmp_path: Path
) -> None:
    chance = random.Random(1)
    with small_server("ollama", 2_048) as server:
        models = models_at(server, tmp_path)
        # More than it can read, in messages of which it would drop the oldest.
        await fill(world, models, [text_of(chance, 120) for _ in range(30)])
        asked = len(server.requests)
        [*_, answer] = await talk(world, models, ["And what was first?"])
        assert answer.startswith("I read")
        assert len(server.requests) == asked + 2, "the turn was repeated once"
        cut, whole = server.requests[-2]["messages"], server.requests[-1]["messages"]
        assert len(server.seen[-2]) < len(cut)
        assert server.seen[-1] == whole
        await talk(world, models, ["And then?"], BOB)
        assert len(server.requests) == asked + 3, "it is known from then on"
        assert server.seen[-1] == server.requests[-1]["messages"]


async def fill(world: World, models: Models, texts: list[str]) -> None:
    """Add an earlier conversation, answered while the server still had room."""
    plain = turns_of(world.db)
    for text in texts:
        said = await world.say(ALICE, text)
        await run_turn(plain, said.session_id)


async def test_what_one_sender_makes_a_server_refuse_leaves_room_for_the_others(
    world: World, tmp_path: Path
) -> None:
    with small_server("openai", 1_100) as server:
        models = models_at(server, tmp_path)
        await talk(world, models, ["word " * 6_000])
        [answer] = await talk(world, models, ["hi"], BOB)
    assert answer.startswith("I read")


@pytest.mark.parametrize(("setting", "refused"), [(None, True), (2_048, False)])
async def test_a_context_that_the_owner_has_set_is_never_exceeded(
    world: World, tmp_path: Path, admin: Any, setting: int | None, refused: bool
) -> None:
    admin.execute("UPDATE discreet.agents SET context_tokens = %s", (setting,))
    chance = random.Random(2)
    with small_server("llama.cpp", 2_048) as server:
        models = models_at(server, tmp_path)
        await fill(world, models, [text_of(chance, 120) for _ in range(20)])
        [*_, answer] = await talk(world, models, ["hi"])
    assert answer.startswith("I read")
    assert (server.refused > 0) == refused


async def test_a_prompt_that_never_fits_ends_with_an_apology_and_the_reason(
    world: World, tmp_path: Path
) -> None:
    with small_server("openai", 100) as server:
        answers = await talk(world, models_at(server, tmp_path), ["hi"])
    assert answers == [COURTESY]
    [turn] = await rows_of(world, "SELECT state, error FROM discreet.turns")
    assert turn["state"] == "given_up"
    assert turn["error"].startswith("context:")


def test_tools_are_told_in_short_before_they_are_left_out() -> None:
    full, small, tiny = (fit(window, 1.0, Budget(), TOOLS, 4_096) for window in (None, 2_048, 700))
    assert full.specs == TOOLS
    names = [spec.name for spec in small.specs]
    assert names == [tool.name for tool in TOOLS][: len(names)]
    assert {"remember", "recall", "search_conversation", "remind"} <= set(names)
    assert all("description" not in str(spec.schema) for spec in small.specs)
    assert len(tiny.specs) < len(small.specs)
    assert small.answer == 512
    assert small.budget.total < 2_048 - 512


def test_a_learned_size_has_a_minimum_and_expires_after_an_hour() -> None:
    now = 0.0
    windows = Windows(clock=lambda: now)
    windows.learn("a", 10)
    assert (windows.of("a", None), windows.of("b", None)) == (1_024, None)
    assert windows.of("a", 128_000) == 1_024
    now = LEARNED_SECONDS + 1
    assert (windows.of("a", None), windows.of("a", 128_000)) == (None, 128_000)


@pytest.mark.parametrize(
    "text",
    [" " * 20_000, "a" * 20_000, "responsibilities " * 500, "\n" * 9_000, "=" * 9_000],
)
def test_no_text_makes_a_server_that_read_all_of_it_look_as_if_it_had_not(text: str) -> None:
    """Test with the fewest tokens that a tokenizer can make: one per word."""
    read = 600 + len(text.split())
    assert window_of_truncated(read, least_tokens(["word " * 600, text])) is None


REFUSALS = [
    ("This model's maximum context length is 4096 tokens. However, your messages resulted in 5000"
     " tokens.", 4_096, 5_000),
    ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4500"
     " in the messages, 500 in the completion).", 4_096, 5_000),
    ("'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context"
     " length is 4096 tokens and your request has 3000 input tokens", 4_096, None),
    ("This endpoint's maximum context length is 32,768 tokens. However, you requested about 40,000"
     " tokens", 32_768, 40_000),
    ("You passed 5000 input tokens and requested 0 output tokens. However, the model's context"
     " length is only 4096 tokens", 4_096, 5_000),
    ("prompt is too long: 210000 tokens > 200000 maximum", 200_000, 210_000),
    ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input"
     " length", 200_000, 210_000),
    ("the request exceeds the available context size, try increasing it", None, None),
    ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
     4_096, 5_000),
    ("Requested tokens (5000) exceed context window of 4096", 4_096, 5_000),
    ("The input token count (5000) exceeds the maximum number of tokens allowed (4096).",
     4_096, 5_000),
    ("Please reduce the length of the messages or completion.", None, None),
    ("Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded"
     " with context length of only 4096 tokens", 4_096, None),
    ("Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
     32_768, 40_000),
    ("too many tokens: the prompt cannot exceed 4081 - received 5000.", 4_081, 5_000),
    ("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000"
     " `inputs` tokens", 4_096, 4_000),
    ("Input is too long for requested model.", None, None),
    ("input length exceeds maximum context length", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "window", "sent"), REFUSALS)
def test_every_servers_refusal_is_understood(
    message: str, window: int | None, sent: int | None
) -> None:
    from pydantic_ai.exceptions import ModelHTTPError

    for status, body in ((400, {"message": message}), (500, {"error": {"message": message}})):
        with pytest.raises(ModelError) as caught, failures(1.0):
            raise ModelHTTPError(status, "small", body)
        failure = caught.value
        assert (failure.kind, failure.window, failure.sent) == ("context", window, sent)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "maximum context length is 10 tokens"),
        (429, "Rate limit reached for gpt: Limit 6000, Requested 7000"),
        (400, "Unsupported parameter."),
        (400, "Bad request: " + "x" * 300 + " maximum context length is 10 tokens"),
    ],
)
def test_another_error_that_quotes_such_words_is_not_mistaken_for_it(
    status: int, message: str
) -> None:
    from pydantic_ai.exceptions import ModelHTTPError

    with pytest.raises(ModelError) as caught, failures(1.0):
        raise ModelHTTPError(status, "small", {"message": message})
    assert caught.value.kind != "context"
    assert "10" not in str(caught.value)
