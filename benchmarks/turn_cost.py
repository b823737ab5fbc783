"""The cost of a message in the database, from accepted to delivered, and of an idle server.

A real ``sb serve`` without a model answers over REST. PostgreSQL counts the transactions, the rows
written and the WAL; the idle server's share is measured first and subtracted.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import httpx
import psycopg

from benchmarks.scratch import cpu_of_postgres, p50_p95, scratch_home
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import opened_database

SB = Path(sys.executable).with_name("sb")
WARM, MESSAGES, AT_ONCE, MANY = 30, 100, 16, 160
IDLE_SECONDS = 20.0
SETTLE_SECONDS = 12.0
"""Seconds after which an idle connection has reported what it did to the statistics."""
COUNTS = """
SELECT d.xact_commit + d.xact_rollback, d.tup_inserted, d.tup_updated, d.tup_deleted, w.wal_bytes
  FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = current_database()
"""
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What PostgreSQL has counted, ``at`` seconds of a clock."""

    at: float
    transactions: float
    inserted: float
    updated: float
    deleted: float
    wal: float

    def since(self, before: Counts) -> Counts:
        """Return what was added since."""
        return Counts(
            *(now - then for now, then in zip(astuple(self), astuple(before), strict=True))
        )

    def of_each(self, count: int, idle: Counts) -> Counts:
        """Return the share of each of ``count`` messages, without an idle server's."""
        share = self.at / idle.at
        pairs = zip(astuple(self), astuple(idle), strict=True)
        return Counts(*((own - rest * share) / count for own, rest in pairs))


async def main() -> None:
    with scratch_home() as home, opened_database(home) as database:
        environment = {**os.environ, "DISCREET_HOME": str(home), "DISCREET_LISTEN": "127.0.0.1:0",
                       "DISCREET_API_CALLS_A_MINUTE": "1000000"}  # fmt: skip
        async with _served(environment, *sys.argv[1:]) as (url, pid):
            token = await asyncio.to_thread(_token, environment)
            admin = database.conninfo(ADMIN_ROLE)
            limits = httpx.Limits(max_connections=AT_ONCE)
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=url, headers=headers, timeout=60, limits=limits
            ) as client:
                await _cost(client, admin)
                await _rate(client, pid, str(Layout(home).data))


async def _cost(client: httpx.AsyncClient, admin: str) -> None:
    for number in range(WARM):
        await _ask(client, number)
    before = await _settled(admin)
    await asyncio.sleep(IDLE_SECONDS)
    quiet = await _settled(admin)
    idle = quiet.since(before)
    print(f"idle server: {idle.transactions / idle.at:.1f} transactions/s (at most 2)")
    took = [await _ask(client, number % WARM) for number in range(MESSAGES)]
    cost = (await _settled(admin)).since(quiet).of_each(MESSAGES, idle)
    print(
        f"one message over REST: {cost.transactions:.1f} transactions (at most 12),"
        f" {cost.inserted:.1f} rows inserted, {cost.updated:.1f} updated and"
        f" {cost.deleted:.1f} deleted (at most 10), {cost.wal / 1000:.1f} kB of WAL (at most 8)"
    )
    p50, p95 = p50_p95(took)
    print(f"message over REST until its answer: p50 {p50 * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms")


async def _rate(client: httpx.AsyncClient, pid: int, data: str) -> None:
    numbers = iter(range(MANY))

    async def ask_on() -> None:
        for number in numbers:
            await _ask(client, 5000 + number)

    server, postgres = _cpu(pid), cpu_of_postgres(data)
    start = time.perf_counter()
    await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
    rate = MANY / (time.perf_counter() - start)
    server, postgres = _cpu(pid) - server, cpu_of_postgres(data) - postgres
    print(
        f"whole turns over REST, {AT_ONCE} at once: {rate:.1f}/s (at least 60);"
        f" processor of a turn: server {1000 * server / MANY:.1f} ms,"
        f" PostgreSQL {1000 * postgres / MANY:.1f} ms"
    )


def _cpu(pid: int) -> float:
    """Return the seconds of processor that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


async def _settled(admin: str) -> Counts:
    """Return the counts once every connection has reported what it did."""
    await asyncio.sleep(SETTLE_SECONDS)
    return await asyncio.to_thread(_counts, admin)


def _counts(admin: str) -> Counts:
    with psycopg.connect(admin, autocommit=True) as connection:
        row = connection.execute(COUNTS).fetchone()
    assert row is not None
    return Counts(time.monotonic(), *(float(one) for one in row))


async def _ask(client: httpx.AsyncClient, number: int) -> float:
    start = time.perf_counter()
    asked = {"sender": f"telegram:{number}", "text": "Hello, how are you?"}
    response = await client.post("/api/messages", json=asked)
    response.raise_for_status()
    assert response.json()["state"] == "answered", response.text
    return time.perf_counter() - start


@asynccontextmanager
async def _served(environment: dict[str, str], *words: str) -> AsyncIterator[tuple[str, int]]:
    """Yield the URL of a server, and the process that it runs in."""
    server = await asyncio.create_subprocess_exec(
        SB, "serve", *words, env=environment, stdout=PIPE, stderr=DEVNULL
    )
    assert server.stdout is not None
    try:
        said = ""
        async with asyncio.timeout(START_SECONDS):
            while (found := re.search(r"REST at (\S+)/api", said)) is None:
                line = (await server.stdout.readline()).decode()
                if not line:
                    raise SystemExit(f"sb serve ended: {said}")
                said += line
        yield found[1], server.pid
    finally:
        server.terminate()
        await server.wait()


def _token(environment: dict[str, str]) -> str:
    command = [SB, "tokens", "create", "--owner"]
    made = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return re.findall(r"\bsb_\S+", made.stdout)[-1]


if __name__ == "__main__":
    asyncio.run(main())
