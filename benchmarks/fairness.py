"""The effect of other senders on one sender, with a server's worker in this process.

1. One sender with a great backlog: p95 from accepted to delivered of 100 other senders, with and
   without somebody who has 20,000 messages waiting, in turns.
2. Another agent that is slow: p95 of one agent's senders, alone and beside 50 senders of an
   agent whose model takes 15 s; and how long finished answers of both wait in the outbox.

A mind takes a fixed time, as a model does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from itertools import count

import psycopg
from tests.support.turns import by_platform
from tests.support.world import World, make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.concurrency import running
from discreet.domain.ids import RouteId, SessionId
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.roles import ADMIN_ROLE
from discreet.queue.job_scope import DueRoute
from discreet.queue.worker import Slots, Work, work
from discreet.scope.scopes import SessionScope
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.result import TurnResult
from discreet.turn.run import run_turn
from discreet.turn.think import OnText
from discreet.turn.tools import Tools
from discreet.turn.turns import Turns

Worker = Callable[[], AbstractAsyncContextManager[None]]

BACKLOG = 20_000
SENDERS = 100
GAP_SECONDS = 0.1
THINKING_SECONDS = 0.3
ROUNDS = 3
TARGET = 1.5
SLOW_SENDERS, SLOW_SECONDS = 50, 15.0
SLOW_AGENT = "Slow"
QUICK_MESSAGES, QUICK_GAP_SECONDS = 200, 0.2
AGENT_TARGET, OUTBOX_TARGET_SECONDS = 1.2, 0.5
FLOODER = "telegram:1"

BACKLOG_ROWS = """
INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id, position,
  direction, text, sender_contact_id, sender_address, channel_id, chat_id, platform_message_id)
SELECT m.owner_id, m.agent_id, m.contact_id, m.session_id, m.route_id, m.position + n, 'in',
       'This is message number ' || n || ' of somebody who does not stop.', m.sender_contact_id,
       m.sender_address, m.channel_id, m.chat_id, %(round)s || '/' || n
  FROM discreet.messages m, generate_series(1, %(backlog)s) n WHERE m.id = %(message)s
"""
# The last position goes with the rows, or the next message would take one that is taken.
LAST_POSITION = """
UPDATE discreet.sessions s SET last_position = (
  SELECT max(m.position) FROM discreet.messages m WHERE m.session_id = s.id)
 WHERE s.id = %(session)s
"""
TIMES = """
SELECT extract(epoch FROM o.sent_at - m.created_at)
  FROM discreet.messages m JOIN discreet.messages a ON a.turn_id = m.turn_id AND a.direction = 'out'
  JOIN discreet.outbox o ON o.message_id = a.id AND o.state = 'sent'
 WHERE m.id = ANY (%(ids)s)
"""

OUTBOX_TIMES = """
SELECT extract(epoch FROM o.sent_at - o.created_at) FROM discreet.outbox o
 WHERE o.state = 'sent' AND o.created_at > %(since)s
