"""Turns of a test: real intake, lease, load, tools, save and delivery around a scripted mind."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.ids import RouteId, SessionId
from discreet.domain.outbound import Channel, Outbound, Sent
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.queue.due import DueRoute
from discreet.queue.worker import Work, work_off
from discreet.scope import Door
from discreet.turn.plan import Budget, Prompt
from discreet.turn.run import Turns, run_turn
from discreet.turn.situation import Situation
from discreet.turn.think import OnText, Tools
from discreet.turn.thought import Thought

Reply = Callable[[Situation, Tools], Awaitable[str]]


async def hm(_: Situation, __: Tools) -> str:
    """A mind that has nothing to say."""
    return "hm"


async def do_as_told(situation: Situation, tools: Tools) -> str:
    """A mind that makes every call that a waiting line asks for, ``["recall", {"query": "dog"}]``,
    and answers with all that came back: a model that any sender has talked round."""
    told = []
    for line in situation.waiting:
        if line.text.startswith("["):
            name, arguments = json.loads(line.text)
            told.append((await tools.call(name, arguments)).text)
    return "\n".join(told) or "hm"


def calling(tool: str, **arguments: Any) -> str:
    """The message that has ``do_as_told`` make a call."""
    return json.dumps([tool, arguments])


@dataclass
class Mind:
    """Thinks what ``reply`` says, and keeps everything that it was given."""

    reply: Reply = hm
    situations: list[Situation] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    toolboxes: list[Tools] = field(default_factory=list)

    async def __call__(
        self, situation: Situation, prompt: Prompt, tools: Tools, _: OnText
    ) -> Thought:
        self.situations.append(situation)
        self.prompts.append(prompt)
        self.toolboxes.append(tools)
        return Thought(await self.reply(situation, tools), "scripted")


@dataclass
class Wire:
    """A platform that takes everything and keeps it, in the order in which it came."""

    platform: str
    sent: list[Outbound] = field(default_factory=list)

    def parts(self, text: str) -> int:
        return 1

    async def send(self, outbound: Outbound) -> Sent:
        self.sent.append(outbound)
        return Sent(f"sent-{len(self.sent)}")


def by_platform(channels: Mapping[str, Channel]) -> Callable[[DueRoute], Awaitable[Channel]]:
    """These channels, whoever's the account is."""

    async def channel_of(route: DueRoute) -> Channel:
        return channels[route.platform]

    return channel_of


def turns_of(door: Door, mind: Callable[..., Awaitable[Thought]], max_attempts: int = 3) -> Turns:
    """Turns that try again at once."""
    return Turns(door, bundled_embedder(), mind, max_attempts, Budget(), first_wait=timedelta(0))


def work_of(door: Door, turns: Turns, channels: Mapping[str, Channel]) -> Work:
    """What a worker does for these turns and channels."""

    async def one_turn(session_id: SessionId) -> None:
        await run_turn(turns, session_id)

    async def one_route(route_id: RouteId) -> None:
        await deliver(door, by_platform(channels), route_id)

    async def nothing() -> None: ...

    return Work(one_turn, one_route, nothing, tuple(channels))


async def do_all_work(
    database: Database,
    door: Door,
    mind: Callable[..., Awaitable[Thought]],
    channels: Mapping[str, Channel] | None = None,
) -> None:
    """Every turn and delivery that is due, one after the other."""
    channels = channels or {"terminal": TerminalChannel()}
    work = work_of(door, turns_of(door, mind), channels)
    await work_off(database.conninfo("discreet_worker"), work)


def memory_ids(outcome: str) -> list[UUID]:
    """The ids in what a tool or a prompt shows."""
    return [
        UUID(json.loads(line)["id"])
        for line in outcome.splitlines()
        if line.startswith("{") and "id" in json.loads(line)
    ]
