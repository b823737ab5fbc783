"""What one sender with a great backlog costs the others: p95 from accepted to delivered of 100
other senders, with and without somebody who has 20,000 messages waiting, in turns.

The mind takes a fixed time, as a model does; a worker with eight places works in this process.
"""

from __future__ import annotations

import asyncio

import psycopg
from tests.support.world import World, make_world

from benchmarks.scratch import p50_p95, scratch_door
from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.ids import RouteId, SessionId
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.roles import ADMIN_ROLE
from discreet.queue.worker import Work, work
from discreet.turn.plan import Budget, Prompt
from discreet.turn.run import Turns, run_turn
from discreet.turn.situation import Situation
from discreet.turn.think import OnText
from discreet.turn.thought import Thought
from discreet.turn.tools import Tools

BACKLOG = 20_000
SENDERS = 100
GAP_SECONDS = 0.1
THINKING_SECONDS = 0.3
ROUNDS = 3
TARGET = 1.5
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


async def main() -> None:
    async with scratch_door() as (database, door):
        world = await make_world(door)
        turns = Turns(door, bundled_embedder(), _mind, 3, Budget())

        async def one_turn(session_id: SessionId) -> None:
            await run_turn(turns, session_id)

        async def one_route(route_id: RouteId) -> None:
            await deliver(door, {"terminal": TerminalChannel()}, route_id)

        async def nothing() -> None: ...

        worker = database.conninfo("discreet_worker")
        jobs = Work(one_turn, one_route, nothing, ("terminal",))
        admin = database.conninfo(ADMIN_ROLE)
        alone, beside = [], []
        for number in range(ROUNDS):
            async with work(worker, door, jobs, 8):
                alone.append(await _p95(world, admin, f"{number}1"))
            await asyncio.to_thread(_backlog, admin, await _flood(world, number), number)
            async with work(worker, door, jobs, 8):
                beside.append(await _p95(world, admin, f"{number}2"))
                waiting = await asyncio.to_thread(_drop_backlog, admin)
            if waiting < BACKLOG // 2:
                raise SystemExit(f"only {waiting} messages were still waiting: nothing was shown")
        floor, subject = sorted(alone)[ROUNDS // 2], sorted(beside)[ROUNDS // 2]
        print(
            f"fairness: p95 accepted to delivered of {SENDERS} senders {1000 * subject:.0f} ms"
            f" beside {BACKLOG:,} waiting messages of another, {1000 * floor:.0f} ms without,"
            f" ratio {subject / floor:.2f} (at most {TARGET})"
        )


async def _mind(_: Situation, __: Prompt, ___: Tools, ____: OnText) -> Thought:
    await asyncio.sleep(THINKING_SECONDS)
    return Thought("Yes.", "none")


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
            "UPDATE discreet.messages SET state = 'context' WHERE state = 'waiting'"
        ).rowcount


if __name__ == "__main__":
    asyncio.run(main())
