"""Run a model with its tools, through pydantic-ai and within limits. No transaction is open here,
except the short ones of the tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from discreet.domain.concurrency import end, start
from discreet.domain.errors import DiscreetError
from discreet.turn.escaping import is_blank, storable
from discreet.turn.lease import LeaseLost
from discreet.turn.prompt import Prompt
from discreet.turn.result import ModelError, Step, TurnResult, Usage
from discreet.turn.tools import Tools, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_ai import Agent, AgentStreamEvent, RunContext, RunUsage, Tool
    from pydantic_ai.messages import ModelMessage, UserContent
    from pydantic_ai.models import Model

__all__ = ["ModelLimits", "OnText", "Tools", "think"]

OnText = Callable[[str], Awaitable[None]]

# A turn that failed is tried again as a whole; one more try at once bridges a short hiccup.
PROVIDER_RETRIES = 1
SHORT_CHARACTERS = 2_000
"""A text is handed on with each word until it is longer than this."""
TEXT_SECONDS, TEXT_CHARACTERS = 0.05, 10_000
"""How often a text of so many characters is handed on."""
# How often a model may call a tool that doesn't exist before it is taken for confused.
TOOL_RETRIES = 3


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What one turn may use: requests to the model, and tokens (in and out together).

    ``silence``: seconds for which nothing comes from the model; ``total``: seconds for everything.
    """

    requests: int = 12
    tokens: int = 100_000
    silence: float = 120.0
    total: float = 900.0


async def think(
    prompt: Prompt, toolbox: Tools, model: Model, limits: ModelLimits, on_text: OnText
) -> TurnResult:
    """Let the model answer. ``on_text`` gets the whole text so far, each time there is more.

    Raises:
        ModelError: there is no answer; its kind says why, and it holds no user's text.
        LeaseLost: another turn has the session by now (from a tool); there is nothing to save.
    """
    from pydantic_ai import Agent, RunUsage

    name = f"{model.system}:{model.model_name}"
    steps: list[Step] = []
    used = RunUsage()
    agent = Agent(
        model,
        # None is an answer without any text; otherwise pydantic-ai would ask again by itself.
        output_type=[str, type(None)],
        instructions=prompt.system,
        tools=[_as_tool(spec, toolbox, steps) for spec in toolbox.specs],
        retries={"tools": TOOL_RETRIES, "output": 0},
    )
    try:
        with _failures(limits):
            text = await _run_in_time(agent, prompt, limits, on_text, used)
    except ModelError as failure:
        failure.model, failure.steps, failure.usage = name, tuple(steps), _usage(used)
        raise
    return TurnResult(text, name, tuple(steps), _usage(used))


async def _run_in_time(
    agent: Agent[object, str | None],
    prompt: Prompt,
    limits: ModelLimits,
    on_text: OnText,
    used: RunUsage,
) -> str:
    """As ``_run``, within the limits of time. What doesn't end after them is left behind."""
    clock = asyncio.get_running_loop().time
    heard_at = clock()
    until = heard_at + limits.total

    def hear() -> None:
        nonlocal heard_at
        heard_at = clock()

    task = start(_run(agent, prompt, limits, on_text, used, hear), "model")
    try:
        while not task.done():
            left = min(until, heard_at + limits.silence) - clock()
            if left <= 0:
                raise ModelError(
                    "timeout",
                    f"The answer took longer than {limits.total:g} seconds."
                    if clock() >= until
                    else f"The model said nothing for {limits.silence:g} seconds.",
                )
            await asyncio.wait({task}, timeout=left)
        return task.result()
    finally:
        await end(task)


async def _run(
    agent: Agent[object, str | None],
    prompt: Prompt,
    limits: ModelLimits,
    on_text: OnText,
    used: RunUsage,
    hear: Callable[[], None],
) -> str:
    """Return the answer. ``hear`` is called with each thing that comes from the model; ``used``
    grows with each request, also where there is no answer in the end."""
    from pydantic_ai import UsageLimitExceeded, UsageLimits
    from pydantic_ai.settings import ModelSettings

    def check_tokens() -> None:
        # Not by the library: it makes the whole answer anew for it, with each word.
        if used.total_tokens > limits.tokens:
            raise UsageLimitExceeded("tokens")

    async def stream(_: RunContext[Any], events: AsyncIterable[AgentStreamEvent]) -> None:
        check_tokens()
        await _pass_on_text(events, on_text, hear)

    async with agent:
        result = await agent.run(
            _asked(prompt),
            message_history=_history(prompt),
            model_settings=ModelSettings(max_retries=PROVIDER_RETRIES, timeout=limits.silence),
            usage_limits=UsageLimits(request_limit=limits.requests),
            event_stream_handler=stream,
            usage=used,
        )
    check_tokens()
    text = storable(result.output or "").strip()
    if is_blank(text):
        raise ModelError("empty", "The model answered nothing.")
    return text


