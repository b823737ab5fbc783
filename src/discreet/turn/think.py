"""Run a model with its tools, within limits.

No transaction is open here, except the short ones of the tools.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discreet.domain.concurrency import end, start
from discreet.tracing import span
from discreet.turn.continuation import join_parts
from discreet.turn.escaping import is_blank
from discreet.turn.failures import failures
from discreet.turn.model_limits import WHOLE_ROOM, ModelLimits, Room
from discreet.turn.model_messages import (
    history_of,
    parameters_of,
    question_of,
    reply_of,
    request_of,
)
from discreet.turn.prompt import Prompt
from discreet.turn.request import ModelReply, OnText, TextSoFar, arguments_of, request_model
from discreet.turn.result import ModelError, Step, TurnResult, Usage
from discreet.turn.tools import Outcome, Tools, ToolSpec
from discreet.turn.truncation import least_tokens, window_of_truncated

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ToolCallPart
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

__all__ = ["CUT_AT_LIMIT", "OnText", "Tools", "think"]

MAX_CALLS = 12
"""Maximum tool calls of one turn. After that the model must answer with what it has found."""
MAX_REPEATED = 3
"""The same call this many times in a row is a loop."""
PROGRESS_SECONDS = 20.0
"""Seconds for which a turn may call tools without any new text or result."""
MAX_CONTINUATIONS = 4
"""How often an answer that ends at the token limit is continued."""
SHOWN_FOUND = 5
GO_ON = (
    "[Your answer was cut off at the length limit. Continue exactly where it stops: repeat nothing,"
    " and don't mention this.]"
)
ANSWER_NOW = "[No more tool calls. Answer with what you have found.]"
CUT_AT_LIMIT = "[This answer was cut off here: it reached the length limit.]"


async def think(
    prompt: Prompt,
    toolbox: Tools,
    model: Model,
    limits: ModelLimits,
    on_text: OnText,
    room: Room = WHOLE_ROOM,
) -> TurnResult:
    """Let the model answer. ``on_text`` gets the whole text so far, each time there is more.

    Raises:
        ModelError: there is no answer; its kind says why, and it contains no user's text.
        LeaseLost: another turn has the session (raised by a tool); there is nothing to save.
    """
    name = f"{model.system}:{model.model_name}"
    thinking = _Thinking(prompt, toolbox, model, limits, on_text, room)
    try:
        with failures(limits.silence):
            text = await _in_time(thinking, limits)
    except ModelError as failure:
        said = thinking.as_much_as_was_done(failure)
        if said is None:
            failure.model, failure.steps = name, tuple(thinking.steps)
            failure.usage, failure.has_acted = thinking.usage, thinking.has_acted
            failure.reasoning, failure.written = thinking.reasoning, thinking.written
            raise
        text = said
    return TurnResult(
        text,
        name,
        tuple(thinking.steps),
        thinking.usage,
        cut_off=thinking.cut_off,
        reasoning=thinking.reasoning,
        prompt=prompt,
        closed_alone=thinking.closed_alone,
        finished=thinking.finished,
        says_ends=thinking.says_ends,
    )


async def _in_time(thinking: _Thinking, limits: ModelLimits) -> str:
    """Return the answer within the time limits. Whatever doesn't end by then is abandoned."""
    clock = asyncio.get_running_loop().time
    until = clock() + limits.total
    thinking.hear()
    task = start(thinking.run(), "model")
    try:
        while not task.done():
            left = min(until, thinking.heard_at + limits.silence) - clock()
            if left <= 0:
                raise ModelError(
                    "timeout",
                    f"The answer took longer than {limits.total:g} seconds."
                    if clock() >= until
                    else f"The model sent nothing for {limits.silence:g} seconds.",
                )
            await asyncio.wait({task}, timeout=left)
        return task.result()
    finally:
        await end(task)


