"""One request to a model: the streamed answer, separated from its reasoning, and the usage."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discreet.tracing import span
from discreet.turn.escaping import is_blank, storable, tokens
from discreet.turn.failures import failures
from discreet.turn.reasoning import Habit, Splitter
from discreet.turn.result import ModelError, Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelReply", "OnText", "TextSoFar", "estimate", "request_model"]

OnText = Callable[[str], Awaitable[None]]

TRIES = 2
"""Attempts at a request with transient failures. The turn is retried too."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Seconds between them; if the provider asks for more, the turn ends and is retried later."""
SHORT_CHARACTERS = 2_000
"""Characters up to which a text is passed on with every word."""
TEXT_SECONDS, TEXT_CHARACTERS = 0.05, 10_000
"""Seconds between two updates of a text of this many characters."""
LEAST_SUSPECT = 1_000
"""If a server sends nothing at all, a request of at least this many tokens may have been too long.
"""
MESSAGE_TOKENS = 8
"""Tokens of a message in addition to its text."""
CHARACTERS_PER_TOKEN = 20
"""More than any text has. A server that ignores ``max_tokens`` and never ends is cut off there."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """The response.

    ``is_bare``: nothing at all, as from a server that silently failed on a long prompt.
    ``sent`` is the estimated size of the request, ``read`` the size that the server reports, or
    None. ``is_finished``: the model ended it. ``is_marked``: a mark separates its text from its
    reasoning. ``says_end``: the server said why it ends.
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
    is_finished: bool = False
    is_marked: bool = False
    says_end: bool = False


@dataclass
class TextSoFar:
    """Passes on the whole text so far, each time there is more.

    Text that may still turn out to be reasoning isn't passed on: a model that isn't known to mark
    where its reasoning begins is only believed after a mark.

    Attributes:
        before: What earlier requests wrote of the same answer; ``is_before_marked``: a mark
            separates it from reasoning.
        written: The text of this request and before, passed on or not; "" if the model is known
            not to mark where its reasoning begins, until it is marked.
    """

    on_text: OnText
    hear: Callable[[], None]
    before: str = ""
    is_before_marked: bool = False
    habit: Habit = "marked"
    has_begun: bool = False
    _splitter: Splitter = field(default_factory=Splitter)
    _passed: int = 0
    _due: float = 0.0

    @property
    def written(self) -> str:
        may_be_reasoning = self.habit == "unmarked" and not self.is_certain(self._splitter)
        return "" if may_be_reasoning else self._whole(self._splitter)

    def is_certain(self, splitter: Splitter) -> bool:
        """Return whether none of the text so far can turn out to be reasoning."""
        if self.habit == "marked" or splitter.closed_alone:
            return True
        return splitter.began_marked and (self.is_before_marked or not self.before)

    async def grow(self, splitter: Splitter) -> None:
        """Pass on the text if it is due."""
        self.hear()
        self.has_begun = True
        clock = asyncio.get_running_loop().time
        self._splitter = splitter
        if splitter.said != self._passed and clock() >= self._due:
            await self.hand_on(splitter)
            self._due = clock() + _pause(splitter.said)

    async def hand_on(self, splitter: Splitter) -> None:
        """Pass on the text now, if it can't be reasoning."""
        if splitter.said == self._passed or not self.is_certain(splitter):
            return
        self._passed = splitter.said
        text = self._whole(splitter)
        if not is_blank(text):
            await self.on_text(text)

    def _whole(self, splitter: Splitter) -> str:
        # A lone closing tag tells that everything before it was reasoning.
        is_dropped = splitter.closed_alone and not self.is_before_marked
        return storable(("" if is_dropped else self.before) + splitter.text).lstrip()


@dataclass
class _Events:
    """The parts of one answer so far. ``characters``: its length, with its reasoning."""

    splitter: Splitter = field(default_factory=Splitter)
    characters: int = 0

    def take(self, event: Any) -> None:
        from pydantic_ai import messages as m

        match event:
            case m.PartStartEvent(part=m.TextPart(content=more)):
                self.splitter.feed(more)
            case m.PartDeltaEvent(delta=m.TextPartDelta(content_delta=more)):
                self.splitter.feed(more)
            case m.PartStartEvent(part=m.ThinkingPart(content=more)):
                self.splitter.think(more)
            case m.PartDeltaEvent(delta=m.ThinkingPartDelta(content_delta=str(more))):
                self.splitter.think(more)
            case _:
                return
        self.characters += len(more)


async def request_model(
    model: Model,
    messages: Sequence[ModelMessage],
    parameters: ModelRequestParameters,
    settings: ModelSettings,
    draft: TextSoFar,
    silence: float,
    *,
    must_end: bool = False,
) -> ModelReply:
    """Make a request, with one retry after a transient failure.

    ``must_end``: the model is known to say why an answer ends, so that one without a reason was
    broken off. Behind some proxies, a lost connection looks like an orderly end.

    Raises:
        ModelError: there is no answer.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with failures(silence):
                reply = await _request_once(model, messages, parameters, settings, draft)
            if must_end and not reply.says_end:
                raise ModelError("provider", "The connection ended before the answer did.")
            return reply
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
    longest = CHARACTERS_PER_TOKEN * settings.get("max_tokens", math.inf)
    name, provider = model.model_name, model.system
    with span(f"chat {name}", "client", operation="chat", model=name, provider=provider) as traced:
        try:
            async with model_request_stream(
                model, messages, model_settings=settings, model_request_parameters=parameters
            ) as stream:
                async for event in stream:
                    events.take(event)
                    await draft.grow(splitter)
                    if events.characters > longest:
                        raise _endless(longest)
            response = stream.get()
            splitter.finish()
        finally:
            # Include what came before a failure: there may be no more.
            await draft.hand_on(splitter)
        reply = _reply(response, splitter, estimate(messages, parameters))
        used = reply.usage
        traced.note(input_tokens=used.input_tokens, output_tokens=used.output_tokens)
    return reply


def _endless(longest: float) -> ModelError:
    failure = ModelError("limits", f"The model wrote more than {longest:g} characters.")
    failure.is_endless = True
    return failure


def _reply(response: ModelResponse, splitter: Splitter, sent: int) -> ModelReply:
    text = storable(splitter.text)
    reasoning = storable(splitter.reasoning)
    calls = tuple(response.tool_calls)
    if response.finish_reason == "content_filter" and is_blank(text) and not calls:
        raise ModelError("refused", "The provider's content filter refused the request.")
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
        is_finished=response.finish_reason == "stop",
        # The library itself assumes "stop" where the server sent no reason.
        says_end=(response.provider_details or {}).get("finish_reason") is not None,
        is_marked=splitter.closed_alone or splitter.began_marked,
    )


def _usage(
    response: ModelResponse, sent: int, text: str, reasoning: str
) -> tuple[Usage, int | None]:
    """Return the usage, estimated if the server doesn't report it, and the prompt size it read."""
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
    """Return the approximate tokens of a request."""
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
    """Return the arguments of a call, or None if they aren't an object."""
    try:
        given = json.loads(call.args) if isinstance(call.args, str) else call.args
    except ValueError:
        return None
    return given if isinstance(given, Mapping) else None


def _pause(length: int) -> float:
    """Return the seconds until a text is passed on again.

    The whole text is joined each time, so a long one is passed on less often; otherwise the cost
    would grow quadratically.
    """
    return TEXT_SECONDS * length / TEXT_CHARACTERS if length > SHORT_CHARACTERS else 0.0
