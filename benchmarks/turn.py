"""All of a turn but the model, accepted to delivered: p50 and p95, split into its stages.

A worker works in this process; the responder answers at once. Each message comes from another
sender and
the next is sent when the last was delivered, so that only the path itself is measured.
"""

from __future__ import annotations

import asyncio
import time

import psycopg
from tests.support.turns import by_platform
from tests.support.world import make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
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

MESSAGES = 200
# The answer is delivered by the commit that saves it, so that counts when the turn has returned.
STAGES = {
    "accepted to lease": "extract(epoch FROM t.started_at - m.created_at)",
    "lease to thinking": "extract(epoch FROM to_timestamp(%(thinking)s) - t.started_at)",
    "thinking to saved": "extract(epoch FROM t.finished_at - to_timestamp(%(thinking)s))",
    "saved to delivered": "extract(epoch FROM to_timestamp(%(delivered)s) - t.finished_at)",
    "accepted to delivered": "extract(epoch FROM to_timestamp(%(delivered)s) - m.created_at)",
}


async def main() -> None:
    thinking: dict[SessionId, float] = {}
    delivered: dict[SessionId, float] = {}
    answered = asyncio.Event()

    async def responder(_: TurnContext, __: Prompt, tools: Tools, ___: OnText) -> TurnResult:
        thinking[tools.session_id] = time.time()  # type: ignore[attr-defined]
        return TurnResult("Yes.", "none")

    async with scratch_database() as (database, db):
        world = await make_world(db)

        turns = Turns(db=db, embedder=bundled_embedder(), responder=responder, max_attempts=3,
                      budget=Budget(), at_terminal=True)  # fmt: skip

        async def one_turn(session_id: SessionId, scope: SessionScope) -> None:
            await run_turn(turns, session_id, scope)
            delivered[session_id] = time.time()
            answered.set()

        channels = by_platform({"terminal": TerminalChannel()})

        async def one_route(route_id: RouteId, route: DueRoute) -> None:
            await deliver(db, channels, route_id, route)

        async def nothing() -> None: ...

        worker = database.conninfo("discreet_worker")
        sessions = []
        async with work(worker, db, Work(one_turn, one_route, nothing, ("terminal",)), Slots()):
            for number in range(MESSAGES):
                answered.clear()
                accepted = await world.say(f"telegram:{1000 + number}", "Hello, how are you?")
                sessions.append(accepted.session_id)
                await asyncio.wait_for(answered.wait(), 10)
        await asyncio.to_thread(
            _report, database.conninfo(ADMIN_ROLE), sessions, thinking, delivered
        )


def _report(
    conninfo: str,
    sessions: list[SessionId],
    thinking: dict[SessionId, float],
    delivered: dict[SessionId, float],
) -> None:
    with psycopg.connect(conninfo) as admin:
        for name, expression in STAGES.items():
            seconds = []
            for session in sessions[20:]:
                row = admin.execute(
                    f"SELECT {expression} FROM discreet.messages m"
                    " JOIN discreet.turns t ON t.id = m.turn_id"
                    " WHERE m.direction = 'in' AND m.session_id = %(session)s",
                    {
                        "session": session,
                        "thinking": thinking[session],
                        "delivered": delivered[session],
                    },
                ).fetchone()
                assert row is not None
                seconds.append(float(row[0]))
            p50, p95 = p50_p95(seconds)
            print(f"turn, {name}: p50 {p50 * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