"""


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        turns = Turns(db, bundled_embedder(), _responder, 3, Budget())

        async def one_turn(session_id: SessionId, scope: SessionScope) -> None:
            await run_turn(turns, session_id, scope)

        channels = by_platform({"terminal": TerminalChannel()})

        async def one_route(route_id: RouteId, route: DueRoute) -> None:
            await deliver(db, channels, route_id, route)

        async def nothing() -> None: ...

        jobs = Work(one_turn, one_route, nothing, ("terminal",))
        worker = partial(work, database.conninfo("discreet_worker"), db, jobs, Slots())
        admin = database.conninfo(ADMIN_ROLE)
        await _beside_a_backlog(world, worker, admin)
        await _beside_a_slow_agent(world, worker, admin)


async def _beside_a_backlog(world: World, worker: Worker, admin: str) -> None:
    alone, beside = [], []
    for number in range(ROUNDS):
        async with worker():
            alone.append(await _p95(world, admin, f"{number}1"))
        await asyncio.to_thread(_backlog, admin, await _flood(world, number), number)
        async with worker():
            beside.append(await _p95(world, admin, f"{number}2"))
            waiting = await asyncio.to_thread(_drop_backlog, admin)
        if waiting < BACKLOG // 2:
            raise SystemExit(f"only {waiting} messages were still waiting: nothing was shown")
    floor, subject = sorted(alone)[ROUNDS // 2], sorted(beside)[ROUNDS // 2]
    print(
        f"fairness: p95 accepted to delivered of {SENDERS} senders {1000 * subject:.0f} ms"
        f" beside {BACKLOG:,} waiting messages of another, {1000 * floor:.0f} ms without,"
        f" ratio {subject / floor:.2f} (at most {TARGET})",
        flush=True,
    )


async def _beside_a_slow_agent(world: World, worker: Worker, admin: str) -> None:
    slow = await make_world(world.db, agent=SLOW_AGENT)
    async with worker():
        alone = await _quick(world, admin, "8")
        since = datetime.now(UTC)
        async with running(_crowd(slow), "a crowd"):
            beside = await _quick(world, admin, "9")
            await asyncio.sleep(SLOW_SECONDS)
        outbox = await asyncio.to_thread(_outbox, admin, since)
    if len(outbox) < QUICK_MESSAGES + SLOW_SENDERS:
        raise SystemExit(f"only {len(outbox)} answers came: nothing was shown")
    print(
        f"fairness: p95 accepted to delivered of one agent {1000 * beside:.0f} ms beside"
        f" {SLOW_SENDERS} senders of another whose model takes {SLOW_SECONDS:.0f} s,"
        f" {1000 * alone:.0f} ms alone, ratio {beside / alone:.2f} (at most {AGENT_TARGET})"
    )
    print(
        f"fairness: p95 of a finished answer in the outbox {p50_p95(outbox)[1]:.3f} s, of"
        f" {len(outbox)} (at most {OUTBOX_TARGET_SECONDS} s)"
    )


async def _crowd(world: World) -> None:
    """All at once; then each says something again when it has its answer."""
    for turn in count():
        for number in range(SLOW_SENDERS):
            await world.say(f"telegram:5{number:04}", f"Hello for the {turn}th time.")
        await asyncio.sleep(SLOW_SECONDS + 1)


async def _quick(world: World, admin: str, prefix: str) -> float:
    ids = []
    for number in range(QUICK_MESSAGES):
        said = await world.say(f"telegram:{prefix}{number:04}", "Hello, how are you?")
        ids.append(said.message_id)
        await asyncio.sleep(QUICK_GAP_SECONDS)
    for _ in range(3000):
        times = await asyncio.to_thread(_times, admin, ids)
        if len(times) == QUICK_MESSAGES:
            return p50_p95(times)[1]
        await asyncio.sleep(0.1)
    raise SystemExit("not every message was answered within five minutes")


def _outbox(admin: str, since: datetime) -> list[float]:
    with psycopg.connect(admin) as connection:
        found = connection.execute(OUTBOX_TIMES, {"since": since}).fetchall()
    return [float(seconds) for (seconds,) in found]


async def _responder(context: TurnContext, _: Prompt, __: Tools, ___: OnText) -> TurnResult:
    is_slow = context.agent.name == SLOW_AGENT
    await asyncio.sleep(SLOW_SECONDS if is_slow else THINKING_SECONDS)
    return TurnResult("Yes.", "none")


async def _p95(world: World, admin: str, prefix: str) -> float:
    ids = []
    for number in range(SENDERS):
        said = await world.say(f"telegram:{prefix}{number:04}", "Hello, how are you?")
        ids.append(said.message_id)
        await asyncio.sleep(GAP_SECONDS)
    for _ in range(600):
        times = await asyncio.to_thread(_times, admin, ids)
        if len(times) == SENDERS:
            return p50_p95(times)[1]
        await asyncio.sleep(0.1)
    raise SystemExit("not every message was answered within a minute")


def _times(admin: str, ids: list[object]) -> list[float]:
    with psycopg.connect(admin) as connection:
        found = connection.execute(TIMES, {"ids": ids}).fetchall()
    return [float(seconds) for (seconds,) in found]


async def _flood(world: World, number: int) -> tuple[object, object]:
    said = await world.say(FLOODER, f"Here I come for the {number}th time.")
    return said.message_id, said.session_id


def _backlog(admin: str, first: tuple[object, object], number: int) -> None:
    message, session = first
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            BACKLOG_ROWS, {"backlog": BACKLOG, "message": message, "round": str(number)}
        )
        connection.execute(LAST_POSITION, {"session": session})
        connection.execute("ANALYZE discreet.messages")


def _drop_backlog(admin: str) -> int:
    """How many still waited; none does afterwards."""
    with psycopg.connect(admin, autocommit=True) as connection:
        return connection.execute(
            # Those that a turn is taking are locked, and wait no longer.
            "UPDATE discreet.messages SET state = 'context' WHERE id IN (SELECT id"
            " FROM discreet.messages WHERE state = 'waiting' FOR UPDATE SKIP LOCKED)"
        ).rowcount


if __name__ == "__main__":
    asyncio.run(main())
