"""One request to a model: its answer as it streams, told from its reasoning, and what it used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discreet.turn.escaping import is_blank, storable, tokens
from discreet.turn.failures import failures
from discreet.turn.reasoning import CERTAIN_CHARACTERS, Splitter, sounds_like_reasoning
from discreet.turn.result import ModelError, Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelReply", "OnText", "TextSoFar", "estimate", "request_model"]

OnText = Callable[[str], Awaitable[None]]

TRIES = 2
"""How often a request is made that failed in a way that passes. The turn is tried again too."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Seconds between them; if the provider asks for more, the turn ends and is tried again later."""
SHORT_CHARACTERS = 2_000
"""A text is handed on with each word until it is longer than this."""
TEXT_SECONDS, TEXT_CHARACTERS = 0.05, 10_000
"""How often a text of so many characters is handed on."""
LEAST_SUSPECT = 1_000
"""A request of so many tokens to which a server says nothing at all may have been too long."""
MESSAGE_TOKENS = 8
"""What a message costs beside its text."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What came back. ``is_bare``: nothing at all, as from a server that failed without a word
    because it was sent too much.

    ``sent`` is the estimated size of the request, ``read`` what the server says that it read, or
    None.
    """

    text: str
    reasoning: str
    calls: tuple[ToolCallPart, ...]
    is_cut: bool
    is_bare: bool
    response: ModelResponse
    usage: Usage
    sent: int
    read: int | None
    closed_alone: bool = False


@dataclass
class TextSoFar:
    """Hands on the whole text so far, each time there is more.

    ``before`` is what earlier requests wrote of the same answer. ``held``: nothing is handed on
    before the end, because reasoning may only show as such by its closing tag. ``wary``: the same,
    if the text begins as reasoning does.
    """

    on_text: OnText
    hear: Callable[[], None]
    before: str = ""
    held: bool = False
    wary: bool = False
    has_begun: bool = False
    _passed: int = 0
    _due: float = 0.0

    async def grow(self, splitter: Splitter) -> None:
        """Hand on the text if it is time to."""
        self.hear()
        self.has_begun = True
        clock = asyncio.get_running_loop().time
        held = (self.held or self._is_doubtful(splitter)) and not splitter.closed_alone
        if splitter.said != self._passed and not held and clock() >= self._due:
            await self.hand_on(splitter)
            self._due = clock() + _pause(splitter.said)

    def _is_doubtful(self, splitter: Splitter) -> bool:
        if self.wary and splitter.said >= CERTAIN_CHARACTERS:
            self.wary, self.held = False, sounds_like_reasoning(splitter.text)
        return self.wary or self.held

    async def hand_on(self, splitter: Splitter) -> None:
        """Hand on the text, whatever the time."""
        if splitter.said == self._passed:
            return
        self._passed = splitter.said
        text = storable(self.before + splitter.text).lstrip()
        if not is_blank(text):
            await self.on_text(text)


@dataclass
class _Events:
    """What has come of one answer."""

    splitter: Splitter = field(default_factory=Splitter)

    def take(self, event: Any) -> None:
        from pydantic_ai import messages as m

        match event:
            case m.PartStartEvent(part=m.TextPart(content=more)):
                self.splitter.feed(more)
            case m.PartDeltaEvent(delta=m.TextPartDelta(content_delta=more)):
                self.splitter.feed(more)
            case m.PartStartEvent(part=m.ThinkingPart(content=more)):
                self.splitter.think(more)
            case m.PartDeltaEvent(delta=m.ThinkingPartDelta(content_delta=more)) if more:
                self.splitter.think(more)


