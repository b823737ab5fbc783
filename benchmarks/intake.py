"""Accepted messages a second against single-row insert transactions a second, in turns.

Floor: BEGIN, one INSERT, COMMIT on a bare connection, by as many connections as there are senders.
Subject: ``accept``: contact, session, route, message row and wake job in one commit.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from tests.support.world import World, make_world

from benchmarks.scratch import scratch_database
from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import accept
from discreet.postgres.roles import ADMIN_ROLE

SECONDS = 2.0
ROUNDS = 5
TARGET = 0.4


async def main() -> None:
    async with scratch_database() as (database, db):
        world = await make_world(db)
        for concurrency in (1, 8):
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
            floors, subjects = [], []
            for _ in range(ROUNDS):
                floors.append(await _rate([_insert(c) for c in connections]))
                subjects.append(await _rate([_accept(world, n) for n in range(concurrency)]))
            floor, subject = sorted(floors)[ROUNDS // 2], sorted(subjects)[ROUNDS // 2]
            print(
                f"intake, concurrency {concurrency}: {subject:.0f}/s accepted, {floor:.0f}/s bare"
                f" inserts, ratio {subject / floor:.2f} (at least {TARGET})"
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


async def _accept(world: World, sender: int) -> int:
    done, end = 0, time.perf_counter() + SECONDS
    address = Address("telegram", str(1000 + sender))
    while time.perf_counter() < end:
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
        done += 1
    return done


if __name__ == "__main__":
    asyncio.run(main())