@dataclass
class _Thinking:
    """One turn of a model.

    ``usage``, ``steps`` and ``reasoning`` grow with each request, even if there is no answer in the
    end.
    """

    prompt: Prompt
    toolbox: Tools
    model: Model
    limits: ModelLimits
    on_text: OnText
    room: Room
    usage: Usage = field(default_factory=Usage)
    steps: list[Step] = field(default_factory=list)
    cut_off: str | None = None
    closed_alone: bool = False
    finished: bool = False
    says_ends: bool = False
    heard_at: float = 0.0
    _thoughts: list[str] = field(default_factory=list)
    _outcomes: dict[str, Outcome] = field(default_factory=dict)
    _done: list[str] = field(default_factory=list)
    _spoken: str = ""
    _draft: TextSoFar | None = None
    _question: str = ""
    _repeated: int = 0
    _progress_at: float = 0.0

    @property
    def reasoning(self) -> str:
        return "\n\n".join(thought for thought in self._thoughts if thought)

    @property
    def written(self) -> str:
        """The text of an unfinished answer, unless it is likely to be reasoning."""
        return "" if self._draft is None else self._draft.written

    @property
    def has_acted(self) -> bool:
        """Whether a tool with effects was called."""
        return bool(self._done)

    def hear(self) -> None:
        """Record that the model sent something."""
        self.heard_at = asyncio.get_running_loop().time()

    async def run(self) -> str:
        """Return the answer.

        Raises:
            ModelError: there is none.
        """
        self._progress_at = asyncio.get_running_loop().time()
        async with self.model:  # closes its connections
            return await self._run()

    async def _run(self) -> str:
        messages = [*history_of(self.prompt), request_of(question_of(self.prompt))]
        specs = self.toolbox.specs if self.room.specs is None else self.room.specs
        parameters = parameters_of(self.prompt, specs)
        while True:
            is_last = self._is_last()
            reply = await self._ask(messages, parameters, self.room.answer, is_last=is_last)
            if not self.steps:
                self._check_that_all_was_read(reply)
            if not reply.calls or is_last:
                break
            if reply.is_marked or self.room.habit == "marked":
                self._spoken = reply.text.strip() or self._spoken
            messages += [reply.response, await self._call(reply.calls)]
            if self._question:
                return self._question
            if self.usage.input_tokens + self.usage.output_tokens > self.limits.tokens:
                return self._without_an_answer(is_loop=True)
        text = (await self._whole(reply, messages, parameters)).strip()
        if not is_blank(text):
            return text
        self.finished = False
        if reply.calls:
            await self._call(reply.calls)  # their results are all that can be said
        return self._without_an_answer(is_loop=bool(reply.calls))

    def as_much_as_was_done(self, failure: ModelError) -> str | None:
        """Return the effects so far, if a model failed for good after a tool had acted."""
        is_cut = failure.kind == "timeout" or failure.is_endless  # its text so far is sent
        if is_cut or failure.kind in ("outage", "internal") or not self._done:
            return None
        return self._confirmation() if failure.final or failure.kind != "provider" else None

    async def _ask(
        self,
        messages: list[ModelMessage],
        parameters: ModelRequestParameters,
        room: int,
        *,
        is_last: bool = False,
        before: str = "",
        is_before_marked: bool = False,
    ) -> ModelReply:
        if is_last and self.steps:
            messages = [*messages, request_of(ANSWER_NOW)]
        settings: ModelSettings = {
            "max_tokens": room,
            "timeout": self.limits.silence,
            "max_retries": 0,
            "cache": self.model.system in ("anthropic", "bedrock"),
        }
        if is_last and parameters.function_tools:
            settings["tool_choice"] = "none"
        draft = self._draft = TextSoFar(
            self.on_text, self.hear, before, is_before_marked, self.room.habit
        )
        reply = await request_model(
            self.model, messages, parameters, settings, draft, self.limits.silence,
            must_end=self.room.says_ends or self.says_ends,
        )  # fmt: skip
        self.says_ends |= reply.says_end
        self.usage += reply.usage
        self._thoughts.append(reply.reasoning)
        self.closed_alone |= reply.closed_alone
        return reply

    def _is_last(self) -> bool:
        """Return whether the model must answer now, with what it has."""
        still = asyncio.get_running_loop().time() - self._progress_at
        return (
            self.usage.requests + 1 >= self.limits.requests
            or len(self.steps) >= MAX_CALLS
            or self._repeated >= MAX_REPEATED
            or (bool(self.steps) and still > PROGRESS_SECONDS)
        )

    def _check_that_all_was_read(self, reply: ModelReply) -> None:
        """Raise if the server silently dropped part of the prompt, or all of it."""
        if reply.is_bare:
            bare = ModelError("empty", "The server returned an empty response.")
            bare.is_bare = True
            raise bare
        failure = ModelError("context", "The server did not read the whole prompt.", final=True)
        if self.room.watched and reply.read is not None:
            texts = [*self.prompt.parts(), *(message.text for message in self.prompt.messages)]
            failure.window = window_of_truncated(reply.read, least_tokens(texts))
            if failure.window is not None:
                raise failure

    async def _call(self, calls: tuple[ToolCallPart, ...]) -> ModelMessage:
        """Make calls one by one in the model's order, so that results are reproducible."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        parts = [
            ToolReturnPart(
                tool_name=call.tool_name,
                content=await self._result(call),
                tool_call_id=call.tool_call_id,
            )
            for call in calls
        ]
        return ModelRequest(parts=parts)

    async def _result(self, call: ToolCallPart) -> str:
        arguments = {} if not call.args else arguments_of(call)
        if arguments is None:
            self._repeated += 1
            return "Nothing was done: the arguments are not a JSON object."
        if len(self.steps) >= MAX_CALLS:
            return "Nothing was done: too many calls."
        if self._question:
            return "Nothing was done: the person is asked first."
        spec = next((one for one in self.toolbox.specs if one.name == call.tool_name), None)
        if spec is None:
            self._repeated += 1
            return f"Nothing was done: there is no tool {call.tool_name!r}."
        began = time.monotonic()
        outcome = await self._outcome(spec, arguments)
        seconds = time.monotonic() - began
        self.steps.append(Step(call.tool_name, arguments, outcome.text, seconds))
        return outcome.text

    async def _outcome(self, spec: ToolSpec, arguments: Mapping[str, Any]) -> Outcome:
        key = f"{spec.name} {json.dumps(arguments, sort_keys=True, default=str)}"
        is_new = key not in self._outcomes
        with span(f"execute_tool {spec.name}", operation="execute_tool", tool=spec.name) as traced:
            self.heard_at = math.inf  # a slow tool isn't the model's silence
            try:
                outcome = await self.toolbox.call(spec.name, arguments)
            finally:
                self.hear()
            traced.note(outcome="done" if outcome.done else "nothing")
        self._outcomes[key] = outcome
        self._question = self._question or outcome.question
        if spec.effect and outcome.done:
            self._done.append(spec.effect)
        self._repeated = 0 if is_new else self._repeated + 1
        if is_new:
            self._progress_at = asyncio.get_running_loop().time()
        return outcome

    async def _whole(
        self, reply: ModelReply, messages: list[ModelMessage], parameters: ModelRequestParameters
    ) -> str:
        """Return the text of an answer, continued if it ends at the token limit."""
        text, room, is_marked = self._said_by(reply), self.room.answer, reply.is_marked
        for _ in range(MAX_CONTINUATIONS):
            self.finished = reply.is_finished
            if not reply.is_cut:
                return text
            if is_blank(text):
                room *= 2  # reasoning used all of it
                asked = messages
            else:
                asked = [*messages, reply_of(text), request_of(GO_ON)]
            try:
                reply = await self._ask(
                    asked,
                    parameters,
                    room,
                    is_last=True,
                    before=text,
                    is_before_marked=is_marked,
                )
            except ModelError as failure:
                if is_blank(text) or failure.is_endless:
                    raise
                self.cut_off = f"{failure.kind}: {failure}"
                return f"{text.rstrip()}\n\n{CUT_AT_LIMIT}"
            if reply.closed_alone and not is_marked:
                text = ""  # what was continued was reasoning
            text = join_parts(text, self._said_by(reply))
            is_marked = is_marked or reply.is_marked
            if is_blank(reply.text) and not is_blank(text):
                break
        self.finished = reply.is_finished
        if reply.is_cut and not is_blank(text):
            self.cut_off = "limits: The answer reached the length limit."
            text = f"{text.rstrip()}\n\n{CUT_AT_LIMIT}"
        return text

    def _said_by(self, reply: ModelReply) -> str:
        """Return the text of a reply, or "" if it was cut before its reasoning ended."""
        is_reasoning = reply.is_cut and self.room.habit == "unmarked" and not reply.is_marked
        return "" if is_reasoning else reply.text

    def _without_an_answer(self, *, is_loop: bool) -> str:
        """Return a text in place of a missing answer: the effects or the search results."""
        if self._done:
            return self._spoken or self._confirmation()
        found = {one.text: None for outcome in self._outcomes.values() for one in outcome.found}
        if found:
            lines = [f"- {' '.join(text.split())}" for text in list(found)[:SHOWN_FOUND]]
            return "\n".join(["This is what I found:", *lines])
        if is_loop and not self.steps:
            raise ModelError("confused", "The model called only tools that don't exist.")
        if is_loop:
            raise ModelError(
                "limits",
                f"The turn used up its {self.limits.requests} requests or"
                f" {self.limits.tokens} tokens.",
            )
        raise ModelError("empty", "The model returned an empty answer.")

    def _confirmation(self) -> str:
        effects = dict.fromkeys(self._done)
        return next(iter(effects)) if len(effects) == 1 else "Done."
