"""Model habits that must not show: thinking aloud, stopping early, empty answers, loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from discreet.turn.model_limits import ModelLimits, Room
from discreet.turn.models import open_model
from discreet.turn.reasoning import Habits
from discreet.turn.request import LONGEST_WAIT
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.think import CUT_AT_LIMIT, MAX_CALLS, MAX_CONTINUATIONS, think
from discreet.turn.tools import Outcome
from tests.support.openai_server import Call, Chunks, Cut, Fail, Reply, Say, Script, openai_server
from tests.turn.test_think import PROMPT, Echo, Spec, ask, fails

LIMITS, ROOM = ModelLimits(), Room()


def letters(text: str) -> Chunks:
    return Chunks(tuple(text))


async def think_with(
    tools: Any, *replies: Reply, limits: ModelLimits = LIMITS, room: Room = ROOM
) -> tuple[TurnResult, list[str], Script]:
    texts: list[str] = []

    async def on_text(text: str) -> None:
        texts.append(text)

    with openai_server(*replies) as script:
        model = await open_model("scripted", base_url=script.base_url)
        result = await think(PROMPT, tools, model, limits, on_text, room)
    return result, texts, script


@pytest.mark.parametrize(
    "reply",
    [
        Chunks(("<th", "ink>no</th", "ink>Hello")),
        Chunks(("<think>", "no", "</think>", "Hello")),
        Chunks(("<think>", "no</th", "ink>Hel", "lo")),
        letters("<thinking>no</thinking>Hello"),
        letters("<reasoning>no <think>no</think> no</reasoning>\n\nHello"),
        Chunks(("Hello",), reasoning="no, no"),
        Chunks(("Hello",), reasoning="no, no", name="reasoning"),
        Chunks(("<think>no</think>", "Hello"), reasoning="no"),
    ],
)
async def test_reasoning_is_kept_and_shown_to_nobody_in_no_draft_either(reply: Reply) -> None:
    result, texts, _ = await ask(reply)
    assert result.text == "Hello"
    assert all("no" not in text and "<" not in text for text in texts)
    assert texts[-1] == "Hello"
    assert "no" in result.reasoning
    assert result.steps_as_json() == [{"reasoning": result.reasoning}]


UNKNOWN, UNMARKED = Room(habit="unknown"), Room(habit="unmarked")
THOUGHTS = (
    "I should greet.",
    "The shop opens at nine, and it closes at six. Visitors are welcome at any time of the day.",
    "Er fragt nach den Zeiten. Von neun bis sechs, steht im Text. " * 4,
    "对方想知道商店几点开门。根据资料，商店九点开门，六点关门。",
    "```\n9 < 18\n```\n\n- nine\n- six\n\n`</think` isn't a tag.",
    "".join(chr(letter) for letter in range(0xA1, 0x600, 9)),
)


@pytest.mark.parametrize("room", [UNKNOWN, UNMARKED])
async def test_a_thought_in_any_words_shows_in_no_draft_of_a_model_that_is_not_known(
    room: Room,
) -> None:
    for thought in THOUGHTS:
        for size in (3, 4_000):
            whole = f"{thought}</think>Hello"
            chunks = (whole[at : at + size] for at in range(0, len(whole), size))
            result, texts, _ = await think_with(Echo(), Chunks(tuple(chunks)), room=room)
            assert (result.text, result.reasoning) == ("Hello", thought.strip())
            assert result.closed_alone
            assert all("Hello".startswith(text) for text in texts)


async def test_an_unknown_models_answer_has_a_draft_only_if_it_marks_its_reasoning() -> None:
    result, texts, _ = await think_with(Echo(), letters("Good day!"), room=UNKNOWN)
    assert (result.text, result.finished, texts) == ("Good day!", True, [])
    for marked in (
        letters("<think>hm</think>Good day!"),
        letters("\n <think>hm <think>hm</think></think>Good day!"),
        Chunks(tuple("Good day!"), reasoning="hm"),
    ):
        result, texts, _ = await think_with(Echo(), marked, room=UNKNOWN)
        assert (result.text, texts[-1]) == ("Good day!", "Good day!")
        assert len(texts) > 5
    late = letters("I think <think>hm</think> of </think>Good day!")
    _, texts, _ = await think_with(Echo(), late, room=UNKNOWN)
    assert all("Good day!".startswith(text) for text in texts)


async def test_what_a_model_that_is_not_known_says_beside_a_call_is_not_shown() -> None:
    call = Call((("remember", {"content": "Rex"}),), text="I need to keep that.")
    for room, shown in ((UNKNOWN, []), (ROOM, ["I need to keep that."])):
        result, texts, _ = await think_with(Doing(), call, Say(""), room=room)
        assert texts[-1:] == shown
        assert result.text == (shown or ["I'll remember that."])[0]


async def test_reasoning_that_is_cut_and_continued_is_not_part_of_the_answer() -> None:
    cut, rest = Say("I should greet, so", finish="length"), letters(" I greet.</think>Hello")
    for room in (UNKNOWN, UNMARKED, ROOM):
        result, texts, _ = await think_with(Echo(), cut, rest, room=room)
        assert result.text == "Hello"
        assert texts[-1] == "Hello"
        assert room == ROOM or all("greet" not in text for text in texts)
    half = letters("Hm.</think>Hello, my")
    half = Chunks(half.texts, finish="length")
    result, texts, _ = await think_with(Echo(), half, letters("Hm.</think> dear"), room=UNMARKED)
    assert result.text == texts[-1] == "Hello, my dear"


async def test_reasoning_that_never_ends_is_no_answer_of_a_model_known_not_to_mark_it() -> None:
    endless = Say("I should greet, so", finish="length")
    with pytest.raises(ModelError):
        await think_with(Echo(), endless, room=UNMARKED)
    silent = Say("I should greet, so", hangs_after=3)
    for room, written in ((UNMARKED, ""), (UNKNOWN, "I should greet,")):
        with pytest.raises(ModelError) as caught:
            await think_with(Echo(), silent, limits=ModelLimits(silence=0.5), room=room)
        assert caught.value.written == written


def test_only_a_finished_answer_makes_a_model_known_and_a_lone_tag_distrusted_for_good() -> None:
    habits = Habits()
    assert habits.of("a") == "unknown"
    habits.learn("a", closed_alone=False, finished=False)
    assert habits.of("a") == "unknown"
    habits.learn("a", closed_alone=False, finished=True)
    assert (habits.of("a"), habits.of("b")) == ("marked", "unknown")
    habits.learn("a", closed_alone=True, finished=True)
    habits.learn("a", closed_alone=False, finished=True)
    assert habits.of("a") == "unmarked"
    assert habits.of("compatible:deepseek-r1:7b") == "unmarked"


async def test_the_reasoning_around_a_tool_call_is_not_part_of_the_answer() -> None:
    result, texts, _ = await ask(
        Call((("recall", {"query": "dog"}),)), letters("<think>found</think>Rex.")
    )
    assert result.text == "Rex."
    assert result.reasoning == "found"
    assert all("found" not in text for text in texts)


@pytest.mark.parametrize("text", ["Write `<think>` first.", "```\n<think>x</think>\n```"])
async def test_a_tag_in_code_is_text(text: str) -> None:
    result, _, _ = await ask(letters(text))
    assert (result.text, result.reasoning) == (text, "")


async def test_an_answer_that_was_cut_at_the_token_limit_goes_on() -> None:
    result, texts, script = await ask(
        Say("Once upon a", finish="length"), Say(" time there was", finish="length"), Say(" a cat.")
    )
    assert result.text == texts[-1] == "Once upon a time there was a cat."
    assert result.cut_off is None
    assert result.usage.requests == len(script.requests) == 3
    assert script.requests[0]["max_tokens"] == Room().answer
    assert script.requests[2]["messages"][-2]["content"] == "Once upon a time there was"


async def test_what_a_model_says_again_where_it_goes_on_is_said_once() -> None:
    first = "The first thing is the weather, and the second"
    result, _, _ = await ask(Say(first, finish="length"), Say("and the second is the food."))
    assert result.text == "The first thing is the weather, and the second is the food."


async def test_an_answer_without_an_end_says_that_it_was_cut() -> None:
    result, _, script = await ask(Say("on and on ", finish="length"))
    assert result.text.endswith(CUT_AT_LIMIT)
    assert result.cut_off is not None
    assert len(script.requests) == 1 + MAX_CONTINUATIONS


async def test_an_answer_that_cannot_go_on_says_that_it_was_cut() -> None:
    result, _, _ = await ask(Say("Once upon a", finish="length"), Fail(400))
    assert result.text == f"Once upon a\n\n{CUT_AT_LIMIT}"


async def test_reasoning_that_takes_all_the_tokens_gets_more_of_them() -> None:
    result, _, script = await ask(
        Chunks(("<think>hm",), finish="length"), Say("<think>hm</think>Hello")
    )
    assert result.text == "Hello"
    assert [one["max_tokens"] for one in script.requests] == [4_096, 8_192]


@dataclass
class Doing:
    """Tools of which one has an effect and one finds something."""

    specs: tuple[Spec, ...] = (Spec("remember", effect="I'll remember that."), Spec())
    called: list[str] = field(default_factory=list)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        from datetime import UTC, datetime

        from discreet.turn.context import Found

        self.called.append(name)
        if name == "remember":
            return Outcome("Remembered.")
        found = Found("memory", f"Rex is {arguments.get('query')}", datetime.now(UTC))
        return Outcome("<found>", (found,))


REMEMBER = Call((("remember", {"content": "Rex"}),))


@pytest.mark.parametrize(
    "nothing", [Say(""), Say("<think>done</think>"), Fail(400), Fail(404), Chunks(())]
)
async def test_what_a_tool_has_done_is_confirmed_where_the_model_says_nothing(
    nothing: Reply,
) -> None:
    result, _, script = await think_with(Doing(), REMEMBER, nothing)
    assert result.text == "I'll remember that."
    assert [step.tool for step in result.steps] == ["remember"]
    assert len(script.requests) == 2


async def test_a_loop_of_calls_ends_with_the_results() -> None:
    same = Call((("recall", {"query": "brown"}),))
    result, _, script = await think_with(Doing(), same)
    assert result.text == "This is what I found:\n- Rex is brown"
    assert len(script.requests) <= 6
    assert script.requests[-1]["tool_choice"] == "none"


async def test_a_turn_makes_at_most_twelve_calls_and_then_has_to_answer() -> None:
    many = [Call(tuple(("recall", {"query": f"{n} {m}"}) for m in range(5))) for n in range(3)]
    tools = Doing()
    result, _, _ = await think_with(tools, *many, Say("Brown."))
    assert result.text == "Brown."
    assert len(tools.called) == MAX_CALLS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_what_cannot_succeed_is_asked_once_and_final(status: int) -> None:
    with openai_server(Fail(status)) as script:
        model = await open_model("scripted", base_url=script.base_url)
        with pytest.raises(ModelError) as caught:
            await think(PROMPT, Echo(), model, ModelLimits(), _ignore)
    assert (len(script.requests), caught.value.final) == (1, True)


@pytest.mark.parametrize("passing", [Fail(408), Fail(409), Fail(429), Fail(500), Fail(529), Cut()])
async def test_what_may_pass_is_asked_again(passing: Reply) -> None:
    result, texts, script = await ask(passing, Say("Here."))
    assert result.text == texts[-1] == "Here."
    assert len(script.requests) == 2


async def test_a_provider_that_wants_to_be_left_alone_for_long_is_left_alone() -> None:
    failure = await fails(Fail(429, retry_after=LONGEST_WAIT + 25))
    assert (failure.wait, failure.final) == (LONGEST_WAIT + 25, False)
    assert failure.usage.requests == 0


async def test_tokens_that_a_server_does_not_report_are_estimated() -> None:
    result, _, _ = await ask(Chunks(("A word or two.",), reasoning="thinking of it"))
    used = result.usage
    assert used.input_tokens > 10
    assert used.output_tokens >= 7
    assert used.estimated_tokens == used.input_tokens + used.output_tokens


async def test_tokens_from_the_providers_cache_are_counted_as_such() -> None:
    usage = {
        "prompt_tokens": 1_000,
        "completion_tokens": 7,
        "total_tokens": 1_007,
        "prompt_tokens_details": {"cached_tokens": 800},
    }
    result, _, _ = await ask(Chunks(("Hello",), usage=usage))
    assert (result.usage.input_tokens, result.usage.cached_tokens) == (1_000, 800)
    assert result.usage.estimated_tokens == 0


async def test_an_answer_that_is_there_is_not_thrown_away_for_what_it_cost() -> None:
    result, _, _ = await ask(Say("word " * 200), limits=ModelLimits(tokens=10))
    assert result.text.startswith("word")


async def _ignore(_: str) -> None:
    return None
