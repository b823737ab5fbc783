"""The footprint of an installation: memory for each 1,000 isolated senders, and disk for each
message.

A real ``sb serve`` without a model, over REST. Memory is the proportional share (PSS) of the server
and of every process of PostgreSQL, with 1,000 and with 100,000 contacts, after the same messages.
Then the same number of turns of ten senders and of ten thousand, in turns, and what a message and a
memory add to the database and to the WAL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.scratch import cpu_of_postgres, scratch_home
from benchmarks.turn_cost import AT_ONCE, _cpu, _served, _token
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import vector_literal
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import terms_of
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, opened_database

FEW, MANY = 1_000, 100_000
SENDERS_TARGET = 0.9
KB = 1024
MEMORY = "Likes the table at the window"

_CONTACTS = """
WITH made AS (
  INSERT INTO discreet.contacts (owner_id, name)
  SELECT o.id, 'Contact ' || n FROM discreet.owners o, generate_series(%(first)s::int, %(last)s) n
  RETURNING id, owner_id, name
), reached AS (
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  SELECT owner_id, 'telegram', split_part(name, ' ', 2), id FROM made
)
INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, terms, tokens, embedder,
  embedding)
SELECT m.owner_id, a.id, m.id, %(text)s || ' ' || n, %(terms)s, %(tokens)s, %(embedder)s,
       %(embedding)s
  FROM made m JOIN discreet.agents a ON a.owner_id = m.owner_id, generate_series(1, 2) n
"""


async def main(turns: int) -> None:
    with scratch_home() as home, opened_database(home) as database:
        environment = {**os.environ, "DISCREET_HOME": str(home), "DISCREET_LISTEN": "127.0.0.1:0",
                       "DISCREET_API_CALLS_A_MINUTE": "1000000",
                       "DISCREET_MESSAGES_A_MINUTE": "1000000",
                       "DISCREET_CANARIES": "off"}  # fmt: skip
        data = str(Layout(home).data)
        async with _served(environment) as (url, _):
            token = await asyncio.to_thread(_token, environment)
            async with _client(url, token) as client:
                await _say(client, range(10**6, 10**6 + 1))  # makes the first agent and its rows
        weights = []
        for first, last in ((1, FEW), (FEW + 1, MANY)):
            await asyncio.to_thread(_make, database, first, last)
            async with _served(environment) as (url, pid), _client(url, token) as client:
                await _say(client, range(1, turns))
                weights.append(_pss(pid) + _pss_of_postgres(data))
                print(f"{last:,} contacts: server {_pss(pid):.0f} MB,"
                      f" PostgreSQL {_pss_of_postgres(data):.0f} MB", flush=True)  # fmt: skip
        each = (weights[1] - weights[0]) / (MANY - FEW) * 1000
        print(f"1,000 isolated senders: {each:.2f} MB", flush=True)
        async with _served(environment) as (url, pid), _client(url, token) as client:
            await _senders(client, pid, data, turns)
            await _bytes(client, database, turns)


async def _senders(client: httpx.AsyncClient, pid: int, data: str, turns: int) -> None:
    """Compare a few senders with many, in turns, so that both meet the same load."""
    rates: dict[int, list[float]] = {10: [], 10_000: []}
    used = dict.fromkeys(rates, 0.0)
    await _say(client, range(20_000, 20_000 + turns))
    for half in range(2):
        for senders, found in rates.items():
            numbers = [1 + (number * 37 + half) % senders for number in range(turns // 2)]
            before, start = _cpu(pid) + cpu_of_postgres(data), time.perf_counter()
            await _say(client, numbers)
            found.append(turns // 2 / (time.perf_counter() - start))
            used[senders] += _cpu(pid) + cpu_of_postgres(data) - before
    few, many = (sum(found) / 2 for found in rates.values())
    per_turn = [1e3 * seconds / turns for seconds in used.values()]
    print(
        f"turns/s: 10 senders {few:.1f}, 10,000 senders {many:.1f}, ratio {many / few:.2f};"
        f" processor of a turn {per_turn[0]:.0f} and {per_turn[1]:.0f} ms,"
        f" ratio {per_turn[0] / per_turn[1]:.2f} (at least {SENDERS_TARGET})",
        flush=True,
    )


async def _bytes(client: httpx.AsyncClient, database: Database, count: int) -> None:
    """Print what a message with its answer adds, and what a memory adds."""
    for what, make in (("message with its answer", _say), ("memory", _remember)):
        before = await asyncio.to_thread(_written, database)
        await make(client, range(30_000, 30_000 + count))
        size, wal = (
            now - then
            for now, then in zip(await asyncio.to_thread(_written, database), before, strict=True)
        )
        kept, logged = size / count / 1e3, wal / count / 1e3
        print(f"a {what}: {kept:.1f} kB of database, {logged:.1f} kB of WAL", flush=True)


def _written(database: Database) -> tuple[int, int]:
    """Return the bytes of rows and of their indexes, without free pages, and of WAL so far."""
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("CHECKPOINT")
        row = admin.execute(
            "SELECT pg_database_size(current_database()), wal_bytes::bigint FROM pg_stat_wal"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


async def _say(client: httpx.AsyncClient, senders: Any) -> None:
    numbers = iter(senders)

    async def say_on() -> None:
        for number in numbers:
            asked = {"sender": f"telegram:{number}", "text": "Hello, how are you?"}
            (await client.post("/api/messages", json=asked)).raise_for_status()

    await asyncio.gather(*(say_on() for _ in range(AT_ONCE)))


async def _remember(client: httpx.AsyncClient, senders: Any) -> None:
    for number in senders:
        given = {"content": f"My sister Anna lives in Graz, house number {number}."}
        sender = {"sender": f"telegram:{number}"}
        (await client.post("/api/memories", json=given, params=sender)).raise_for_status()


def _client(url: str, token: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=AT_ONCE)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=300, limits=limits)


def _make(database: Database, first: int, last: int) -> None:
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(_CONTACTS, {"first": first, "last": last, **_indexed(MEMORY)})
        admin.execute("VACUUM ANALYZE")


def _indexed(text: str) -> dict[str, Any]:
    """Return a text with its search data, so that a server has nothing to index afterwards."""
    embedder = bundled_embedder()
    [tokens], [vector] = pack([text]), embedder.embed([text])
    return {"text": text, "terms": terms_of(text), "tokens": bytes.fromhex(tokens[2:]),
            "embedder": embedder.name, "embedding": vector_literal(vector)}  # fmt: skip


def _pss(pid: int) -> float:
    """Return a process's share of memory in MB: pages that others share count in part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KB / 1e6
    return 0.0


def _pss_of_postgres(data: str) -> float:
    postmaster = int((Path(data) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return sum(_pss(pid) for pid in (postmaster, *map(int, children)))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=200)
    asyncio.run(main(options.parse_args().turns))