async def request_model(
    model: Model,
    messages: Sequence[ModelMessage],
    parameters: ModelRequestParameters,
    settings: ModelSettings,
    draft: TextSoFar,
    silence: float,
) -> ModelReply:
    """Make a request, and once more after a failure that passes.

    Raises:
        ModelError: there is no answer.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with failures(silence):
                return await _request_once(model, messages, parameters, settings, draft)
        except ModelError as failure:
            if failure.kind == "confused" and not draft.has_begun:
                failure.is_bare = estimate(messages, parameters) >= LEAST_SUSPECT
            wait = FIRST_WAIT if failure.wait is None else failure.wait
            can_pass = failure.kind == "provider" and not failure.final
            if not can_pass or attempt == TRIES or wait > LONGEST_WAIT:
                raise
        draft.hear()
        await asyncio.sleep(wait)
    raise AssertionError("the last try returns or raises")


async def _request_once(
    model: Model,
    messages: Sequence[ModelMessage],
    parameters: ModelRequestParameters,
    settings: ModelSettings,
    draft: TextSoFar,
) -> ModelReply:
    from pydantic_ai.direct import model_request_stream

    events = _Events()
    splitter = events.splitter
    try:
        async with model_request_stream(
            model, messages, model_settings=settings, model_request_parameters=parameters
        ) as stream:
            async for event in stream:
                events.take(event)
                await draft.grow(splitter)
        response = stream.get()
        splitter.finish()
    finally:
        # Also what came before a failure: it may be all that there is.
        await draft.hand_on(splitter)
    return _reply(response, splitter, estimate(messages, parameters))


def _reply(response: ModelResponse, splitter: Splitter, sent: int) -> ModelReply:
    text = storable(splitter.text)
    reasoning = storable(splitter.reasoning)
    calls = tuple(response.tool_calls)
    if response.finish_reason == "content_filter" and is_blank(text) and not calls:
        raise ModelError("refused", "The provider's content filter refused.")
    usage, read = _usage(response, sent, text, reasoning)
    return ModelReply(
        text=text,
        reasoning=reasoning,
        calls=calls,
        is_cut=response.finish_reason == "length",
        is_bare=not response.parts and read is None and sent >= LEAST_SUSPECT,
        response=response,
        usage=usage,
        sent=sent,
        read=read,
        closed_alone=splitter.closed_alone,
    )


def _usage(
    response: ModelResponse, sent: int, text: str, reasoning: str
) -> tuple[Usage, int | None]:
    """Return what a request used, estimated where the server doesn't say, and how much it read."""
    used = response.usage
    written = tokens(text) + tokens(reasoning)
    written += sum(tokens(str(call.args or "")) + MESSAGE_TOKENS for call in response.tool_calls)
    given, made = used.input_tokens or sent, used.output_tokens or written
    estimated = (0 if used.input_tokens else given) + (0 if used.output_tokens else made)
    usage = Usage(
        requests=1,
        input_tokens=given,
        output_tokens=made,
        cached_tokens=min(used.cache_read_tokens, given),
        estimated_tokens=estimated,
    )
    return usage, used.input_tokens or None


def estimate(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Return about how many tokens a request has."""
    texts = [part.content for part in parameters.instruction_parts or ()]
    for tool in parameters.function_tools:
        texts.append(f"{tool.name} {tool.description} {json.dumps(tool.parameters_json_schema)}")
    for message in messages:
        texts.extend(_text_of(part) for part in message.parts)
    return sum(tokens(text) + MESSAGE_TOKENS for text in texts)


def _text_of(part: Any) -> str:
    content = getattr(part, "content", None)
    if content is None:
        return str(getattr(part, "args", "") or "")
    if isinstance(content, str):
        return content
    return " ".join(one for one in content if isinstance(one, str))


def arguments_of(call: ToolCallPart) -> Mapping[str, Any] | None:
    """Return the arguments of a call; None: they are no object."""
    try:
        given = json.loads(call.args) if isinstance(call.args, str) else call.args
    except ValueError:
        return None
    return given if isinstance(given, Mapping) else None


def _pause(length: int) -> float:
    """Return seconds until a text is handed on again. It is joined whole each time, so a long one
    is handed on more rarely, or its cost would grow with the square of its length."""
    return TEXT_SECONDS * length / TEXT_CHARACTERS if length > SHORT_CHARACTERS else 0.0
