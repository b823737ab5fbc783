"""Responders of tests: they answer as scripted and record their input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from discreet.turn.context import TurnContext
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult
from discreet.turn.think import OnText, Tools

Reply = Callable[[TurnContext, Tools], Awaitable[str]]
Think = Callable[[TurnContext, Prompt, Tools, OnText], Awaitable[TurnResult]]


async def hm(_: TurnContext, __: Tools) -> str:
    """Answer nothing useful."""
    return "hm"


async def repeat(context: TurnContext, _: Tools) -> str:
    """Repeat the question."""
    return "re: " + " | ".join(line.text for line in context.waiting)


async def do_as_told(context: TurnContext, tools: Tools) -> str:
    """Make every call that a waiting line asks for, ``["recall", {"query": "dog"}]``.

    The answer contains all results: a model that any sender can manipulate.
    """
    told = []
    for line in context.waiting:
        if line.text.startswith("["):
            name, arguments = json.loads(line.text)
            told.append((await tools.call(name, arguments)).text)
    return "\n".join(told) or "hm"


def calling(tool: str, **arguments: Any) -> str:
    """Return the message that has ``do_as_told`` make a call."""
    return json.dumps([tool, arguments])


async def echo(context: TurnContext, _: Prompt, tools: Tools, __: OnText) -> TurnResult:
    """Answer with the question."""
    return TurnResult(await repeat(context, tools), "echo")


@dataclass
class Responder:
    """Answers with ``reply``, and records all its input."""

    reply: Reply = hm
    contexts: list[TurnContext] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    toolboxes: list[Tools] = field(default_factory=list)

    async def __call__(
        self, context: TurnContext, prompt: Prompt, tools: Tools, _: OnText
    ) -> TurnResult:
        self.contexts.append(context)
        self.prompts.append(prompt)
        self.toolboxes.append(tools)
        return TurnResult(await self.reply(context, tools), "scripted")


@dataclass
class Held:
    """Waits until ``free`` is set, then does ``then``; ``begun`` counts the starts."""

    then: Think = echo
    free: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def __call__(
        self, context: TurnContext, prompt: Prompt, tools: Tools, on_text: OnText
    ) -> TurnResult:
        self.begun += 1
        await self.free.wait()
        return await self.then(context, prompt, tools, on_text)

    async def has_begun(self) -> bool:
        return self.begun > 0


@dataclass
class Failing:
    """Raises the errors, one per turn, then answers; ``only``: in turns with this text only."""

    errors: list[Exception]
    only: str = ""
    asked: int = 0

    async def __call__(
        self, context: TurnContext, prompt: Prompt, tools: Tools, on_text: OnText
    ) -> TurnResult:
        if any(self.only in line.text for line in context.waiting):
            self.asked += 1
            if self.asked <= len(self.errors):
                raise self.errors[self.asked - 1]
        return await echo(context, prompt, tools, on_text)
