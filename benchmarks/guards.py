"""The CPU time of rights, audience and canaries in a turn:  python -m benchmarks.guards

A turn here asks a model twice, with one call of a tool between, and shows three drafts. Statements
count with the processor time of their backend. The target is 2 ms a turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb
from tests.support.world import World, make_world

from benchmarks.scratch import cpu_of_postgres, scratch_database
from discreet.domain import canaries
from discreet.domain.ids import SessionId, TurnId
from discreet.postgres.roles import ADMIN_ROLE
from discreet.scope import ContactScope, OwnerScope, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services.tool_access import allowed_tools
from discreet.turn.reading import Reading, note_what_was_read

TARGET_MS = 2.0
ROUNDS, REPEATS = 300, 5
TOOLS = 12
PROMPT = "At nine the boat leaves, and the captain said that it was full. " * 190
ANSWER = "The boat leaves at nine, as the captain said; there is room for two more. " * 7
LINKS = "\n".join(
    f"- **Entry {n}**: see [the page](https://a{n}.example/path?q={n}) & more" for n in range(40)
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, and what it answers."""

    name: str
    scope: SessionScope
    answer: str


async def main() -> None:
    """Print a line for each kind of turn."""
    canaries.watch(canaries.Canaries(b"k" * 32))
    async with scratch_database() as (database, db):
        world = await make_world(db)
        said = await world.say("telegram:1001", "Hello.")
        assert said.contact_id is not None
        await _add_tools(world)
        contact = ContactScope(world.owner_id, world.agent_id, said.contact_id)
        owner = OwnerScope(world.owner_id, world.agent_id)
        with psycopg.connect(database.conninfo(ADMIN_ROLE)) as admin:
            [(data,)] = admin.execute("SHOW data_directory").fetchall()
        for turn in (
            Turn("a contact's turn, 500 characters", contact, ANSWER),
            Turn("the owner's turn, 500 characters", owner, ANSWER),
            Turn(f"the owner's turn, {len(LINKS)} characters with 40 links", owner, LINKS),
        ):
            words = _cpu(partial(_words, turn), ROUNDS)
            asked = await _asked(world, turn, said.session_id, data)
            total = words + asked
            print(f"{turn.name}: {total:.2f} ms (at most {TARGET_MS}): words {words:.2f},"
                  f" statements {asked:.2f}", flush=True)  # fmt: skip


def _words(turn: Turn) -> None:
    """Check whatever a turn lets out, as the turn does."""
    reading = Reading.of(turn.scope)
    if reading.kind == "owner":
        reading.contacts.add(uuid4())
    for _ in range(2):
        canaries.check_leaving(PROMPT, "prompt of a model")
    if reading.kind != "owner":
        reading.call("lookup", {"what": "the boat", "when": "at nine"})
    for part in (1, 2, 3):
        reading.answer(turn.answer[: len(turn.answer) * part // 4])
    reading.final(turn.answer)
    canaries.check_leaving(turn.answer, "delivery")
    for _ in range(4):
        canaries.check_leaving('{"event": "turn", "session": "1", "seconds": 1.2}', "log")


async def _asked(world: World, turn: Turn, session_id: SessionId, data: str) -> float:
    """Return the CPU milliseconds of a turn's statements, without those of an empty transaction.

    The least of several measurements, since the processor is shared.
    """

    async def statements(tx: Transaction) -> None:
        await allowed_tools(tx)
        await allowed_tools(tx)
        if isinstance(turn.scope, OwnerScope):
            reading = Reading.of(turn.scope)
            for _ in range(2):
                await note_what_was_read(tx, reading, session_id, TurnId(uuid4()), [])

    async def nothing(_: Transaction) -> None:
        pass

    async def spent(do: Callable[[Transaction], Awaitable[None]]) -> float:
        began, of_server = time.process_time(), cpu_of_postgres(data)
        for _ in range(ROUNDS):
            async with world.db.begin(turn.scope) as tx:
                await do(tx)
        own = time.process_time() - began
        return (own + cpu_of_postgres(data) - of_server) / ROUNDS * 1e3

    await spent(statements)  # plans are made, caches are warm
    return min([await spent(statements) - await spent(nothing) for _ in range(REPEATS)])


def _cpu(do: Callable[[], None], many: int) -> float:
    do()
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(many // REPEATS):
            do()
        spent.append((time.process_time() - began) / (many // REPEATS) * 1e3)
    return min(spent)


async def _add_tools(world: World) -> None:
    async with world.db.begin(OwnerScope(world.owner_id, world.agent_id)) as tx:
        server = await tx.value(
            "INSERT INTO discreet.tool_servers (agent_id, name, url)"
            " VALUES (%(agent)s, 'shop', 'http://127.0.0.1:9/mcp') RETURNING id",
            {"agent": world.agent_id},
        )
        for number in range(TOOLS):
            await tx.execute(
                "INSERT INTO discreet.tools (server_id, name, called, description, schema,"
                " reads_only, confirm) VALUES (%(server)s, %(name)s, %(name)s, 'Look.', %(schema)s,"
                " true, 'never')",
                {"server": server, "name": f"look_{number}", "schema": Jsonb({"type": "object"})},
            )
        await tx.execute("UPDATE discreet.tools SET allowed = 'everybody'")


if __name__ == "__main__":
    asyncio.run(main())