def _usage(used: RunUsage) -> Usage:
    return Usage(used.requests, used.input_tokens, used.output_tokens)


def _asked(prompt: Prompt) -> str | list[UserContent]:
    from pydantic_ai.messages import BinaryContent

    text = prompt.messages[-1].text
    if not prompt.files:
        return text
    files = [BinaryContent(file.content, media_type=file.media_type) for file in prompt.files]
    return [text, *files]


def _history(prompt: Prompt) -> list[ModelMessage]:
    from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

    return [
        ModelRequest(parts=[UserPromptPart(content=message.text)])
        if message.role == "user"
        else ModelResponse(parts=[TextPart(content=message.text)])
        for message in prompt.messages[:-1]
    ]


def _as_tool(spec: ToolSpec, toolbox: Tools, steps: list[Step]) -> Tool[Any]:
    from pydantic_ai import Tool
    from pydantic_core import SchemaValidator, core_schema

    async def run(**arguments: Any) -> str:
        outcome = await toolbox.call(spec.name, arguments)
        steps.append(Step(spec.name, arguments, outcome.text))
        return outcome.text

    # One call after the other, in the order of the model, so that the same answer does the same.
    tool: Tool[Any] = Tool.from_schema(
        run, spec.name, spec.description, spec.schema, sequential=True
    )
    # Any object: the toolbox checks what is in it, and refuses what is unknown there.
    tool.function_schema.validator = SchemaValidator(
        core_schema.dict_schema(keys_schema=core_schema.str_schema())
    )
    return tool


async def _pass_on_text(
    events: AsyncIterable[AgentStreamEvent], on_text: OnText, hear: Callable[[], None]
) -> None:
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

    clock = asyncio.get_running_loop().time
    parts: dict[int, list[str]] = {}
    length, passed, due = 0, 0, 0.0

    async def pass_on() -> None:
        nonlocal passed
        passed = length
        text = storable("".join("".join(parts[index]) for index in sorted(parts)))
        if not is_blank(text):
            await on_text(text)

    try:
        async for event in events:
            hear()
            match event:
                case PartStartEvent(index=index, part=TextPart(content=more)):
                    parts[index] = [more]
                case PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=more)):
                    parts.setdefault(index, []).append(more)
                case _:
                    continue
            length += len(more)
            if clock() >= due:
                await pass_on()
                due = clock() + _pause(length)
    finally:
        if passed < length:
            await pass_on()


def _pause(length: int) -> float:
    """Seconds until a text is handed on again. It is joined whole each time, so a long one is
    handed on more rarely, or its cost would grow with the square of its length."""
    return TEXT_SECONDS * length / TEXT_CHARACTERS if length > SHORT_CHARACTERS else 0.0


@contextmanager
def _failures(limits: ModelLimits) -> Iterator[None]:
    """Turn whatever goes wrong with a model into one kind of failure.

    Only the class and the status of the provider's error are told: its text may repeat the prompt.
    """
    from pydantic_ai import exceptions as wrong

    try:
        yield
    except (LeaseLost, DiscreetError, psycopg.Error):
        raise  # from a tool or a draft: it is the installation's, not the model's
    except wrong.UsageLimitExceeded as error:
        raise ModelError(
            "limits", f"The turn used up its {limits.requests} requests or {limits.tokens} tokens."
        ) from error
    except (TimeoutError, wrong.ModelTimeoutError, wrong.ModelRequestTimeout) as error:
        raise ModelError(
            "timeout", f"The model said nothing for {limits.silence:g} seconds."
        ) from error
    except wrong.ContentFilterError as error:
        raise ModelError("refused", "The provider's content filter refused.") from error
    except wrong.ModelAuthenticationError as error:
        raise ModelError(
            "setup", "The provider rejected the API key.", hint="Check the provider's API key."
        ) from error
    except wrong.ModelNotFoundError as error:
        raise ModelError(
            "setup", "The provider does not know this model.", hint="Check the model's name."
        ) from error
    except wrong.ModelHTTPError as error:
        raise ModelError(
            "provider", f"The provider answered with status {error.status_code}."
        ) from error
    except wrong.ModelAPIError as error:
        raise ModelError(
            "provider", f"The provider can't be reached ({type(error).__name__})."
        ) from error
    except wrong.UnexpectedModelBehavior as error:
        raise ModelError(
            "confused", f"The model's answer can't be used ({type(error).__name__})."
        ) from error
    except Exception as error:
        # Libraries of providers have errors of their own; a turn has to end in one way or another.
        raise ModelError(
            "provider", f"The model's library failed ({type(error).__name__})."
        ) from error
