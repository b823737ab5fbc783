"""Turns for tests: real intake, lease, load, tools, save and delivery with a scripted responder.

Also the owner's view of them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.ids import RouteId, SessionId
from discreet.domain.outbound import Channel, Outbound, SendResult, Sent
from discreet.intake.retry import release_due
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.queue.job_scope import DueRoute
from discreet.queue.worker import Slots, Work, work, work_off
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.turn.prompt import Budget
from discreet.turn.reminders import fire_reminder
from discreet.turn.run import run_turn
from discreet.turn.turns import Turns
from tests.support.responders import Think, echo
from tests.support.world import World

Channels = Channel | Mapping[str, Channel] | None
"""One for its own platform; several by platform; None: the terminal."""


@dataclass
class Recording(Channel):
    """A channel that records what it sent; ``results`` are returned first, errors are raised."""

    platform: str = "terminal"
    results: list[SendResult | Exception] = field(default_factory=list)
    tried: list[Outbound] = field(default_factory=list)
    sent: list[Outbound] = field(default_factory=list)

    def parts(self, text: str) -> int:
        return 1

    async def send(self, outbound: Outbound) -> SendResult:
        self.tried.append(outbound)
        result: SendResult | Exception = Sent(f"sent-{len(self.tried)}")
        if self.results:
            result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        if isinstance(result, Sent):
            self.sent.append(outbound)
        return result


def turns_of(
    db: ScopedDatabase,
    responder: Think = echo,
    max_attempts: int = 3,
    *,
    first_wait: timedelta = timedelta(0),
) -> Turns:
    """Return turns that retry at once."""
    return Turns(db, bundled_embedder(), responder, max_attempts, Budget(), first_wait=first_wait)


async def one_turn(
    world: World, session_id: SessionId, responder: Think = echo, **options: Any
) -> None:
    await run_turn(turns_of(world.db, responder, **options), session_id)


def by_platform(channels: Channels) -> Callable[[DueRoute], Awaitable[Channel]]:
    """Return these channels for any account."""
    named = _named(channels)

    async def channel_of(route: DueRoute) -> Channel:
        return named[route.platform]

    return channel_of


def work_of(db: ScopedDatabase, turns: Turns, channels: Channels = None) -> Work:
    """Return all the work of a serving process, including the quarantine."""

    async def turn(session_id: SessionId, scope: SessionScope) -> bool:
        return await run_turn(turns, session_id, scope)

    async def route(route_id: RouteId, due: DueRoute) -> bool:
        return await deliver(db, by_platform(channels), route_id, due)

    async def release() -> None:
        await release_due(db)

    async def reminder(reminder_id: UUID) -> None:
        await fire_reminder(db, reminder_id)

    return Work(turn, route, release, tuple(_named(channels)), remind=reminder)


async def do_all(
    database: Database, db: ScopedDatabase, responder: Think = echo, channels: Channels = None
) -> None:
    """Run every turn and delivery that is due now, one after the other."""
    what = work_of(db, turns_of(db, responder), channels)
    await work_off(database.conninfo("discreet_worker"), what)


def working(
    database: Database,
    db: ScopedDatabase,
    turns: Turns,
    channels: Channels = None,
    *,
    slots: Slots = Slots(),  # noqa: B008 - it is frozen
) -> AbstractAsyncContextManager[None]:
    """Run a worker like a serving process."""
    what = work_of(db, turns, channels)
    return work(database.conninfo("discreet_worker"), db, what, slots)


def _named(channels: Channels) -> Mapping[str, Channel]:
    if isinstance(channels, Mapping):
        return channels
    channel = channels or TerminalChannel()
    return {channel.platform: channel}


def memory_ids(outcome: str) -> list[UUID]:
    """Return the ids in the output of a tool or in a prompt."""
    return [
        UUID(json.loads(line)["id"])
        for line in outcome.splitlines()
        if line.startswith("{") and "id" in json.loads(line)
    ]


async def rows_of(world: World, sql: Any, *params: object) -> list[dict[str, Any]]:
    """Return the rows that the owner sees."""
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        return await tx.fetch(sql, params)


async def answers_of(world: World, session_id: SessionId) -> list[str]:
    """Return the agent's messages of a session, in order."""
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
