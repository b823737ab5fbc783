"""``think``, against a server with the OpenAI protocol on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from discreet.turn.lease import LeaseLost
from discreet.turn.model_limits import ModelLimits, Room
from discreet.turn.models import open_model
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.think import think
from discreet.turn.tools import Outcome
from tests.support.openai_server import (
    Call,
    Cut,
    Fail,
    Garbage,
    Hang,
    Reply,
    Say,
    Script,
    Stumble,
    openai_server,
)

SECRET = "my dog is called Rex"
PROMPT = Prompt("You are Ada.", (ChatMessage("user", SECRET),))


@dataclass(frozen=True, slots=True)
class Spec:
    name: str = "recall"
    description: str = "Looks something up."
    effect: str = ""
    schema: dict[str, Any] = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
            "additionalProperties": False,
        }
    )


@dataclass
class Echo:
    """Tools that return their arguments."""

    specs: tuple[Spec, ...] = (Spec(),)
    lost: bool = False

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if self.lost:
            raise LeaseLost
        return Outcome(f"{name} got {sorted(arguments.items())}")


async def ask(
    *replies: Reply,
    tools: Echo | None = None,
    limits: ModelLimits = ModelLimits(),  # noqa: B008
    prompt: Prompt = PROMPT,
) -> tuple[TurnResult, list[str], Script]:
    texts: list[str] = []

    async def on_text(text: str) -> None:
        texts.append(text)

    with openai_server(*replies) as script:
        model = await open_model("scripted", base_url=script.base_url)
        result = await think(prompt, tools or Echo(), model, limits, on_text)
    return result, texts, script


async def fails(*replies: Reply, limits: ModelLimits = ModelLimits()) -> ModelError:  # noqa: B008
    with pytest.raises(ModelError) as caught:
        await ask(*replies, limits=limits)
    assert "Rex" not in str(caught.value)
    return caught.value


async def test_a_long_answer_is_not_handed_on_whole_with_each_word() -> None:
    words = 8_000
    text = " ".join(["word"] * words)
    result, texts, _ = await ask(Say(text))
    assert (result.text, texts[-1]) == (text, text)
    assert sum(map(len, texts)) < len(text) * words / 20


async def test_the_last_text_is_passed_on_even_if_the_model_then_falls_silent() -> None:
    words = ["word"] * 2_000
    texts: list[str] = []

    async def on_text(text: str) -> None:
        texts.append(text)

    with openai_server(Say(" ".join(words), hangs_after=1_500)) as script:
        model = await open_model("scripted", base_url=script.base_url)
        with pytest.raises(ModelError):
            await think(PROMPT, Echo(), model, ModelLimits(silence=2.0), on_text)
    assert texts[-1] == " ".join(words[:1_500])


async def test_an_answer_streams_as_the_whole_text_so_far() -> None:
    result, texts, _ = await ask(Say("Your dog is Rex."))
    assert result.text == "Your dog is Rex."
    assert texts == ["Your", "Your dog", "Your dog is", "Your dog is Rex."]
    assert (result.usage.requests, result.usage.input_tokens) == (1, 11)
    assert result.model == "compatible:scripted"


async def test_the_model_gets_system_text_history_and_the_last_message_in_order() -> None:
    prompt = Prompt(
        "You are Ada.",
        (
            ChatMessage("user", "Hello"),
            ChatMessage("assistant", "Hi!"),
            ChatMessage("user", "Who are you?"),
        ),
    )
    _, _, script = await ask(Say("Ada."), prompt=prompt)
    sent = [(message["role"], message["content"]) for message in script.requests[0]["messages"]]
    assert sent == [
        ("system", "You are Ada."),
        ("user", "Hello"),
        ("assistant", "Hi!"),
        ("user", "Who are you?"),
    ]


async def test_a_tool_call_goes_there_and_back_and_is_kept_as_a_step() -> None:
    result, _, script = await ask(Call((("recall", {"query": "dog"}),)), Say("Rex."))
    assert result.text == "Rex."
    assert result.steps_as_json() == [
        {
            "tool": "recall",
            "arguments": {"query": "dog"},
            "result": "recall got [('query', 'dog')]",
        }
    ]
    assert script.requests[1]["messages"][-1]["content"] == "recall got [('query', 'dog')]"
    tool = script.requests[0]["tools"][0]["function"]
    assert tool["parameters"]["additionalProperties"] is False


async def test_arguments_that_nobody_asked_for_reach_the_toolbox_and_are_not_dropped() -> None:
    result, _, _ = await ask(
        Call((("recall", {"query": "dog", "contact_id": "somebody"}),)), Say("No.")
    )
    assert result.steps[0].arguments == {"query": "dog", "contact_id": "somebody"}


async def test_calls_of_one_answer_run_in_its_order() -> None:
    result, _, _ = await ask(
        Call((("recall", {"query": "a"}), ("recall", {"query": "b"}))), Say("Done.")
    )
    assert [step.arguments["query"] for step in result.steps] == ["a", "b"]


@pytest.mark.parametrize(
    "given", ["", "{", '{"query": ', "null", "[]", '"dog"', "[1]", '{"": 1}', '{"self": 1}']
)
async def test_arguments_that_are_not_an_object_are_reported_to_the_model(given: str) -> None:
    result, _, _ = await ask(Call((("recall", given),)), Say("I could not look."))
    assert result.text == "I could not look."


async def test_characters_that_cannot_be_stored_are_left_out_of_answer_and_steps() -> None:
    given = '{"query": "a\\u0000b", "\\u0000": [1, {"c": "\\u0000"}]}'
    result, texts, _ = await ask(Call((("recall", given),)), Say("Re\x00x\x1b is\r\nhere."))
    assert result.text == texts[-1] == "Rex is\nhere."
    (step,) = result.steps_as_json()
    assert step["arguments"] == {"query": "ab", "": [1, {"c": ""}]}
    assert "\x00" not in step["result"]


async def test_a_tool_that_does_not_exist_is_told_to_the_model_which_goes_on() -> None:
    result, _, script = await ask(Call((("read_all_contacts", {}),)), Say("I can't."))
    assert result.text == "I can't."
    assert len(script.requests) == 2


async def test_a_server_error_is_tried_once_more_and_then_a_failure() -> None:
    with openai_server(Fail(500)) as script:
        model = await open_model("scripted", base_url=script.base_url)
        with pytest.raises(ModelError) as caught:
            await think(PROMPT, Echo(), model, ModelLimits(), _ignore)
    assert (caught.value.kind, len(script.requests)) == ("provider", 2)
    assert "500" in str(caught.value)
    assert "Rex" not in str(caught.value)


async def test_a_short_hiccup_of_the_provider_is_bridged() -> None:
    result, _, _ = await ask(Fail(503), Say("Here."))
    assert result.text == "Here."


@pytest.mark.parametrize(("status", "kind"), [(400, "provider"), (401, "setup"), (404, "setup")])
async def test_a_refused_request_is_a_failure_without_the_providers_words(
    status: int, kind: str
) -> None:
    assert (await fails(Fail(status))).kind == kind


async def test_a_provider_that_cannot_be_reached_is_a_failure() -> None:
    with openai_server(Say("")) as script:
        pass
    model = await open_model("scripted", base_url=script.base_url)
    with pytest.raises(ModelError) as caught:
        await think(PROMPT, Echo(), model, ModelLimits(), _ignore)
    assert caught.value.kind == "provider"


async def test_a_model_that_hangs_is_given_up_in_time() -> None:
    assert (await fails(Hang(), limits=ModelLimits(silence=0.4))).kind == "timeout"


async def test_a_connection_that_ends_in_mid_answer_is_a_failure() -> None:
    assert (await fails(Cut())).kind in ("provider", "confused")


async def test_an_answer_that_ends_without_a_reason_is_broken_off_if_the_model_gives_reasons() -> (
    None
):
    result, _, script = await ask(
        Call((("recall", {"query": "x"}),)), Cut(orderly=True), Say("All.")
    )
    assert (result.text, len(script.requests)) == ("All.", 3)
    failure = await fails(Call((("recall", {"query": "x"}),)), Cut(orderly=True))
    assert str(failure) == "The connection ended before the answer did."
    result, _, _ = await ask(Cut("Whole, as far as anybody knows.", orderly=True))
    assert result.text == "Whole, as far as anybody knows."


async def test_a_model_that_never_stops_writing_is_cut_off() -> None:
    with openai_server(Say(" ".join(["word"] * 20_000))) as script:
        model = await open_model("scripted", base_url=script.base_url)
        with pytest.raises(ModelError) as endless:
            await think(PROMPT, Echo(), model, ModelLimits(), _ignore, Room(answer=200))
    assert (endless.value.kind, endless.value.is_endless) == ("limits", True)
    assert 4_000 <= len(endless.value.written) < 5_000


@pytest.mark.parametrize(
    "body",
    [b"<html>It works!</html>", b"", b"{}", b"null", b"data: {", b"data: [DONE]\n\n", b"\xff\x00"],
)
@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/event-stream"])
async def test_garbage_is_a_failure(body: bytes, kind: str) -> None:
    failure = await fails(Garbage(body, kind))
    assert failure.kind in ("provider", "confused", "empty")


async def test_an_error_in_mid_stream_is_a_failure() -> None:
    assert (await fails(Stumble())).kind in ("provider", "confused")


async def test_a_deterministic_model_thinks_like_any_other() -> None:
    async def answer(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[Any]:
        if len(messages) == 1:
            yield {0: DeltaToolCall("recall", '{"query": "dog"}')}
        else:
            yield "Rex"

    model = FunctionModel(stream_function=answer)
    results = [await think(PROMPT, Echo(), model, ModelLimits(), _ignore) for _ in range(2)]
    assert results[0] == results[1]
    assert results[0].text == "Rex"
    assert len(results[0].steps) == 1


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\u200b"])
async def test_an_answer_without_words_is_a_failure(text: str) -> None:
    assert (await fails(Say(text))).kind == "empty"


async def test_a_content_filter_is_a_refusal() -> None:
    assert (await fails(Say("", finish="content_filter"))).kind == "refused"


async def test_a_model_that_only_calls_tools_is_stopped_at_the_request_limit() -> None:
    failure = await fails(Call((("recall", {"query": "dog"}),)), limits=ModelLimits(requests=4))
    assert (failure.kind, len(failure.steps)) == ("limits", 4)
    assert (failure.usage.requests, failure.usage.input_tokens) == (4, 44), "it cost that much"


async def test_a_model_that_calls_what_does_not_exist_for_ever_is_stopped() -> None:
    assert (await fails(Call((("nothing", {}),)))).kind == "confused"


async def test_the_token_limit_ends_a_turn() -> None:
    failure = await fails(Call((("recall", {"query": "dog"}),)), limits=ModelLimits(tokens=40))
    assert failure.kind == "limits"


async def test_a_lost_claim_passes_through() -> None:
    with openai_server(Call((("recall", {"query": "dog"}),)), Say("late")) as script:
        model = await open_model("scripted", base_url=script.base_url)
        with pytest.raises(LeaseLost):
            await think(PROMPT, Echo(lost=True), model, ModelLimits(), _ignore)
    assert len(script.requests) == 1


async def _ignore(_: str) -> None:
    return None
