"""Minds of tests: they answer as a test says, and keep what they were given."""

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
    """Has nothing to say."""
    return "hm"


async def repeat(context: TurnContext, _: Tools) -> str:
    """Says what it answers."""
    return "re: " + " | ".join(line.text for line in context.waiting)


async def do_as_told(context: TurnContext, tools: Tools) -> str:
    """Makes every call that a waiting line asks for, ``["recall", {"query": "dog"}]``, and answers
    with all that came back: a model that any sender has talked round."""
    told = []
    for line in context.waiting:
        if line.text.startswith("["):
            name, arguments = json.loads(line.text)
            told.append((await tools.call(name, arguments)).text)
    return "\n".join(told) or "hm"


def calling(tool: str, **arguments: Any) -> str:
    """The message that has ``do_as_told`` make a call."""
    return json.dumps([tool, arguments])


async def echo(context: TurnContext, _: Prompt, tools: Tools, __: OnText) -> TurnResult:
    """A mind that says what it answers."""
    return TurnResult(await repeat(context, tools), "echo")


@dataclass
class Responder:
    """Answers as ``reply`` does, and keeps everything that it was given."""

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
    """Thinks until ``free`` is set, then does ``then``; ``begun`` counts how often it began."""

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
    """Raises the errors, one a turn, then answers; ``only``: in turns with this text alone."""

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
