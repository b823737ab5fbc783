"""Accepted messages a second against single-row insert transactions a second, in turns.

And how long one accept takes that has nothing beside it.

Floor: BEGIN, one INSERT, COMMIT on a bare connection, by as many connections as there are senders.
Subject: ``accept``: contact, session, route, message row and wake job in one commit; those that
arrive together share it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from tests.support.world import World, make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import accept
from discreet.postgres.roles import ADMIN_ROLE

SECONDS = 2.0
ROUNDS = 5
TARGETS = {1: 0.45, 8: 0.8, 64: 1.2}


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        for concurrency, target in TARGETS.items():
            connections = [
                await psycopg.AsyncConnection.connect(
                    database.conninfo(ADMIN_ROLE), autocommit=True
                )
                for _ in range(concurrency)
            ]
            await connections[0].execute(
                "CREATE TABLE IF NOT EXISTS public.bare"
                " (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text)"
            )
            floors, subjects, spent = [], [], list[float]()
            for _ in range(ROUNDS):
                floors.append(await _rate([_insert(c) for c in connections]))
                subjects.append(await _rate([_accept(world, n, spent) for n in range(concurrency)]))
            floor, subject = sorted(floors)[ROUNDS // 2], sorted(subjects)[ROUNDS // 2]
            p50, p95 = p50_p95(spent)
            print(
                f"intake, concurrency {concurrency}: {subject:.0f}/s accepted, {floor:.0f}/s bare"
                f" inserts, ratio {subject / floor:.2f} (at least {target}); one accept p50"
                f" {p50 * 1e3:.2f} ms, p95 {p95 * 1e3:.2f}",
                flush=True,
            )
            for connection in connections:
                await connection.close()


async def _rate(loops: list[object]) -> float:
    start = time.perf_counter()
    counts = await asyncio.gather(*loops)  # type: ignore[arg-type]
    return sum(counts) / (time.perf_counter() - start)


async def _insert(connection: psycopg.AsyncConnection[object]) -> int:
    done, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        async with connection.transaction():
            await connection.execute("INSERT INTO public.bare (text) VALUES (%s)", ("hello",))
        done += 1
    return done


async def _accept(world: World, sender: int, spent: list[float]) -> int:
    done, end = 0, time.perf_counter() + SECONDS
    address = Address("telegram", str(1000 + sender))
    while time.perf_counter() < end:
        start = time.perf_counter()
        await accept(
            world.db,
            world.owner_id,
            Inbound(
                channel_id=world.channel_id,
                chat_id=str(address),
                message_id=str(uuid4()),
                sender=AddressSender(address, "Sender"),
                text="hello",
                sent_at=datetime.now(UTC),
            ),
        )
        spent.append(time.perf_counter() - start)
        done += 1
    return done


if __name__ == "__main__":
    asyncio.run(main())
