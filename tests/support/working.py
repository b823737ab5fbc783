"""Work in tests: minds that do what a test says, channels that keep what they were sent, and waits
that end as soon as what they wait for is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from discreet.channels.terminal import TerminalChannel
from discreet.domain.ids import SessionId
from discreet.domain.outbound import Channel, Outbound, SendResult, Sent
from discreet.intake.retry import release_due
from discreet.postgres.server import Database
from discreet.queue.worker import Slots, Work, work, work_off
from discreet.scope import Door, OwnerScope
from discreet.turn.plan import Prompt
from discreet.turn.run import Mind, Turns, run_turn
from discreet.turn.situation import Situation
from discreet.turn.think import OnText, Tools
from discreet.turn.thought import Thought
from tests.support import turns
from tests.support.world import World

DEADLINE = 15.0
"""Seconds after which something that a test waits for will not come."""


async def until(
    condition: Callable[[], Awaitable[Any]], what: str = "it", seconds: float = DEADLINE
) -> Any:
    """The first value of ``condition`` that is true."""
    deadline = time.monotonic() + seconds
    while not (value := await condition()):
        assert time.monotonic() < deadline, f"{what} did not come in {seconds:g} s"
        await asyncio.sleep(0.01)
    return value


async def echo(situation: Situation, _: Prompt, __: Tools, ___: OnText) -> Thought:
    """Says what it answers."""
    return Thought("re: " + " | ".join(line.text for line in situation.waiting), "echo")


@dataclass
class Held:
    """Thinks until ``free`` is set, then does ``then``; ``begun`` counts how often it began."""

    then: Mind = echo
    free: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def __call__(
        self, situation: Situation, prompt: Prompt, tools: Tools, on_text: OnText
    ) -> Thought:
        self.begun += 1
        await self.free.wait()
        return await self.then(situation, prompt, tools, on_text)

    async def has_begun(self) -> bool:
        return self.begun > 0


@dataclass
class Seen:
    """Answers like ``echo`` and keeps every situation and prompt that it got."""

    situations: list[Situation] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)

    async def __call__(
        self, situation: Situation, prompt: Prompt, tools: Tools, on_text: OnText
    ) -> Thought:
        self.situations.append(situation)
        self.prompts.append(prompt)
        return await echo(situation, prompt, tools, on_text)


@dataclass
class Failing:
    """Raises the errors, one a turn, then answers; ``only``: in turns with this text alone."""

    errors: list[Exception]
    only: str = ""
    asked: int = 0

    async def __call__(
        self, situation: Situation, prompt: Prompt, tools: Tools, on_text: OnText
    ) -> Thought:
        if any(self.only in line.text for line in situation.waiting):
            self.asked += 1
            if self.asked <= len(self.errors):
                raise self.errors[self.asked - 1]
        return await echo(situation, prompt, tools, on_text)


@dataclass
class Recording:
    """A channel that keeps what it sent; ``results`` come first, one a send, errors are raised."""

    results: list[SendResult | Exception] = field(default_factory=list)
    tried: list[Outbound] = field(default_factory=list)
    sent: list[Outbound] = field(default_factory=list)
    platform: str = "terminal"

    def parts(self, text: str) -> int:
        return 1

    async def send(self, outbound: Outbound) -> SendResult:
        self.tried.append(outbound)
        result: SendResult | Exception = Sent(f"sent {len(self.tried)}")
        if self.results:
            result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        if isinstance(result, Sent):
            self.sent.append(outbound)
        return result


def turns_of(
    door: Door,
    mind: Mind = echo,
    *,
    max_attempts: int = 3,
    first_wait: timedelta = timedelta(0),
) -> Turns:
    return replace(turns.turns_of(door, mind, max_attempts), first_wait=first_wait)


async def one_turn(world: World, session_id: SessionId, mind: Mind = echo, **options: Any) -> None:
    await run_turn(turns_of(world.door, mind, **options), session_id)


def work_of(door: Door, what: Turns, channel: Channel | None = None) -> Work:
    """Everything that a serving process does, also for what is in quarantine."""

    async def release() -> None:
        await release_due(door)

    channels: Mapping[str, Channel] = {"terminal": channel or TerminalChannel()}
    return replace(turns.work_of(door, what, channels), release_quarantined=release)


async def do_all(
    database: Database, world: World, mind: Mind = echo, channel: Channel | None = None
) -> None:
    """Everything that is due now, one job after the other."""
    await work_off(
        database.conninfo("discreet_worker"),
        work_of(world.door, turns_of(world.door, mind), channel),
    )


def working(
    database: Database,
    door: Door,
    what: Turns,
    channel: Channel | None = None,
    *,
    slots: Slots = Slots(),  # noqa: B008 - it is frozen
) -> AbstractAsyncContextManager[None]:
    """A worker as a serving process has it."""
    return work(database.conninfo("discreet_worker"), door, work_of(door, what, channel), slots)


async def rows_of(world: World, sql: Any, *params: object) -> list[dict[str, Any]]:
    """What the owner sees."""
    async with world.door.enter(OwnerScope(world.owner_id)) as rows:
        return await rows.fetch(sql, params)


async def answers_of(world: World, session_id: SessionId) -> list[str]:
    """The agent's messages of a session, in order."""
    found = await rows_of(
        world,
        "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
        " ORDER BY position",
        session_id,
    )
    return [row["text"] for row in found]


async def count(world: World, table: str) -> int:
    [row] = await rows_of(world, f"SELECT count(*) AS n FROM discreet.{table}")
    return int(row["n"])
